"""A message that a search has found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from holdfast.messages.model import Message


@dataclass(frozen=True, slots=True)
class FoundMessage:
    """The message, and why it was found."""

    message: Message
    score: float
    parts: Mapping[str, float] = field(default_factory=dict[str, float])
    """What the score is the sum of."""
    terms: Sequence[str] = ()
    """The words of the query that it holds."""
