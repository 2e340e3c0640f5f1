"""What keeps search in step: in the background, and for one corpus when somebody searches it.

First come the words, which are cheap: nothing is ever searched without them. Vectors follow when the server has time,
or at a search as far as they are few. What has been done is stored piece by piece: a restart goes on with the rest.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from holdfast.archives.model import NewPassage
from holdfast.embed.port import Embedder
from holdfast.errors import AppError, ModelError
from holdfast.kit.ids import new_id
from holdfast.recall.arriving import Arriving, entry_of, words_of
from holdfast.recall.entry import MOST_PIECES, merged, pack_vectors, pieces, speaker_of
from holdfast.recall.items import SOURCES, Item, ItemSource
from holdfast.store import search
from holdfast.store.database import Database
from holdfast.store.search import Corpus, Embedded, EntryRow
from holdfast.store.table import Tx

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH = 200
"""Items whose words are found in one go."""

EMBEDDED = 48
"""Items whose vectors are made in one go."""

TOGETHER = 256
"""The same for those that were just stored: a model elsewhere is asked for them in a few requests at once."""

DIRECTLY = 2_000
"""Characters whose words are found without a thread."""

POLL_S = 3.0
"""How often it is looked for something to do."""

PATIENCE_S = 20.0
"""How long a busy server is left alone."""

EMBEDDING = "embedding"
LEAD_S = 60.0
"""What one of several servers does, and for how long after it was seen doing it."""
BACKOFF_S = (5.0, 600.0)
"""How long a model that fails is left alone: at first, and at most."""

Choose = Callable[[str, str], Awaitable[Embedder]]
"""The model of an organization that a handle means."""

log = logging.getLogger("holdfast.recall")


class Indexer:
    """Turns what is stored into what can be searched."""

    def __init__(self, db: Database, choose: Choose, default: Callable[[], str], is_busy: Callable[[], bool]) -> None:
        self._db = db
        self._choose = choose
        self._default = default
        self._is_busy = is_busy
        self._id = new_id("process")
        self._wanted = ""
        """The default that everything is known to follow."""
        self._leads = False
        self._came_to = ("", "")
        """The organization and the corpus of which vectors were made last, when all had their turn."""
        self._worker: asyncio.Task[None] | None = None
        self._settling = set[asyncio.Task[None]]()
        self._reading = WeakValueDictionary[Corpus, asyncio.Lock]()
        """One at a time for each corpus: several searches of it would all find the same words."""
        self._embedding = asyncio.Lock()
        """One at a time, or the same texts would be embedded twice."""
        self._resting: dict[str, tuple[float, float, str]] = {}
        """Models that have failed: until when they are left alone, how long that was, and why."""
        self._arriving = set[str]()
        """Items whose vectors are made by whoever stored them."""

    def start(self) -> None:
        self._worker = asyncio.create_task(self._work())

    async def stop(self) -> None:
        tasks = [*self._settling, *filter(None, [self._worker])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._leads and not self._db.is_sqlite:
            await self._resign()

    async def _resign(self) -> None:
        """Nobody need wait for a server that stops; if the database is away, they wait until they take it for dead."""
        try:
            await self._db.write(search.resign, EMBEDDING, self._id)
        except AppError as failed:
            log.warning("the others were not told to go on with the vectors: %s", failed.detail)

    async def catch_up(self, corpus: Corpus, seconds: float) -> None:
        """Know the words of everything in a corpus, as far as that takes no longer; the rest is known later."""
        await self._for_a_while(self._catch_up(corpus, time.monotonic() + seconds), seconds)

    async def _catch_up(self, corpus: Corpus, until: float) -> None:
        async with self._reading.setdefault(corpus, asyncio.Lock()):
            while time.monotonic() < until and await self._read(SOURCES[corpus.kind], corpus):
                pass

    def lacks_words(self, tx: Tx, corpus: Corpus) -> bool:
        """Whether there is anything in a corpus whose words are not known."""
        return bool(SOURCES[corpus.kind].waiting(tx, 1, corpus))

    def progress(self, tx: Tx, corpora: Sequence[Corpus]) -> list[Embedded]:
        """What each model is to embed in these corpora, and how much of that waits."""
        items, waiting = Counter[str](), Counter[str]()
        for corpus in corpora:
            for each in search.progress(tx, corpus):
                items[each.model] += each.items
                waiting[each.model] += each.waiting
            for model, count in SOURCES[corpus.kind].unknown(tx, corpus).items():
                items[model or self._default()] += count
                waiting[model or self._default()] += count
        return [Embedded(model, count, waiting[model]) for model, count in sorted(items.items()) if count]

    def behind(self, tx: Tx, corpus: Corpus, most: int) -> int:
        """How many items of a corpus wait for vectors that can be made now, counted up to `most`."""
        return search.count_pending(tx, corpus, most, self._resting_now())

    async def settle(self, corpus: Corpus, seconds: float) -> None:
        """Know everything of a corpus, as far as that takes no longer; the rest is known later."""
        until = time.monotonic() + seconds
        await self.catch_up(corpus, seconds)
        await self._for_a_while(self._settle(corpus, until), until - time.monotonic())

    async def arriving(self, new: Sequence[NewPassage]) -> Arriving:
        """Find the words of passages that are about to be stored."""
        if sum(len(each.text) for each in new) <= DIRECTLY:
            return Arriving(new, self._default())
        return await asyncio.to_thread(Arriving, new, self._default())

    async def arrived(self, stored: Arriving, seconds: float) -> None:
        """Make the vectors of what was just stored, as far as that takes no longer; the rest is made later."""
        await self._for_a_while(self._embed_arrived(stored, time.monotonic() + seconds), seconds)

    async def _for_a_while(self, work: Coroutine[None, None, None], seconds: float) -> None:
        """What has been begun is brought to its end, although nobody may wait for it any longer."""
        task = asyncio.create_task(work)
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        done, _ = await asyncio.wait((task,), timeout=seconds)
        for each in done:
            each.result()

    async def _settle(self, corpus: Corpus, until: float) -> None:
        while time.monotonic() < until and await self._embed(corpus):
            pass

    async def _embed_arrived(self, stored: Arriving, until: float) -> None:
        ids = stored.items.keys()
        self._arriving |= ids
        try:
            for begin in range(0, len(stored.entries), TOGETHER):
                some = stored.entries[begin : begin + TOGETHER]
                if time.monotonic() > until or some[0].wants in self._resting_now():
                    return
                await self._make(some, stored.items)
        finally:
            self._arriving -= ids

    async def _work(self) -> None:
        rested = time.monotonic()
        while True:
            await asyncio.sleep(POLL_S)
            if self._is_busy() and time.monotonic() - rested < PATIENCE_S:
                continue
            try:
                await self._once()
            except AppError as failed:
                log.error("search is behind: %s", failed.detail)
            except Exception:  # the background runner: without it nothing new would be found by meaning
                log.exception("search is behind")
            rested = time.monotonic()

    async def _once(self) -> None:
        """Everything that there is to do, words first."""
        if self._default() != self._wanted:
            await self._db.write(search.want_default, self._default())
            self._wanted = self._default()
        for source in SOURCES.values():
            while await self._read(source, None):
                pass
        while await self._has_work() and await self._leading():
            if not await self._embed(None) or self._is_busy():
                return

    async def _leading(self) -> bool:
        self._leads = self._db.is_sqlite or await self._db.write(search.lead, EMBEDDING, self._id, LEAD_S)
        return self._leads

    async def _has_work(self) -> bool:
        """Whether any vectors are missing that can be made now: a server at rest writes nothing."""
        return bool(await self._db.read(search.count_pending, None, 1, self._resting_now()))

    def trouble(self, model: str) -> str | None:
        """Why a model is left alone for now."""
        until, _, why = self._resting.get(model, (0.0, 0.0, ""))
        return why if until > time.monotonic() else None

    def _resting_now(self) -> Sequence[str]:
        """The models that are left alone for now. Units of work ask too, in threads of their own: hence the copy."""
        return [model for model, (until, _, _) in self._resting.copy().items() if until > time.monotonic()]

    async def _read(self, source: ItemSource, corpus: Corpus | None) -> bool:
        """Store the words of some items; False when there were none."""
        items = await self._db.read(source.waiting, BATCH, corpus)
        if not items:
            return False
        rows = await asyncio.to_thread(_rows, items, self._default())
        await self._db.write(_store, source, items, rows, self._default())
        return True

    async def _embed(self, corpus: Corpus | None) -> bool:
        """Make some of the vectors that are missing; False when there was nothing that could be done."""
        async with self._embedding:
            if corpus is None:
                rows = await self._db.read(search.pending_past, self._came_to, EMBEDDED, self._resting_now())
                self._came_to = (rows[-1].organization_id, rows[-1].corpus) if rows else ("", "")
            else:
                rows = await self._db.read(search.pending, corpus, EMBEDDED, self._resting_now())
            return await self._embed_rows([row for row in rows if row.item_id not in self._arriving])

    async def _embed_rows(self, rows: Sequence[EntryRow]) -> bool:
        """Store the vectors of some entries; False when nothing was done."""
        done = False
        for (organization, kind, model), grouped in groupby(sorted(rows, key=_place), _place):
            some = list(grouped)
            if model not in self._resting_now():
                texts = await self._db.read(SOURCES[kind].again, organization, [row.item_id for row in some])
                done = await self._make(some, texts) or done
        return done

    async def _make(self, rows: Sequence[EntryRow], texts: Mapping[str, Item]) -> bool:
        """Make the vectors of entries of one place; False when their model fails."""
        organization, _, model = _place(rows[0])
        try:
            made = await _vectors(await self._choose(organization, model), rows, texts)
        except AppError as failed:
            self._rest(model, failed)
            return False
        self._resting.pop(model, None)
        await self._db.write(search.set_vectors, made)
        return True

    def _rest(self, model: str, failed: AppError) -> None:
        _, last, _ = self._resting.get(model, (0.0, 0.0, ""))
        pause = min(max(last * 2, BACKOFF_S[0]), BACKOFF_S[1])
        self._resting[model] = (time.monotonic() + pause, pause, failed.detail)
        log.warning("%s makes no vectors, so search goes by words for the next %d s: %s", model, pause, failed.detail)


def _place(row: EntryRow) -> tuple[str, str, str]:
    return row.organization_id, row.kind, row.wants


def _rows(items: Sequence[Item], default: str) -> list[EntryRow]:
    """The entries of items, without vectors; what is not to be found any more is told to those that know it."""
    return [entry_of(item, default, words_of((item.text, item.speaker))) for item in items]


def _store(tx: Tx, source: ItemSource, items: Sequence[Item], rows: Sequence[EntryRow], default: str) -> None:
    """Entries are numbered by organization; what was removed meanwhile, or is to have another model, is seen here."""
    for organization, some in groupby(
        sorted(rows, key=lambda row: row.organization_id), lambda row: row.organization_id
    ):
        entries = list(some)
        stamp = search.hold(tx, organization, source.kind)
        there = source.again(tx, organization, [row.item_id for row in entries])
        known = [
            row if row.is_gone else _for_model(row, there[row.item_id].model, default)
            for row in entries
            if row.is_gone or row.item_id in there
        ]
        search.put(tx, known, stamp())
    source.mark(tx, items)


def _for_model(row: EntryRow, model: str | None, default: str) -> EntryRow:
    return replace(row, wants=model or default, by_default=model is None)


async def _vectors(embedder: Embedder, rows: Sequence[EntryRow], texts: Mapping[str, Item]) -> list[EntryRow]:
    """The entries with the vectors that the model makes of their texts; a text that it refuses gets none."""
    chunks = [_chunks(texts.get(row.item_id)) for row in rows]
    if len(rows) > 1 and sum(map(len, chunks)) > MOST_PIECES:
        return await _halved(embedder, rows, texts)
    try:
        made = await embedder.embed([chunk for each in chunks for chunk in each])
    except ModelError as refused:
        if refused.code != "llm_bad_request":
            raise
        if len(rows) == 1:
            log.warning(
                "%s refuses %s, which is found by its words only: %s", embedder.handle, rows[0].item_id, refused
            )
            return [_embedded(rows[0], None)]
        return await _halved(embedder, rows, texts)
    return list(_with_vectors(rows, chunks, made))


async def _halved(embedder: Embedder, rows: Sequence[EntryRow], texts: Mapping[str, Item]) -> list[EntryRow]:
    middle = len(rows) // 2
    return [
        *await _vectors(embedder, rows[:middle], texts),
        *await _vectors(embedder, rows[middle:], texts),
    ]


def _chunks(item: Item | None) -> Sequence[str]:
    if item is None or not item.text:
        return ()
    return pieces(item.text, speaker_of(item.text, item.speaker))


def _with_vectors(
    rows: Sequence[EntryRow], chunks: Sequence[Sequence[str]], made: "NDArray[np.float32]"
) -> Iterable[EntryRow]:
    import numpy as np

    begin, half = 0, made.astype(np.float16)
    for row, own in zip(rows, chunks, strict=True):
        these = slice(begin, begin + len(own))
        vectors = pack_vectors(half[these] if len(own) <= MOST_PIECES else merged(made[these])) if own else None
        begin += len(own)
        yield _embedded(row, vectors)


def _embedded(row: EntryRow, vectors: bytes | None) -> EntryRow:
    """What there is to store of an entry that its model has read."""
    key = row.organization_id, row.item_id, row.kind, row.corpus
    return EntryRow(*key, stamp=row.stamp, model=row.wants, vectors=vectors)
