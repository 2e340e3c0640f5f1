"""Reads JSON as small models write it: with any quotes, commas too many or too few, cut off anywhere."""

import json
import re
from collections.abc import Iterator
from typing import Any

DEEPEST = 32
"""Values that are nested deeper are no arguments of a call."""

NOTHING = object()
"""Stands where no value could be read."""

WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "none": None}
QUOTES = {'"': '"', "'": "'", "“": "”", "`": "`", '"""': '"""', "'''": "'''", "<escape>": "<escape>"}
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\", '"': '"', "'": "'", "\n": "\n"}

_SPACE = re.compile(r"(?:\s|//[^\n]*|#[^\n]*)*")
_OPENING = re.compile(r"""[fru]?("{3}|'{3}|["'“`]|<escape>)""", re.IGNORECASE)
_AFTER = re.compile(r"""\s*(?:[,}\])<;]|\Z|["']\w+["']\s*:)""")
_AFTER_KEY = re.compile(r"\s*[:=]")
_KEY = re.compile(r"[A-Za-z_][\w.\-]*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")
_BARE = re.compile(r"[^,}\])\n]+")
_UNICODE = re.compile(r"u([0-9a-fA-F]{4})")


def values(text: str, start: int = 0) -> Iterator[Any]:
    """The objects and lists that stand one after the other, with nothing but separators between them."""
    at = _space(text, start)
    while at < len(text) and text[at] in "{[":
        value, end = value_at(text, at)
        if value is NOTHING or end <= at:
            return
        yield value
        at = end
        while at < len(text) and text[at] in ",;}]) \n\r\t":
            at += 1


def value_at(text: str, start: int) -> tuple[Any, int]:
    """The value that begins somewhere, and where it ends; strictly read if that is possible."""
    if text.startswith(('"""', "'''"), start):
        return _Reader(text).value(start, 0)
    try:
        return json.JSONDecoder(strict=False).raw_decode(text, start)
    except (ValueError, RecursionError):
        return _Reader(text).value(start, 0)


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


class _Reader:
    """One text. Every method gives what it read, and where that ends."""

    def __init__(self, text: str) -> None:
        self._text = text

    def value(self, start: int, depth: int) -> tuple[Any, int]:
        at = _space(self._text, start)
        if at >= len(self._text) or depth > DEEPEST:
            return NOTHING, at
        if self._text[at] == "{":
            return self._object(at + 1, depth)
        if self._text[at] in "[(":
            return self._list(at + 1, depth)
        if opening := _OPENING.match(self._text, at):
            return self._string(opening.end(), QUOTES[opening[1].lower()], _AFTER)
        if number := _NUMBER.match(self._text, at):
            return json.loads(number[0]) if not _leads_with_zero(number[0]) else number[0], number.end()
        return self._word(at)

    def _word(self, at: int) -> tuple[Any, int]:
        found = _BARE.match(self._text, at)
        if found is None or found[0][0] in "{[":
            return NOTHING, at
        word = found[0].strip()
        return WORDS.get(word.lower(), word), found.end()

    def _object(self, at: int, depth: int) -> tuple[dict[str, Any], int]:
        made: dict[str, Any] = {}
        while True:
            at = self._gap(at)
            if at >= len(self._text):
                return made, at
            if self._text[at] == "}":
                return made, at + 1
            key, at = self._key(at)
            if key is None:
                return made, at
            value, at = self.value(at, depth + 1)
            if value is NOTHING:
                return made, at
            made[key] = value

    def _list(self, at: int, depth: int) -> tuple[list[Any], int]:
        made: list[Any] = []
        while True:
            at = self._gap(at)
            if at >= len(self._text):
                return made, at
            if self._text[at] in "])":
                return made, at + 1
            value, end = self.value(at, depth + 1)
            if value is NOTHING or end <= at:
                return made, at
            made.append(value)
            at = end

    def _gap(self, at: int) -> int:
        """Behind space and commas."""
        at = _space(self._text, at)
        while at < len(self._text) and self._text[at] == ",":
            at = _space(self._text, at + 1)
        return at

    def _key(self, at: int) -> tuple[str | None, int]:
        """A key and where its value begins; None where there is none."""
        if opening := _OPENING.match(self._text, at):
            key, end = self._string(opening.end(), QUOTES[opening[1].lower()], _AFTER_KEY)
        elif found := _KEY.match(self._text, at):
            key, end = found[0], found.end()
        else:
            return None, at
        separator = _AFTER_KEY.match(self._text, end)
        return (key, separator.end()) if separator else (None, at)

    def _string(self, at: int, closing: str, after: re.Pattern[str]) -> tuple[str, int]:
        """A string; a quote ends it only where a value can end, so that quotes inside need not be escaped."""
        said: list[str] = []
        while at < len(self._text):
            letter = self._text[at]
            if letter == "\\" and at + 1 < len(self._text):
                piece, at = self._escape(at + 1)
                said.append(piece)
            elif self._text.startswith(closing, at) and after.match(self._text, at + len(closing)):
                return "".join(said), at + len(closing)
            else:
                said.append(letter)
                at += 1
        return "".join(said), at

    def _escape(self, at: int) -> tuple[str, int]:
        """What a backslash and what follows it mean; one that means nothing is a backslash."""
        if code := _UNICODE.match(self._text, at):
            return chr(int(code[1], 16)), code.end()
        letter = self._text[at]
        return (ESCAPES[letter], at + 1) if letter in ESCAPES else (f"\\{letter}", at + 1)


def _leads_with_zero(number: str) -> bool:
    return re.match(r"-?0\d", number) is not None
