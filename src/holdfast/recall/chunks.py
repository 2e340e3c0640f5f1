"""Long texts in pieces that a model reads whole, cut where a sentence ends."""

import re
from collections.abc import Iterator

LONGEST = 900
"""Characters of a piece: what small embedding models read well."""

_ENDS = re.compile(r"(?<=[.?!\n])\s+|(?<=[。？！])\s*")


def chunks(text: str, longest: int = LONGEST) -> list[str]:
    """Pieces of a text, in order; nothing of it is left out."""
    found: list[str] = []
    current = ""
    for sentence in _sentences(text, longest):
        if current and len(current) + 1 + len(sentence) > longest:
            found.append(current)
            current = ""
        current = f"{current} {sentence}" if current else sentence
    return [*found, current] if current else found


def _sentences(text: str, longest: int) -> Iterator[str]:
    """Sentences, and pieces of those that are too long."""
    for sentence in _ENDS.split(text):
        rest = sentence.strip()
        while len(rest) > longest:
            cut = rest.rfind(" ", longest // 2, longest)
            cut = longest if cut < 0 else cut
            yield rest[:cut]
            rest = rest[cut:].strip()
        if rest:
            yield rest
