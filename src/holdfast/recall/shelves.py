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


@dataclass(slots=True)
class _Held:
    """One corpus, as far as its stamp."""

    shelf: Shelf
    stamp: int = 0
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
            rows = await self._db.read(search.since, corpus, held.stamp)
            if held.stamp and any(row.is_mark for row in rows):
                held.shelf, held.stamp = Shelf(), 0
                rows = await self._db.read(search.since, corpus, 0)
            if rows:
                await asyncio.to_thread(_put, held.shelf, rows)
                held.stamp = rows[-1].stamp
            yield held.shelf
        self._make_room(corpus)

    def forget(self, organization_id: str, corpus_ids: Collection[str]) -> None:
        """Keep nothing of these corpora in memory, whether or not anybody asks for them again."""
        for corpus, held in list(self._held.items()):
            is_meant = corpus.id is None or corpus.id in corpus_ids
            if corpus.organization_id == organization_id and is_meant and not held.lock.locked():
                del self._held[corpus]

    def _make_room(self, used: Corpus) -> None:
        total = sum(held.shelf.bytes for held in self._held.values())
        for corpus, held in list(self._held.items()):
            if total <= self._most or corpus == used:
                return
            if not held.lock.locked():
                total -= self._held.pop(corpus).shelf.bytes


def _put(shelf: Shelf, rows: list[EntryRow]) -> None:
    shelf.drop([row.item_id for row in rows if row.is_gone])
    shelf.put([_entry(row) for row in rows if not row.is_gone])


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
