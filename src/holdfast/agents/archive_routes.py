"""HTTP of an agent's archival memory: its passages, the archive that it holds, and the agents that hold one."""

from typing import Annotated

from fastapi import Path, Query, Response

from holdfast.agents import load, store, wire
from holdfast.agents.asked import Relations
from holdfast.agents.load import Loaded
from holdfast.agents.remembering import remember
from holdfast.agents.state import AgentState
from holdfast.archives import passages
from holdfast.archives import store as archives
from holdfast.archives import wire as shown
from holdfast.archives.asked import Searchable
from holdfast.archives.model import Archive, EditPassage, Passage, StorePassage
from holdfast.archives.wire import PassageJson
from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.history.model import Cause
from holdfast.kit.entity import Patch
from holdfast.kit.ids import AgentId, ArchiveId
from holdfast.kit.page import MOST, WHOLE, Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm.asked import Llms
from holdfast.store.table import Tx

router = Router("passages")

MemoryId = Annotated[str, Path(description="The id of a passage in the archive that the agent holds.")]
LIMIT = 100


@router.get("/agents/{agent_id}/archival-memory", list[PassageJson])
async def list_archival_memory(
    agent_id: AgentId,
    who: Caller,
    db: Db,
    models: Llms,
    before: Annotated[str | None, Query(description="Passages before this id, in the order of the list.")] = None,
    after: Annotated[str | None, Query(description="Passages after this id, in the order of the list.")] = None,
    limit: Annotated[int | None, Query(ge=0, description="How many passages at most.")] = LIMIT,
    search: Annotated[str | None, Query(description="Only passages whose text contains this.")] = None,
    ascending: Annotated[bool | None, Query(description="Oldest first, which is the default.")] = True,
) -> Response:
    """The passages in the archive that an agent holds."""
    size = min(LIMIT if limit is None else limit, MOST)
    page = Page(size, "desc" if ascending is False else "asc", before or None, after or None)
    archive, found = await db.read(_page, who, agent_id, page, search)
    return reply(shown.passages(found, archive, models))


@router.post("/agents/{agent_id}/archival-memory", list[PassageJson])
async def insert_archival_memory(
    agent_id: AgentId, new: StorePassage, who: Caller, db: Db, models: Llms, search: Searchable
) -> Response:
    """Store a passage in the archive that an agent holds; its first one makes an archive of its own."""
    archive, made = await remember(db, search, who, agent_id, new, link_duplicates=new.link_duplicates)
    return reply(shown.passages(made, archive, models))


@router.patch("/agents/{agent_id}/archival-memory/{memory_id}", PassageJson)
async def update_archival_memory(
    agent_id: AgentId, memory_id: MemoryId, changes: Patch[EditPassage], who: Caller, db: Db, models: Llms
) -> Response:
    """Change the text, the tags or the metadata of a passage; null leaves a field as it is."""
    archive, changed = await db.write(_change, who, agent_id, memory_id, changes)
    return reply(shown.passage(changed, archive, models))


@router.delete("/agents/{agent_id}/archival-memory/{memory_id}", dict[str, str])
async def delete_archival_memory(agent_id: AgentId, memory_id: MemoryId, who: Caller, db: Db) -> Response:
    """Take a passage out of lists and search; it can be put back with its versions."""
    await db.write(_delete, who, agent_id, memory_id)
    return reply({"message": f"Passage {memory_id} is deleted."})


@router.patch("/agents/{agent_id}/archives/attach/{archive_id}", None, tag="archives")
async def attach_archive(agent_id: AgentId, archive_id: ArchiveId, who: Caller, db: Db) -> Response:
    """Give an agent an archive; it can hold one, and the same archive can be held by many agents."""
    await db.write(_attach, who, agent_id, archive_id)
    return reply(None)


@router.patch("/agents/{agent_id}/archives/detach/{archive_id}", None, tag="archives")
async def detach_archive(agent_id: AgentId, archive_id: ArchiveId, who: Caller, db: Db) -> Response:
    """Take its archive from an agent; the archive stays."""
    await db.write(_detach, who, agent_id, archive_id)
    return reply(None)


@router.get("/archives/{archive_id}/agents", list[AgentState], tag="archives")
async def list_agents_of_archive(
    archive_id: ArchiveId,
    who: Caller,
    db: Db,
    models: Llms,
    relations: Relations,
    page: Annotated[Page, page_of("desc", WHOLE)],
) -> Response:
    """The agents that hold an archive."""
    return reply(wire.states(await db.read(_holders, who, archive_id, page, relations), models))


def _page(tx: Tx, who: Who, agent_id: str, page: Page, search: str | None) -> tuple[Archive | None, list[Passage]]:
    archive = _held(tx, who, agent_id)
    if archive is None:
        for cursor in filter(None, (page.before, page.after)):
            raise passages.rows.missing(cursor)
        return None, []
    return archive, passages.page(tx, who, archive.id, page, search)


def _held(tx: Tx, who: Who, agent_id: str) -> Archive | None:
    store.get(tx, who, agent_id)
    return archives.of_agent(tx, who, agent_id)


def _change(tx: Tx, who: Who, agent_id: str, memory_id: str, changes: Patch[EditPassage]) -> tuple[Archive, Passage]:
    archive = _holding(tx, who, agent_id, memory_id)
    values = {**changes.values}
    cause = Cause(reason=values.pop("reason", None))
    return archive, passages.change(tx, who, memory_id, values, cause)


def _delete(tx: Tx, who: Who, agent_id: str, memory_id: str) -> None:
    _holding(tx, who, agent_id, memory_id)
    passages.delete(tx, who, memory_id)


def _holding(tx: Tx, who: Who, agent_id: str, memory_id: str) -> Archive:
    """The agent's archive, which holds the passage."""
    archive = _held(tx, who, agent_id)
    if archive is None:
        raise passages.rows.missing(memory_id)
    passages.get(tx, who, archive.id, memory_id)
    return archive


def _attach(tx: Tx, who: Who, agent_id: str, archive_id: str) -> None:
    store.get(tx, who, agent_id)
    archives.attach(tx, who, agent_id, archive_id)


def _detach(tx: Tx, who: Who, agent_id: str, archive_id: str) -> None:
    store.get(tx, who, agent_id)
    archives.detach(tx, who, agent_id, archive_id)


def _holders(tx: Tx, who: Who, archive_id: str, page: Page, relations: frozenset[str]) -> list[Loaded]:
    wanted = store.Filter(ids=archives.agent_ids(tx, who, archive_id))
    return load.page(tx, who, page, wanted, relations)
