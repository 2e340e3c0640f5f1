"""Searching: one function for messages, passages and files."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.auth.model import Who
from holdfast.errors import AppError
from holdfast.recall.indexer import Choose, Indexer
from holdfast.recall.query import ANY, Among, Hit, Mode, Query
from holdfast.recall.shelves import News, Shelves
from holdfast.store.database import Database
from holdfast.store.search import FILES, Corpus
from holdfast.store.table import Tx

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST_QUERY = 4_000
"""What of a question is searched for; nobody asks at greater length, and the rest would cost without helping."""

SETTLE_S = 4.0
"""How long a search waits for the words of what was just stored, and for its vectors, if these are few enough."""
FEW = 800
STORE_S = 10.0
"""How long a request that stores waits for them: whoever stores much is slowed down to what can be searched."""

log = logging.getLogger("holdfast.recall")


@dataclass(frozen=True, slots=True)
class BegunSearch:
    """A search of a corpus, as far as a unit of work has come with it."""

    corpus: Corpus
    lacks_words: bool
    behind: int
    """How many items wait for vectors, counted to one more than a search waits for."""
    news: News


class Recall:
    """Finds what was said and stored."""

    def __init__(self, db: Database, indexer: Indexer, shelves: Shelves, choose: Choose) -> None:
        self.indexer = indexer
        self._db = db
        self._shelves = shelves
        self._choose = choose

    def begun(self, tx: Tx, corpus: Corpus) -> BegunSearch:
        """Begin a search, in the unit of work that finds out what to search."""
        lacks_words, behind = self.indexer.lacks_words(tx, corpus), self.indexer.behind(tx, corpus, FEW + 1)
        return BegunSearch(corpus, lacks_words, behind, self._shelves.news(tx, corpus))

    async def search(
        self, begun: BegunSearch, text: str, limit: int, among: Among = ANY, mode: Mode = "hybrid"
    ) -> Sequence[Hit]:
        """The best items of a corpus, best first."""
        corpus, text = begun.corpus, text.strip()[:LONGEST_QUERY]
        if not text or limit < 1 or (among.allowed is not None and not among.allowed):
            return []
        news = await self._caught_up(begun, mode)
        models = self._shelves.models(corpus) if mode != "fts" else ()
        vectors = await self._vectors(corpus, models, text, mode)
        async with self._shelves.open(corpus, news) as shelf:
            if mode != "fts" and (further := [model for model in shelf.models if model not in models]):
                vectors |= await self._vectors(corpus, further, text, mode)
            query = Query.of(text, vectors)
            return await asyncio.to_thread(shelf.search, query, limit, among, mode)

    async def _caught_up(self, begun: BegunSearch, mode: Mode) -> News | None:
        """Make known what is to be found, as far as that is quick; the news, if they are still the last ones."""
        corpus, behind, news = begun.corpus, begun.behind, begun.news
        if begun.lacks_words:
            await self.indexer.catch_up(corpus, SETTLE_S)
            behind, news = await self._db.read(self.indexer.behind, corpus, FEW + 1), None
        if mode != "fts" and 0 < behind <= FEW:
            await self.indexer.settle(corpus, SETTLE_S)
            news = None
        return news

    async def forget(self, organization_id: str, corpus_ids: Collection[str]) -> None:
        """Keep nothing of what was forgotten in memory."""
        await self._shelves.catch_up(organization_id, corpus_ids)

    async def settle_folder(self, who: Who, folder_id: str) -> None:
        """A file was read: make what it says known."""
        await self.indexer.settle(Corpus(who.organization_id, FILES, folder_id), STORE_S)

    async def _vectors(
        self, corpus: Corpus, models: Sequence[str], text: str, mode: Mode
    ) -> dict[str, "NDArray[np.float32]"]:
        """The question as some models see it; where one fails, words have to do, if they may."""
        found: dict[str, NDArray[np.float32]] = {}
        for model in models:
            try:
                embedder = await self._choose(corpus.organization_id, model)
                found[model] = (await embedder.embed([text], is_query=True))[0]
            except AppError as failed:
                if mode == "vector":
                    raise
                log.warning("searched by words only: %s", failed.detail)
        return found
