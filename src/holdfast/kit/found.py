"""What a search has found, whatever it looked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """The thing, and why it was found."""

    item: T
    score: float
    parts: Mapping[str, float] = field(default_factory=dict[str, float])
    """What the score is the sum of."""
    terms: Sequence[str] = ()
    """The words of the query that it holds."""
    relevance: float = 0.0
    """How near it is to the query by itself, between 0 and 1; scores only compare what was found together."""
