"""Whether a text says anything that another one does not."""

from collections.abc import Iterator

from holdfast.recall.analyser import words
from holdfast.recall.porter import stem

NEAR = 0.9
"""How near two texts must be in meaning; words that are left out can change it."""

FILLERS = frozenset(("a", "an", "the", "that", "s", "just", "also", "really", "very", "so"))
"""Words that may be there or not. Not those of time and denial: "was" and "is", "not" and "never" make another fact."""


def adds_nothing(new: str, old: str) -> bool:
    """Whether all words of a text stand in another one, in the same order."""
    held = _words(old)
    wanted = list(_words(new))
    return bool(wanted) and all(word in held for word in wanted)


def _words(text: str) -> Iterator[str]:
    return (stem(word) if word.isascii() else word for word in words(text) if word not in FILLERS)
