"""What is known of each row besides its words and vectors, as columns of numbers."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from holdfast.recall.columns import Column
from holdfast.recall.entry import ShelfEntry
from holdfast.recall.weights import GAP_S, SHORT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NOTHING = -1
UNKNOWN = -2


class Table:
    """One row for every entry that there is or was."""

    def __init__(self) -> None:
        self.alive = Column("?")
        self.by_user = Column("?")
        self.own_length = Column("f8")
        self.context_length = Column("f8")
        self.at = Column("f8")
        self.position = Column("i8")
        self.group = Column("i4")
        self.words = Column("i4")
        self.session = Column("i4")
        self.serial = Column("i8")
        """Of what the row says; rows that say something else have another one."""
        self.context_of = Column("i8")
        """The serial of the neighbour whose end is in the row's context; NOTHING without one."""
        self.following = Column("i8")
        """The row of what came next in the session; NOTHING without one."""

    def append(self, entry: ShelfEntry, group: int, serial: int) -> None:
        values = (True, entry.role == "user" or entry.speaker == "user", len(entry.terms), 0, entry.at, entry.position)
        for column, value in zip(
            self._columns(), (*values, group, entry.words, 0, serial, UNKNOWN, NOTHING), strict=True
        ):
            column.append(value)

    @property
    def bytes(self) -> int:
        return sum(column.bytes for column in self._columns())

    def relinked(self) -> Iterator[tuple[int, int]]:
        """Note the sessions of all rows; those whose neighbour's words are not in their context yet, and that row."""
        import numpy as np

        rows, begins = self._in_order()
        self.session.values[rows] = np.cumsum(begins) - 1
        self.following.values[rows] = np.where(np.roll(begins, -1), NOTHING, np.roll(rows, -1))
        has_neighbour = ~begins & (self.words.values[rows] <= SHORT)
        neighbours = np.where(has_neighbour, np.roll(rows, 1), NOTHING)
        wanted = np.where(has_neighbour, self.serial.values[neighbours], NOTHING)
        changed = self.context_of.values[rows] != wanted
        yield from zip(rows[changed].tolist(), neighbours[changed].tolist(), strict=True)

    def _in_order(self) -> "tuple[NDArray[Any], NDArray[np.bool_]]":
        """The living rows, group by group, and whether a session begins with each."""
        import numpy as np

        rows = np.flatnonzero(self.alive.values)
        rows = rows[np.lexsort((self.position.values[rows], self.group.values[rows]))]
        begins = np.ones(len(rows), np.bool_)
        begins[1:] = np.diff(self.group.values[rows]) != 0
        begins[1:] |= np.abs(np.diff(self.at.values[rows])) > GAP_S
        return rows, begins

    def _columns(self) -> tuple[Column, ...]:
        return (
            *(self.alive, self.by_user, self.own_length, self.context_length, self.at, self.position),
            *(self.group, self.words, self.session, self.serial, self.context_of, self.following),
        )
