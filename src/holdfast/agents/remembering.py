"""Storing something in the archival memory of an agent."""

from collections.abc import Mapping

from holdfast.agents import store
from holdfast.archives import store as archives
from holdfast.archives.asked import PassageSearch, Stored
from holdfast.archives.keep import Beforehand, keep
from holdfast.archives.model import Archive, NewPassage
from holdfast.auth.model import Who
from holdfast.store.database import Database
from holdfast.store.table import Tx


async def remember(
    db: Database, search: PassageSearch, who: Who, agent_id: str, new: NewPassage, *, link_duplicates: bool = False
) -> Stored:
    """Store a passage in the archive that an agent holds, and make it known to the search."""
    held = await db.read(_held, who, agent_id) if link_duplicates else None
    same: Mapping[str, str] = await search.same(who, held.id, [new.text]) if held is not None else {}
    return await search.store([new], lambda tx, note: _insert(tx, who, agent_id, new, Beforehand(same, note)))


def _held(tx: Tx, who: Who, agent_id: str) -> Archive | None:
    store.get(tx, who, agent_id)
    return archives.of_agent(tx, who, agent_id)


def _insert(tx: Tx, who: Who, agent_id: str, new: NewPassage, known: Beforehand) -> Stored:
    agent = store.get(tx, who, agent_id)
    chosen = {"embedding": agent.embedding, "embedding_config": agent.embedding_config}
    archive = archives.of_agent_or_new(tx, who, agent_id, archives.default_of(who, agent.name, chosen))
    return archive, keep(tx, who, archive.id, [new], known)
