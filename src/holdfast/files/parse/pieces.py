"""A text in pieces that a model reads whole, cut where a paragraph, a line or a sentence ends; nothing is left out."""

import re
from collections.abc import Iterator

LONGEST = 900
"""Characters of a piece: what small embedding models read well."""
SHORTEST = 450
"""Of all pieces but the last; half of it where a heading begins."""

_HEADING = re.compile(r"\n(?=#{1,6} |\[Page \d+\]\n)")
_BORDERS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"[.?!]\s|[。？！]"), re.compile(r"\s"))
"""From the best to the worst place for a cut."""


def pieces(text: str) -> Iterator[tuple[int, int]]:
    """Where each piece begins, and in which line (counted from 1)."""
    begin, line = 0, 1
    while begin < len(text):
        end = _cut(text, begin)
        yield begin, line
        line += text.count("\n", begin, end)
        begin = end


def _cut(text: str, begin: int) -> int:
    """Where the piece that begins here ends."""
    if len(text) - begin <= LONGEST:
        return len(text)
    heading = _HEADING.search(text, begin + SHORTEST // 2, begin + LONGEST)
    if heading is not None:
        return heading.end()
    for border in _BORDERS:
        last = max((found.end() for found in border.finditer(text, begin + SHORTEST, begin + LONGEST)), default=0)
        if last:
            return last
    return begin + LONGEST
