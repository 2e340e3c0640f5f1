"""The corpora that are in memory, each kept in step with its entries; those not used for longest make room."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from holdfast.recall.entry import ShelfEntry, unpack_terms, unpack_vectors
from holdfast.recall.shelf import Shelf
from holdfast.store import search
from holdfast.store.database import Database
from holdfast.store.search import Corpus, EntryRow

AT_ONCE = 2000
"""Entries that are read in one go."""


@dataclass(slots=True)
class _Held:
    """One corpus, as far as it has been read."""

    shelf: Shelf
    seen: tuple[int, str] = (0, "")
    """The stamp and the id of the last entry that it knows."""
    parts: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    """The ids of each corpus in it."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Shelves:
    """Opens corpora for one search at a time each."""

    def __init__(self, db: Database, most_bytes: int) -> None:
        self._db = db
        self._most = most_bytes
        self._held: OrderedDict[Corpus, _Held] = OrderedDict()

    @asynccontextmanager
    async def open(self, corpus: Corpus) -> AsyncGenerator[Shelf]:
        """A corpus as it is now; nobody else changes or searches it meanwhile."""
        held = self._held.setdefault(corpus, _Held(Shelf()))
        self._held.move_to_end(corpus)
        async with held.lock:
            while rows := await self._db.read(search.since, corpus, held.seen, AT_ONCE):
                await asyncio.to_thread(_put, held, rows)
                held.seen = rows[-1].stamp, rows[-1].item_id
                if len(rows) < AT_ONCE:
                    break
            yield held.shelf
        self._make_room(corpus)

    async def catch_up(self, organization_id: str, corpus_ids: Collection[str]) -> None:
        """Let what is in memory of these corpora follow the database, whether or not anybody asks for them again."""
        for corpus in list(self._held):
            concerned = corpus.id is None or not set(corpus.ids).isdisjoint(corpus_ids)
            if corpus.organization_id == organization_id and concerned:
                async with self.open(corpus):
                    pass

    def _make_room(self, used: Corpus) -> None:
        total = sum(held.shelf.bytes for held in self._held.values())
        for corpus, held in list(self._held.items()):
            if total <= self._most or corpus == used:
                return
            if not held.lock.locked():
                total -= self._held.pop(corpus).shelf.bytes


def _put(held: _Held, rows: list[EntryRow]) -> None:
    """Take in what has changed; of a corpus that was forgotten only what came after that is left."""
    forgotten = {row.corpus: row.stamp for row in rows if row.is_mark}
    for corpus in forgotten:
        held.shelf.drop(held.parts.pop(corpus, ()))
    if not held.parts:
        held.shelf = Shelf()
    held.shelf.drop([row.item_id for row in rows if row.is_gone])
    here = [row for row in rows if not row.is_gone and row.stamp > forgotten.get(row.corpus, 0)]
    held.shelf.put([_entry(row) for row in here])
    for row in here:
        held.parts.setdefault(row.corpus, set()).add(row.item_id)


def _entry(row: EntryRow) -> ShelfEntry:
    terms = unpack_terms(row.terms)
    return ShelfEntry(
        id=row.item_id,
        group=row.thread,
        position=row.position,
        at=row.at / 1e6,
        role=row.role,
        speaker=row.speaker,
        terms=terms.terms,
        tail=terms.tail,
        words=terms.words,
        vectors={row.model: unpack_vectors(row.vectors)} if row.vectors else {},
    )
