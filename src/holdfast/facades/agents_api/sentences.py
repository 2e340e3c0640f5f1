"""Sentences of a text that arrives in fragments, each as soon as it is clear that it has ended. Pure."""

import re

CLOSERS = "\"'”’»)]}」』）】》"
WIDE = "。！？｡"
"""Marks after which the next sentence follows without a space."""

_END = re.compile(rf"(?:[{WIDE}]+[{re.escape(CLOSERS)}]*)|(?:[.!?…‽؟।]+[{re.escape(CLOSERS)}*_]*(?=\s))|\n+")
_WORD = re.compile(r"[\w.]+$")
_INITIAL = re.compile(r"(?:^|\s)[^\W\d_]\.$")
_NUMBERING = re.compile(r"^\s*(?:\d{1,3}|[a-zA-Z])\.$")

_TITLE = re.compile(
    r"mr|mrs|ms|dr|prof|st|rev|hon|gov|sen|vs|e\.g|i\.e|cf|approx|fig|bzw|ca|z\.b|d\.h|u\.a|ggf|inkl|mme"
)
"""Abbreviations that something always follows."""

_ENDING = re.compile(
    r"a\.m|p\.m|etc|inc|ltd|co|corp|jr|sr|u\.s|u\.k|u\.n|e\.u|no|vol|ph\.d|jan|feb|aug|sept|oct|nov|dec|usw"
)
"""Abbreviations that a sentence may end with: it does when the next word begins large."""


class Sentences:
    """Takes fragments, gives sentences; nothing of the text is lost but the space between them."""

    def __init__(self) -> None:
        self._text = ""
        self._looked = 0
        """How far it is known that no sentence ends."""

    def feed(self, fragment: str) -> list[str]:
        """The sentences that have ended with this fragment."""
        self._text += fragment
        found = list[str]()
        while (end := self._end()) is not None:
            sentence = self._text[:end].strip()
            self._text, self._looked = self._text[end:], 0
            if sentence:
                found.append(sentence)
        return found

    def flush(self) -> list[str]:
        """What is left at the end of the text."""
        left, self._text, self._looked = self._text.strip(), "", 0
        return [left] if left else []

    def _end(self) -> int | None:
        """Where the first sentence ends; None while that is open."""
        for mark in _END.finditer(self._text, self._looked):
            if mark.end() == len(self._text) and not mark.group().isspace():
                self._looked = mark.start()  # what closes it may still come
                return None
            ends = self._is_end(mark)
            if ends is None:
                self._looked = mark.start()
                return None
            if ends:
                return mark.end()
            self._looked = mark.end()
        self._looked = max(self._looked, len(self._text.rstrip(".!?…‽؟।*_" + CLOSERS)))
        return None

    def _is_end(self, mark: re.Match[str]) -> bool | None:
        """Does a sentence end with this mark? None until more is known."""
        if not mark.group().startswith(".") or mark.group().startswith(".."):
            return True
        before = self._text[: mark.start()]
        upto = before + "."
        if _INITIAL.search(upto) or _NUMBERING.match(upto):
            return False
        word = _WORD.search(before)
        name = word.group().lower() if word else ""
        if _TITLE.fullmatch(name):
            return False
        if _ENDING.fullmatch(name):
            following = self._text[mark.end() :].lstrip()
            return None if not following else following[0].isupper()
        return True
