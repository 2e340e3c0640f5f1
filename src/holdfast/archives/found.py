"""A passage that a search has found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from holdfast.archives.model import Passage


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """The passage, and why it was found."""

    passage: Passage
    score: float
    parts: Mapping[str, float] = field(default_factory=dict[str, float])
    """What the score is the sum of."""
    terms: Sequence[str] = ()
    """The words of the query that it holds."""
