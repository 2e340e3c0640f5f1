"""Lets text through as it arrives, and keeps back what may still become a printed call."""

import json
import re
from collections.abc import Sequence
from typing import Any

from holdfast.llm.printed import marks, written

LONGEST_OPEN = 4_000
"""Characters of data that are kept back to see whether they are a call; data that is longer is none."""
AFTER_NAME = 20
"""So far behind a tool's name its arguments may begin."""

_SUSPECT = re.compile(r"[<\[{✿`*\"/]|\b[A-Za-z_]")
_WORD = re.compile(r"[A-Za-z_]\w*")
_FIRST_KEY = re.compile(r"""[\[{]\s*[\[{]?\s*(["'“]?)([A-Za-z_]\w*)?""")
_FENCE = re.compile(r"```(\w*)[ \t]*(\n\s*)?")
_LINE_START = re.compile(r"(?:\A|\n)[ \t]*\Z")
KEYS = frozenset((*written.NAMES, *written.ARGUMENTS, *written.WRAPPERS, *written.BESIDES))
ENDS = ("<s>", "</s>", "<|", "<end_of_turn>", "<start_of_turn>", "[AVAILABLE_TOOLS]", "/no_think")
"""What a badly set up server leaves of the marks between turns."""

CLEAR, OPEN, HELD = "clear", "open", "held"


class HoldBack:
    """The text of one answer, in fragments of any size."""

    __slots__ = ("_anywhere", "_at_start", "_is_stuck", "_names", "_pending", "_seen")

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._anywhere = (*marks.BEGINNINGS, *ENDS, *(f"<{name}" for name in names))
        self._pending = ""
        self._at_start = True
        """What is pending begins a line."""
        self._is_stuck = False
        """What is pending is told when the answer is over."""
        self._seen = 0

    def feed(self, text: str) -> str:
        """What can be shown of the answer now, in addition to what was shown before."""
        self._pending += text
        if self._is_stuck or (self._seen and not re.search(r"[}\])]", text) and self._is_waiting()):
            return ""
        at = 0
        while suspect := _SUSPECT.search(self._pending, at):
            state, end = self._look(suspect.start())
            if state != CLEAR:
                self._is_stuck = state == HELD
                return self._release(suspect.start())
            at = max(end, suspect.start() + 1)
        return self._release(len(self._pending))

    @property
    def rest(self) -> str:
        """What was kept back."""
        return self._pending

    def _is_waiting(self) -> bool:
        """Whether data is kept back that this fragment cannot have ended."""
        return self._pending[:1] in "{[`" and self._seen < len(self._pending) < LONGEST_OPEN and self._seen > 64

    def _release(self, end: int) -> str:
        shown, self._pending = self._pending[:end], self._pending[end:]
        if shown:
            self._at_start = self._begins_line(shown)
        self._seen = len(self._pending)
        return shown

    def _begins_line(self, before: str) -> bool:
        found = _LINE_START.search(before)
        return found is not None and (found[0].startswith("\n") or self._at_start)

    def _look(self, at: int) -> tuple[str, int]:
        """Whether a call begins here, and how far what was looked at reaches."""
        rest = self._pending[at:]
        if any(rest.startswith(mark) for mark in self._anywhere):
            return HELD, at
        if any(mark.startswith(rest) for mark in self._anywhere):
            return OPEN, at
        starts = self._begins_line(self._pending[:at]) if at else self._at_start
        if rest[0] in "{[" and starts:
            return self._data(rest, at)
        if starts and (state := self._line_start(rest, at)):
            return state, at
        if word := _WORD.match(rest):
            return self._name(word[0], rest, starts=starts), at + len(word[0])
        return CLEAR, at + 1

    def _line_start(self, rest: str, at: int) -> str | None:
        """What only begins a call at the start of a line; None if this does not."""
        if rest.startswith("```"):
            return self._fence(rest, at)
        if any(mark.startswith(rest) for mark in (*marks.LINE_BEGINNINGS, *marks.PREFIXES, "```")):
            return OPEN
        if rest.startswith(marks.LINE_BEGINNINGS):
            return HELD
        prefix = next((mark for mark in marks.PREFIXES if rest.startswith(mark)), None)
        return OPEN if prefix and self._may_be_named(rest[len(prefix) :]) else None

    def _fence(self, rest: str, at: int) -> str | None:
        opening = _FENCE.match(rest)
        if opening is None or opening.end() == len(rest):
            return OPEN
        if opening[1].startswith(("tool", "function")):
            return HELD
        body = rest[opening.end() :]
        if body[0] in "{[":
            state, _ = self._data(body, at)
            return None if state == CLEAR else state
        word = _WORD.match(body)
        return OPEN if body[0] == "<" or (word and self._may_be_named(word[0])) else None

    def _data(self, rest: str, at: int) -> tuple[str, int]:
        """Data is a call only if its first key belongs to one."""
        key = _FIRST_KEY.match(rest)
        if key is None or (key[2] is None and len(rest) > key.end()) or len(rest) > LONGEST_OPEN:
            return CLEAR, at + 1
        name = key[2] or ""
        if key.end() == len(rest):
            return OPEN, at
        if name not in KEYS and not self._may_be_named(name):
            return CLEAR, at + 1
        try:
            value, end = json.JSONDecoder(strict=False).raw_decode(rest)
        except (ValueError, RecursionError):
            return OPEN, at
        return (HELD, at) if self._calls(value) else (CLEAR, at + end)

    def _calls(self, value: Any) -> bool:
        return any(call.is_formal or call.name in self._names for call in written.calls_of(value, self._names))

    def _may_be_named(self, beginning: str) -> bool:
        word = _WORD.match(beginning)
        return not beginning or (word is not None and any(name.startswith(word[0]) for name in self._names))

    def _name(self, word: str, rest: str, *, starts: bool) -> str:
        """A tool's name is the beginning of a call if its arguments follow."""
        behind = rest[len(word) :]
        if word not in self._names:
            return OPEN if not behind and any(name.startswith(word) for name in self._names) else CLEAR
        if starts and behind.startswith("("):
            return HELD
        if "{" in behind[:AFTER_NAME]:
            return HELD
        return OPEN if len(behind) < AFTER_NAME and "\n\n" not in behind else CLEAR
