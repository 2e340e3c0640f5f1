"""Tells thoughts from text where a model prints both, its thoughts between tags at the beginning."""

from holdfast.llm.model import Delta, ReasoningDelta, TextDelta

TAGS = {"<think>": "</think>", "<thinking>": "</thinking>"}


class Thoughts:
    """Reads an answer in fragments of any size; a tag may be cut anywhere."""

    __slots__ = ("_closing", "_is_over", "_pending", "_trims")

    def __init__(self) -> None:
        self._pending = ""
        self._closing: str | None = None
        self._is_over = False
        """What follows is text to its end."""
        self._trims = False
        """A tag has just been read: the space that follows it belongs to neither thought nor text."""

    def feed(self, text: str) -> list[Delta]:
        self._append(text)
        if self._closing is None and not self._is_over:
            self._open()
        if self._closing is not None:
            return self._think(self._closing)
        return self._flush() if self._is_over else []

    def rest(self) -> list[Delta]:
        """What was held back because it might have become a tag."""
        if self._closing is None:
            return self._flush()
        thought, self._pending = self._pending, ""
        return [ReasoningDelta(thought)] if thought else []

    def _append(self, text: str) -> None:
        self._pending += text
        if self._trims:
            self._pending = self._pending.lstrip()
            self._trims = not self._pending

    def _open(self) -> None:
        start = self._pending.lstrip()
        opening = next((tag for tag in TAGS if start.startswith(tag)), None)
        if opening is not None:
            self._closing, self._pending = TAGS[opening], ""
            self._trims = True
            self._append(start.removeprefix(opening))
        elif not any(tag.startswith(start) for tag in TAGS):
            self._is_over = True

    def _think(self, closing: str) -> list[Delta]:
        thought, tag, text = self._pending.partition(closing)
        if not tag:
            held = _beginning(self._pending, closing)
            cut = len(self._pending) - held
            thought, self._pending = self._pending[:cut], self._pending[cut:]
            return [ReasoningDelta(thought)] if thought else []
        self._closing, self._is_over, self._trims, self._pending = None, True, True, ""
        self._append(text)
        return [*([ReasoningDelta(thought)] if thought else []), *self._flush()]

    def _flush(self) -> list[Delta]:
        text, self._pending = self._pending, ""
        return [TextDelta(text)] if text else []


def _beginning(text: str, tag: str) -> int:
    """How many characters at the end of a text may be the beginning of a tag."""
    return next((size for size in range(len(tag) - 1, 0, -1) if text.endswith(tag[:size])), 0)
