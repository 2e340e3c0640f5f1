"""What the found items are: messages of agents, passages of archives, chunks of files."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from holdfast.agents import store as agents
from holdfast.archives import passages
from holdfast.archives import store as archives
from holdfast.archives.asked import Stored, Storing
from holdfast.archives.model import Archive, NewPassage, Passage
from holdfast.archives.passages import Narrowing
from holdfast.auth.model import Who
from holdfast.files import attached, grep, opened
from holdfast.files.grep import MatchedLines, Pattern
from holdfast.files.model import Chunk
from holdfast.kit.found import Found
from holdfast.messages import store as messages
from holdfast.messages.model import Message
from holdfast.messages.store import Narrowed
from holdfast.recall.query import Among, Hit, Mode
from holdfast.recall.same import NEAR, adds_nothing
from holdfast.recall.search import STORE_S, BegunSearch, Recall
from holdfast.store.database import Database
from holdfast.store.search import FILES, MESSAGES, PASSAGES, Corpus
from holdfast.store.table import Tx

T = TypeVar("T")

LOOKED_AT = 5
"""So many of the nearest passages are compared with a new one, word by word."""

LOOKING = 2
"""Searches for patterns at once: each takes a process."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which archives are searched: the one that an agent holds, one, or all of them."""

    agent_id: str | None = None
    archive_id: str | None = None

    @property
    def is_all(self) -> bool:
        return self.agent_id is None and self.archive_id is None


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
        return await self.messages_of(who, lambda _: wanted, query, limit, mode)

    async def messages_of(
        self, who: Who, narrowed: Callable[[Tx], Narrowed], query: str, limit: int, mode: Mode = "hybrid"
    ) -> Sequence[Found[Message]]:
        """The same where a unit of work says what to look through; it is part of the one with which a search begins."""
        if not query.strip():
            newest = await self._db.read(lambda tx: messages.newest(tx, who, narrowed(tx), limit))
            return [Found(message, 0.0) for message in newest]
        begun, among = await self._db.read(self._begun_in_messages, who, narrowed)
        hits = await self._recall.search(begun, query, limit, among, mode)
        stored = await self._db.read(messages.many, who, [hit.id for hit in hits]) if hits else {}
        return [_found(hit, stored[hit.id]) for hit in hits if hit.id in stored]

    def _begun_in_messages(self, tx: Tx, who: Who, narrowed: Callable[[Tx], Narrowed]) -> tuple[BegunSearch, Among]:
        wanted = narrowed(tx)
        allowed = messages.ids_of(tx, who, wanted) if wanted.is_narrow else None
        begun = self._recall.begun(tx, Corpus(who.organization_id, MESSAGES, wanted.agent_id))
        return begun, Among(allowed, wanted.without)

    async def passages(
        self, who: Who, where: Where, wanted: Narrowing, query: str, limit: int
    ) -> Sequence[tuple[Found[Passage], Archive]]:
        """The passages that fit best, with their archives; without a query, the newest ones.

        An agent or an archive that is not there is an error; an agent that holds no archive has stored nothing yet.
        """
        if not query.strip():
            return await self._db.read(_newest_passages, who, where, wanted, limit)
        begun, archive, allowed = await self._db.read(self._begun_in_passages, who, where, wanted)
        hits = await self._recall.search(begun, query, limit, Among(allowed)) if begun else ()
        return await self._db.read(_found_passages, who, hits, archive) if hits else []

    def _begun_in_passages(
        self, tx: Tx, who: Who, where: Where, wanted: Narrowing
    ) -> tuple[BegunSearch | None, Archive | None, Collection[str] | None]:
        archive = _archive(tx, who, where)
        if archive is None and not where.is_all:
            return None, None, ()
        archive_id = archive.id if archive else None
        allowed = passages.allowed_ids(tx, who, archive_id, wanted)
        return self._recall.begun(tx, Corpus(who.organization_id, PASSAGES, archive_id)), archive, allowed

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
            near = await self.passages(who, Where(archive_id=archive_id), Narrowing(), text, LOOKED_AT)
            for each, _ in near:
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
        """The passages that an agent holds that fit best; without a query, the newest ones."""
        return [each for each, _ in await self.passages(who, Where(agent_id=agent_id), wanted, query, limit)]

    async def files(self, who: Who, agent_id: str, query: str, limit: int) -> Sequence[tuple[str, Found[Chunk]]]:
        """The pieces of files in all folders that an agent has that fit best, each with the name of its file."""
        begun = await self._db.read(self._begun_in_files, who, agent_id) if query.strip() else None
        hits = await self._recall.search(begun, query, limit) if begun else ()
        if not hits:
            return []
        stored = await self._db.read(opened.pieces, who, agent_id, [hit.id for hit in hits])
        return [(stored[hit.id][0], _found(hit, stored[hit.id][1])) for hit in hits if hit.id in stored]

    def _begun_in_files(self, tx: Tx, who: Who, agent_id: str) -> BegunSearch | None:
        ids = sorted(folder.id for folder in attached.folders_of(tx, who, agent_id))
        return self._recall.begun(tx, Corpus(who.organization_id, FILES, ids[0], tuple(ids[1:]))) if ids else None

    async def lines(self, who: Who, agent_id: str, wanted: Pattern) -> MatchedLines:
        """The lines of an agent's files that match; few at a time, because each look takes a process."""
        async with self._looking:
            return await grep.lines(self._db, who, agent_id, wanted)


def _archive(tx: Tx, who: Who, where: Where) -> Archive | None:
    """The archive to be searched; None where there is none, and where all are searched."""
    if where.agent_id is None:
        return None if where.archive_id is None else archives.get(tx, who, where.archive_id)
    held = archives.of_agent(tx, who, where.agent_id)
    if held is None:
        agents.get(tx, who, where.agent_id)
    return held


def _newest_passages(
    tx: Tx, who: Who, where: Where, wanted: Narrowing, limit: int
) -> Sequence[tuple[Found[Passage], Archive]]:
    archive = _archive(tx, who, where)
    if archive is None and not where.is_all:
        return []
    newest = passages.newest(tx, who, archive.id if archive else None, wanted, limit)
    return _with_archives(tx, who, [Found(passage, 0.0) for passage in newest], archive)


def _found_passages(
    tx: Tx, who: Who, hits: Sequence[Hit], archive: Archive | None
) -> Sequence[tuple[Found[Passage], Archive]]:
    stored = passages.by_ids(tx, who, [hit.id for hit in hits])
    return _with_archives(tx, who, [_found(hit, stored[hit.id]) for hit in hits if hit.id in stored], archive)


def _with_archives(
    tx: Tx, who: Who, found: Sequence[Found[Passage]], archive: Archive | None
) -> Sequence[tuple[Found[Passage], Archive]]:
    """Each with its archive, which may be known already."""
    if archive is not None:
        return [(each, archive) for each in found]
    held = archives.rows.many(tx, who, [each.item.archive_id for each in found])
    return [(each, held[each.item.archive_id]) for each in found if each.item.archive_id in held]


def _found(hit: Hit, item: T) -> Found[T]:
    return Found(item, hit.score, hit.parts, hit.terms, hit.relevance)
