"""Everything by which the rows of a shelf are found."""

from array import array
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast.recall.postings import Postings
from holdfast.recall.spaces import Space
from holdfast.recall.table import Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROLES = ("user", "assistant", "system")
"""Who has no other name."""


class Speakers:
    """Which rows were said by whom, by every word of their names: what looks like a name may be another on each row."""

    def __init__(self) -> None:
        self._rows: dict[str, array[int]] = {}

    def add(self, row: int, speaker: str) -> None:
        name = speaker.casefold()
        for word in {*name.split()} if name not in ROLES else ():
            self._rows.setdefault(word, array("i")).append(row)

    def named(self, words: Collection[str], rows: int) -> "NDArray[np.float64]":
        """1 for rows whose speaker is named by one of these words, 0 for others."""
        import numpy as np

        found = np.zeros(rows)
        for word in words:
            if word in self._rows:
                found[np.array(self._rows[word], np.int32)] = 1.0
        return found


@dataclass(slots=True)
class Indexes:
    """The columns of the rows, their words, their words with their neighbours', their speakers and their vectors."""

    table: Table = field(default_factory=Table)
    own: Postings = field(default_factory=Postings)
    context: Postings = field(default_factory=Postings)
    speakers: Speakers = field(default_factory=Speakers)
    spaces: dict[str, Space] = field(default_factory=dict[str, Space])
    """By model."""

    @property
    def bytes(self) -> int:
        return sum(index.bytes for index in (self.table, self.own, self.context, *self.spaces.values()))
