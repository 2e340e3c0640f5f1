"""String members of a JSON object that arrives in fragments: what a tool call says, while it is being said."""

import re
from collections.abc import Collection

import orjson

_PLAIN = re.compile(r'[^"\\]+')
_WHOLE = re.compile(
    r"(?:[^\\]+|\\[^u]|\\u(?![dD][89abAB])[0-9a-fA-F]{4}|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4})*"
)
"""What can be decoded by itself: no escape is torn apart, nor the two that stand for one character."""


class Fields:
    """Finds the top-level members of these names; `feed` gives what each fragment adds to them, decoded.

    What is no JSON object has no members; a fragment may end anywhere, inside an escape too.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._depth = 0
        self._in_string = False
        self._is_key = False
        self._text = ""
        """The string that is being read, still escaped, as far as it has not been passed on."""
        self._key = ""
        self._after_colon = False

    def feed(self, fragment: str) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        at = 0
        while at < len(fragment):
            at = self._string(fragment, at, found) if self._in_string else self._structure(fragment, at)
        if self._is_wanted and (text := self._whole_part()):
            found.append((self._key, text))
        return found

    @property
    def _is_wanted(self) -> bool:
        return self._in_string and not self._is_key and self._depth == 1 and self._key in self._names

    def _structure(self, fragment: str, at: int) -> int:
        """One character outside of strings."""
        match fragment[at]:
            case '"':
                self._in_string, self._text = True, ""
                self._is_key = self._depth == 1 and not self._after_colon
            case "{" | "[":
                self._depth += 1
            case "}" | "]":
                self._depth -= 1
            case ":" if self._depth == 1:
                self._after_colon = True
            case "," if self._depth == 1:
                self._after_colon = False
            case _:
                pass
        return at + 1

    def _string(self, fragment: str, at: int, found: list[tuple[str, str]]) -> int:
        """The string up to its end or the fragment's."""
        if self._ends_in_escape:
            self._text += fragment[at]
            return at + 1
        if (plain := _PLAIN.match(fragment, at)) is not None:
            self._text += plain.group()
            return plain.end()
        if fragment[at] == "\\":
            self._text += "\\"
            return at + 1
        if self._is_wanted and self._text:
            found.append((self._key, _decoded(self._text)))
        if self._is_key:
            self._key = _decoded(self._text)
        self._in_string = False
        return at + 1

    @property
    def _ends_in_escape(self) -> bool:
        """Does the next character belong to the backslash before it?"""
        return (len(self._text) - len(self._text.rstrip("\\"))) % 2 == 1

    def _whole_part(self) -> str:
        """As much of the string as can be decoded now; an unfinished escape is kept back."""
        whole = self._text[: _end_of_whole(self._text)]
        self._text = self._text[len(whole) :]
        return _decoded(whole)


def _end_of_whole(text: str) -> int:
    found = _WHOLE.match(text)
    return found.end() if found is not None else 0


def _decoded(text: str) -> str:
    try:
        return orjson.loads(f'"{text}"')
    except orjson.JSONDecodeError:
        return ""
