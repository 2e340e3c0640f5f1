"""Everything by which the rows of a shelf are found."""

from dataclasses import dataclass, field

from holdfast.recall.postings import Postings
from holdfast.recall.spaces import Space
from holdfast.recall.table import Table


@dataclass(slots=True)
class Indexes:
    """The columns of the rows, their words, their words with their neighbours', their speakers and their vectors."""

    table: Table = field(default_factory=Table)
    own: Postings = field(default_factory=Postings)
    context: Postings = field(default_factory=Postings)
    speakers: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    """By folded names."""
    spaces: dict[str, Space] = field(default_factory=dict[str, Space])
    """By model."""

    @property
    def bytes(self) -> int:
        return sum(index.bytes for index in (self.table, self.own, self.context, *self.spaces.values()))
