"""Searching: one function for messages, passages and files."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from holdfast.auth.model import Who
from holdfast.errors import AppError
from holdfast.recall.indexer import Choose, Indexer
from holdfast.recall.query import Among, Hit, Mode, Query
from holdfast.recall.shelf import Shelf
from holdfast.recall.shelves import Shelves
from holdfast.store.search import FILES, Corpus

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST_QUERY = 4_000
"""What of a question is searched for; nobody asks at greater length, and the rest would cost without helping."""

SETTLE_S = 4.0
"""How long a search waits for the vectors of what was just stored, if there are not too many to be worth it."""
FEW = 800
STORE_S = 10.0
"""How long a request that stores waits for them: whoever stores much is slowed down to what can be searched."""

log = logging.getLogger("holdfast.recall")


class Recall:
    """Finds what was said and stored."""

    def __init__(self, indexer: Indexer, shelves: Shelves, choose: Choose) -> None:
        self.indexer = indexer
        self._shelves = shelves
        self._choose = choose

    async def search(
        self,
        corpus: Corpus,
        text: str,
        limit: int,
        *,
        allowed: Collection[str] | None = None,
        without: Collection[str] = (),
        mode: Mode = "hybrid",
    ) -> Sequence[Hit]:
        """The best items of a corpus, best first; of those allowed, if that is said."""
        text = text.strip()[:LONGEST_QUERY]
        if not text or limit < 1 or (allowed is not None and not allowed):
            return []
        await self.indexer.catch_up(corpus)
        if mode != "fts" and 0 < await self.indexer.behind(corpus) <= FEW:
            await self.indexer.settle(corpus, SETTLE_S)
        async with self._shelves.open(corpus) as shelf:
            query = Query.of(text, await self._vectors(corpus, shelf, text, mode))
            return await asyncio.to_thread(shelf.search, query, limit, Among(allowed, without), mode)

    async def forget(self, organization_id: str, corpus_ids: Collection[str]) -> None:
        """Keep nothing of what was forgotten in memory."""
        await self._shelves.catch_up(organization_id, corpus_ids)

    async def settle_folder(self, who: Who, folder_id: str) -> None:
        """A file was read: make what it says known."""
        await self.indexer.settle(Corpus(who.organization_id, FILES, folder_id), STORE_S)

    async def _vectors(
        self, corpus: Corpus, shelf: Shelf, text: str, mode: Mode
    ) -> Mapping[str, "NDArray[np.float32]"]:
        """The question as the models of the corpus see it; where one fails, words have to do, if they may."""
        found: dict[str, NDArray[np.float32]] = {}
        for model in shelf.models if mode != "fts" else ():
            try:
                embedder = await self._choose(corpus.organization_id, model)
                found[model] = (await embedder.embed([text], is_query=True))[0]
            except AppError as failed:
                if mode == "vector":
                    raise
                log.warning("searched by words only: %s", failed.detail)
        return found
