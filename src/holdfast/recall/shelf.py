"""One corpus in memory, searched exactly: no candidate lists, and the same ranking whatever the database is.

A shelf is changed and searched by one thread at a time; whoever holds it sees to that. What it finds depends on the
entries alone, not on the order or the number of the steps in which they came.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from holdfast.recall.entry import ShelfEntry
from holdfast.recall.indexes import Indexes
from holdfast.recall.query import ANY, Among, Hit, Mode, Query
from holdfast.recall.rank import Signs, best, signs_of
from holdfast.recall.spaces import Space
from holdfast.recall.table import NOTHING, UNKNOWN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_DEAD = 0.25
"""A shelf with a larger share of dead rows is built anew."""
FEW = 64
AT_ONCE = 1000
"""Entries that wait for a search with all their vectors, which take three quarters less once they have rows."""
ENTRY_BYTES = 1200
"""About what an entry takes besides its rows in the indexes."""


class Shelf:
    """The entries of a corpus as rows; a row that is replaced or dropped is dead and takes part in nothing."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._entries: list[ShelfEntry | None] = []
        self._indexes = Indexes()
        self._fresh: dict[str, ShelfEntry] = {}
        self._serials = count()
        self._groups: dict[str, int] = {}
        self._is_settled = True

    @property
    def models(self) -> Sequence[str]:
        """The models that have made vectors of it."""
        return list({*self._indexes.spaces, *(model for entry in self._fresh.values() for model in entry.vectors)})

    @property
    def bytes(self) -> int:
        return self._indexes.bytes + ENTRY_BYTES * (len(self._rows) + len(self._fresh))

    def put(self, entries: Iterable[ShelfEntry]) -> None:
        """Add entries, or replace those of the same id."""
        for entry in entries:
            row = self._rows.get(entry.id)
            old = None if row is None or entry.id in self._fresh else self._entries[row]
            if row is not None and old is not None and _says_the_same(old, entry):
                self._put_vectors(row, entry)
            else:
                self._fresh[entry.id] = entry
                self._is_settled = False
        if len(self._fresh) >= AT_ONCE:
            self._take_in()

    def drop(self, ids: Iterable[str]) -> None:
        for id in ids:
            self._fresh.pop(id, None)
            if (row := self._rows.pop(id, None)) is not None:
                self._bury(row)
                self._is_settled = False

    def search(self, query: Query, most: int, among: Among = ANY, mode: Mode = "hybrid") -> list[Hit]:
        """The best entries, best first; equal ones in the order of the corpus."""
        self._settle()
        if not self._rows or most < 1:
            return []
        signs = signs_of(self._indexes, query, mode)
        may = self._indexes.table.alive.values & signs.may
        if among.allowed is not None:
            may &= self._are(among.allowed)
        if among.without:
            may &= ~self._are(among.without)
        order = best(signs.total, may, self._indexes.table.position.values, most)
        return [self._hit(row, signs, query) for row in order]

    def _hit(self, row: int, signs: "Signs", query: Query) -> Hit:
        entry = self._living(row)
        parts = {name: round(float(values[row]), 6) for name, values in signs.parts.items()}
        held = {*entry.terms}
        matched = dict.fromkeys(word for term, word in query.terms.items() if term in held)
        relevance = float(signs.relevance[row])
        if math.isnan(relevance):
            relevance = len(held.intersection(query.terms)) / max(len(query.terms), 1)
        return Hit(entry.id, round(sum(parts.values()), 6), parts, list(matched), round(relevance, 4))

    def _whole(self, row: int) -> ShelfEntry:
        """An entry with its vectors, which are in their spaces alone."""
        held = {model: found for model, space in self._indexes.spaces.items() if (found := space.of(row)) is not None}
        return replace(self._living(row), vectors=held)

    def _living(self, row: int) -> ShelfEntry:
        entry = self._entries[row]
        if entry is None:
            raise LookupError(f"row {row} is dead")
        return entry

    def _are(self, ids: Collection[str]) -> "NDArray[np.bool_]":
        import numpy as np

        chosen = np.zeros(len(self._entries), np.bool_)
        chosen[[self._rows[id] for id in ids if id in self._rows]] = True
        return chosen

    def _settle(self) -> None:
        """Take in what is new, and give every row its session and its neighbour, which that may have changed."""
        if self._is_settled:
            return
        self._take_in()
        while self._link():
            pass
        self._is_settled = True

    def _take_in(self) -> None:
        """Give what is new rows of its own."""
        for id in self._fresh:
            if (row := self._rows.pop(id, None)) is not None:
                self._bury(row)
        if len(self._entries) > FEW and len(self._rows) < (1 - MOST_DEAD) * len(self._entries):
            self._start_anew()
        for entry in self._fresh.values():
            self._append(entry, next(self._serials))
        self._fresh = {}
        self._is_settled = False

    def _start_anew(self) -> None:
        fresh = {id: self._whole(row) for id, row in self._rows.items()} | self._fresh
        self.__init__()
        self._fresh = fresh

    def _append(self, entry: ShelfEntry, serial: int) -> None:
        """A row for an entry; what depends on its neighbour comes with `_link`."""
        row = len(self._entries)
        self._rows[entry.id] = row
        self._entries.append(entry.without_vectors())
        group = self._groups.setdefault(entry.group, len(self._groups))
        self._indexes.table.append(entry, group, serial)
        self._indexes.own.add(row, entry.terms)
        if entry.speaker:
            self._indexes.speakers.add(row, entry.speaker)
        self._put_vectors(row, entry)

    def _put_vectors(self, row: int, entry: ShelfEntry) -> None:
        for model, space in self._indexes.spaces.items():
            if model not in entry.vectors:
                space.drop(row)
        for model, vectors in entry.vectors.items():
            space = self._indexes.spaces.get(model)
            if space is None or space.dimension != vectors.shape[1]:
                space = self._indexes.spaces[model] = Space(vectors.shape[1])
            space.put(row, vectors)

    def _bury(self, row: int) -> None:
        self._indexes.table.alive.values[row] = False
        self._entries[row] = None
        for space in self._indexes.spaces.values():
            space.drop(row)

    def _link(self) -> bool:
        """Find sessions and neighbours; True when rows were written anew because their neighbour is another one."""
        written_anew = False
        for row, neighbour in self._indexes.table.relinked():
            entry = self._living(row)
            if self._indexes.table.context_of.values[row] == UNKNOWN:
                self._set_context(row, entry, neighbour)
            else:
                serial, whole = int(self._indexes.table.serial.values[row]), self._whole(row)
                self._bury(row)
                self._append(whole, serial)
                written_anew = True
        return written_anew

    def _set_context(self, row: int, entry: ShelfEntry, neighbour: int) -> None:
        """Index a row by its words and by the end of the item before it."""
        before = self._entries[neighbour] if neighbour != NOTHING else None
        terms = [*(before.tail if before else ()), *entry.terms]
        self._indexes.context.add(row, terms)
        self._indexes.table.context_length.values[row] = len(terms)
        self._indexes.table.context_of.values[row] = self._indexes.table.serial.values[neighbour] if before else NOTHING


def _says_the_same(old: ShelfEntry, new: ShelfEntry) -> bool:
    """Only the vectors differ."""
    return old == new.without_vectors()
