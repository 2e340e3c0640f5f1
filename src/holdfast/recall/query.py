"""What is asked of a shelf, and what it finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from holdfast.recall.analyser import query_terms, words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Mode = Literal["hybrid", "fts", "vector"]
"""By words and meaning, by words alone, by meaning alone."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question, as search needs it."""

    terms: Mapping[str, str]
    """With the words as they were written."""
    words: frozenset[str]
    vectors: "Mapping[str, NDArray[np.float32]]"
    """By model."""

    @classmethod
    def of(cls, text: str, vectors: "Mapping[str, NDArray[np.float32]]") -> "Query":
        return cls(query_terms(text), frozenset(words(text)), vectors)


@dataclass(frozen=True, slots=True)
class Hit:
    """What was found, and why."""

    id: str
    score: float
    parts: Mapping[str, float]
    """They add up to the score."""
    terms: Sequence[str]
    """The words of the question that it holds."""
