"""The corpora that are in memory, each kept in step with its entries; those not used for longest make room."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from sys import intern

from holdfast.recall.entry import ShelfEntry, unpack_terms, unpack_vectors
from holdfast.recall.shelf import Shelf
from holdfast.store import search
from holdfast.store.database import Database
from holdfast.store.search import Corpus, EntryRow
from holdfast.store.table import Tx

AT_ONCE = 2000
"""Entries that are read in one go."""


Seen = tuple[int, str]
"""The stamp and the id after which everything is new."""
NOTHING: Seen = (0, "")


@dataclass(frozen=True, slots=True)
class News:
    """What has come to a corpus after what is in memory of it."""

    seen: Seen
    rows: Sequence[EntryRow]

    @property
    def is_all(self) -> bool:
        return len(self.rows) < AT_ONCE

    @property
    def then(self) -> Seen:
        """What has been seen with it. Entries of one stamp come together: after the last of them comes another one."""
        stamp, item = (self.rows[-1].stamp, self.rows[-1].item_id) if self.rows else self.seen
        return (stamp + 1, "") if self.is_all and item else (stamp, item)


@dataclass(slots=True)
class _Held:
    """One corpus, as far as it has been read."""

    shelf: Shelf
    seen: Seen = NOTHING
    models: Sequence[str] = ()
    """Those of the shelf when it was opened last."""
    parts: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    """The ids of each corpus in it."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Shelves:
    """Opens corpora for one search at a time each."""

    def __init__(self, db: Database, most_bytes: int) -> None:
        self._db = db
        self._most = most_bytes
        self._held: OrderedDict[Corpus, _Held] = OrderedDict()

    def news(self, tx: Tx, corpus: Corpus) -> News:
        held = self._held.get(corpus)
        return _news(tx, corpus, held.seen if held else NOTHING)

    def models(self, corpus: Corpus) -> Sequence[str]:
        """The models that a corpus had when it was opened last."""
        held = self._held.get(corpus)
        return held.models if held else ()

    @asynccontextmanager
    async def open(self, corpus: Corpus, news: News | None = None) -> AsyncGenerator[Shelf]:
        """A corpus as it is now, or was when its news were read; nobody else changes or searches it meanwhile."""
        held = self._held.setdefault(corpus, _Held(Shelf()))
        self._held.move_to_end(corpus)
        async with held.lock:
            if news is None or news.seen != held.seen:
                news = await self._db.read(_news, corpus, held.seen)
            await self._take_in(corpus, held, news)
            held.models = held.shelf.models
            yield held.shelf
        self._make_room(corpus)

    async def _take_in(self, corpus: Corpus, held: _Held, news: News) -> None:
        while True:
            if news.rows:
                await asyncio.to_thread(_put, held, news.rows)
            held.seen = news.then
            if news.is_all:
                return
            news = await self._db.read(_news, corpus, held.seen)

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


def _news(tx: Tx, corpus: Corpus, seen: Seen) -> News:
    return News(seen, search.since(tx, corpus, seen, AT_ONCE))


def _put(held: _Held, rows: Sequence[EntryRow]) -> None:
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
        group=intern(row.thread),
        position=row.position,
        at=row.at / 1e6,
        role=intern(row.role),
        speaker=row.speaker and intern(row.speaker),
        terms=terms.terms,
        tail=terms.tail,
        words=terms.words,
        vectors={row.model: unpack_vectors(row.vectors)} if row.vectors else {},
    )
