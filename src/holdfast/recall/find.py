"""What the found items are: messages of agents, passages of archives, chunks of files."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from holdfast.archives import passages
from holdfast.archives import store as archives
from holdfast.archives.asked import Stored, Storing
from holdfast.archives.model import NewPassage, Passage
from holdfast.archives.passages import Narrowing
from holdfast.auth.model import Who
from holdfast.files import attached, grep, opened
from holdfast.files.grep import MatchedLines, Pattern
from holdfast.files.model import Chunk
from holdfast.kit.found import Found
from holdfast.messages import store as messages
from holdfast.messages.model import Message
from holdfast.messages.store import Narrowed
from holdfast.recall.query import Hit, Mode
from holdfast.recall.same import NEAR, adds_nothing
from holdfast.recall.search import STORE_S, Recall
from holdfast.store.database import Database
from holdfast.store.search import FILES, MESSAGES, PASSAGES, Corpus

T = TypeVar("T")

LOOKED_AT = 5
"""So many of the nearest passages are compared with a new one, word by word."""

LOOKING = 2
"""Searches for patterns at once: each takes a process."""


class Find:
    """Searches, and reads what was found."""

    def __init__(self, db: Database, recall: Recall) -> None:
        self._db = db
        self._recall = recall
        self._looking = asyncio.Semaphore(LOOKING)

    async def messages(
        self, who: Who, wanted: Narrowed, query: str, limit: int, mode: Mode = "hybrid"
    ) -> Sequence[Found[Message]]:
        """The messages that fit best; without a query, the newest ones."""
        if not query.strip():
            newest = await self._db.read(messages.newest, who, wanted, limit)
            return [Found(message, 0.0) for message in newest]
        allowed: Collection[str] | None = None
        if wanted.is_narrow:
            allowed = await self._db.read(messages.ids_of, who, wanted)
        corpus = Corpus(who.organization_id, MESSAGES, wanted.agent_id)
        hits = await self._recall.search(corpus, query, limit, allowed=allowed, without=wanted.without, mode=mode)
        stored = await self._db.read(messages.many, who, [hit.id for hit in hits])
        return [_found(hit, stored[hit.id]) for hit in hits if hit.id in stored]

    async def passages(
        self, who: Who, archive_id: str | None, wanted: Narrowing, query: str, limit: int
    ) -> Sequence[Found[Passage]]:
        """The passages of one archive, or of all, that fit best; without a query, the newest ones."""
        if not query.strip():
            newest = await self._db.read(passages.newest, who, archive_id, wanted, limit)
            return [Found(passage, 0.0) for passage in newest]
        allowed = await self._db.read(passages.allowed_ids, who, archive_id, wanted)
        corpus = Corpus(who.organization_id, PASSAGES, archive_id)
        hits = await self._recall.search(corpus, query, limit, allowed=allowed)
        stored = await self._db.read(passages.by_ids, who, [hit.id for hit in hits])
        return [_found(hit, stored[hit.id]) for hit in hits if hit.id in stored]

    async def store(self, new: Sequence[NewPassage], unit: Storing) -> Stored:
        """Store passages: they are found by their words at once, by their meaning too unless that takes long."""
        arriving = await self._recall.indexer.arriving(new)
        stored = await self._db.write(unit, arriving.note)
        await self._recall.indexer.arrived(arriving, STORE_S)
        return stored

    async def same(self, who: Who, archive_id: str, texts: Sequence[str]) -> Mapping[str, str]:
        """For those texts that say no more than a passage of the archive: that passage's id."""
        found = dict[str, str]()
        for text in dict.fromkeys(texts):
            near = await self.passages(who, archive_id, Narrowing(), text, LOOKED_AT)
            for each in near:
                if each.relevance >= NEAR and adds_nothing(text, each.item.text):
                    found[text] = each.item.id
                    break
        return found

    async def same_memory(self, who: Who, agent_id: str, text: str) -> str | None:
        """The passage of an agent's archive that says the same, if that is not to be stored twice."""
        archive = await self._db.read(archives.of_agent, who, agent_id)
        if archive is None or not archive.link_duplicates:
            return None
        return (await self.same(who, archive.id, [text])).get(text)

    async def memories(
        self, who: Who, agent_id: str, wanted: Narrowing, query: str, limit: int
    ) -> Sequence[Found[Passage]]:
        """The same for the archive that an agent holds; an agent that holds none has stored nothing yet."""
        archive = await self._db.read(archives.of_agent, who, agent_id)
        return [] if archive is None else await self.passages(who, archive.id, wanted, query, limit)

    async def files(self, who: Who, agent_id: str, query: str, limit: int) -> Sequence[tuple[str, Found[Chunk]]]:
        """The pieces of files in all folders that an agent has that fit best, each with the name of its file."""
        ids = [folder.id for folder in await self._db.read(attached.folders_of, who, agent_id)]
        if not ids or not query.strip():
            return []
        first, *further = sorted(ids)
        hits = await self._recall.search(Corpus(who.organization_id, FILES, first, tuple(further)), query, limit)
        stored = await self._db.read(opened.pieces, who, agent_id, [hit.id for hit in hits])
        return [(stored[hit.id][0], _found(hit, stored[hit.id][1])) for hit in hits if hit.id in stored]

    async def lines(self, who: Who, agent_id: str, wanted: Pattern) -> MatchedLines:
        """The lines of an agent's files that match; few at a time, because each look takes a process."""
        async with self._looking:
            return await grep.lines(self._db, who, agent_id, wanted)


def _found(hit: Hit, item: T) -> Found[T]:
    return Found(item, hit.score, hit.parts, hit.terms, hit.relevance)
