"""Lines that match a regular expression, in this process because an expression may take for ever."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from holdfast.files.parse.limits import Unreadable

LONGEST_LINE = 400


def search(job: Mapping[str, Any], files: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """A page of matches, each with the lines around it, and whether there are more."""
    try:
        pattern = re.compile(job["pattern"], re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as wrong:
        raise Unreadable(f"`pattern` is not a regular expression: {wrong}.") from wrong
    first, most, around = job["offset"], job["most"], job["around"]
    found: list[dict[str, Any]] = []
    for number, (name, at, text) in enumerate(_matches(pattern, files)):
        if number >= first + most:
            return {"matches": found, "more": True}
        if number >= first:
            begin = max(at - around, 0)
            shown = [_cut(line) for line in text[begin : at + around + 1]]
            found.append({"file": name, "line": at + 1, "first": begin + 1, "lines": shown})
    return {"matches": found, "more": False}


def _matches(pattern: "re.Pattern[str]", files: Sequence[tuple[str, str]]) -> Iterator[tuple[str, int, Sequence[str]]]:
    for name, text in files:
        split = text.split("\n")
        for at, line in enumerate(split):
            if pattern.search(line):
                yield name, at, split


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"
