"""What is asked of a shelf, and what it finds."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from holdfast.recall.analyser import query_terms, words
from holdfast.recall.dates import NamedDate, dates_in

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Mode = Literal["hybrid", "fts", "vector"]
"""By words and meaning, by words alone, by meaning alone."""


@dataclass(frozen=True, slots=True)
class Among:
    """Which items may be found."""

    allowed: Collection[str] | None = None
    """None for all."""
    without: Collection[str] = ()


ANY = Among()


@dataclass(frozen=True, slots=True)
class Query:
    """A question, as search needs it."""

    terms: Mapping[str, str]
    """With the words as they were written."""
    words: frozenset[str]
    dates: Sequence[NamedDate]
    vectors: "Mapping[str, NDArray[np.float32]]"
    """By model."""

    @classmethod
    def of(cls, text: str, vectors: "Mapping[str, NDArray[np.float32]]") -> "Query":
        return cls(query_terms(text), frozenset(words(text)), dates_in(text), vectors)


@dataclass(frozen=True, slots=True)
class Hit:
    """What was found, and why."""

    id: str
    score: float
    parts: Mapping[str, float]
    """They add up to the score."""
    terms: Sequence[str]
    """The words of the question that it holds."""
    relevance: float = 0.0
    """How near it is to the question by itself, between 0 and 1; the score only compares what was found together.

    By its meaning; by the share of the question's words that it holds where no model can say.
    """
