"""HTTP of the folders that agents have, under both generations' paths; and of the end of a folder, which they lose."""

from typing import Annotated

from fastapi import Response

from holdfast.agents import folders, load, store, wire
from holdfast.agents.state import AgentState
from holdfast.auth.caller import Caller, Db, Modern
from holdfast.auth.model import Who
from holdfast.files import attached
from holdfast.files import folders as rows
from holdfast.files import store as files
from holdfast.files import wire as shown
from holdfast.files.model import Folder
from holdfast.files.source_routes import older
from holdfast.files.wire import Source
from holdfast.kit.ids import AgentId, FolderId
from holdfast.kit.page import WHOLE, Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm.asked import Llms
from holdfast.llm.models import Models
from holdfast.store.table import Tx

router = Router("folders")


@router.get("/agents/{agent_id}/folders", list[Source])
async def list_folders_of_agent(
    agent_id: AgentId, who: Caller, db: Db, models: Llms, page: Annotated[Page, page_of("desc", WHOLE)]
) -> Response:
    """The folders that an agent has."""
    return reply([shown.folder(found, models) for found in await db.read(_page, who, agent_id, page)])


@router.get("/folders/{folder_id}/agents", list[str])
async def list_agents_of_folder(
    folder_id: FolderId, who: Caller, db: Db, page: Annotated[Page, page_of("desc", WHOLE)]
) -> Response:
    """The ids of the agents that have a folder."""
    return reply(await db.read(_holders, who, folder_id, page))


@router.delete("/folders/{folder_id}", None)
async def delete_folder(folder_id: FolderId, who: Caller, db: Db) -> Response:
    """Delete a folder with its files, for good; agents that have it lose it."""
    await db.write(_delete, who, folder_id)
    return reply(None)


router.endpoints += [older(endpoint) for endpoint in router.endpoints]


@router.patch("/agents/{agent_id}/folders/attach/{folder_id}", AgentState | None)
async def attach_folder(
    agent_id: AgentId, folder_id: FolderId, who: Caller, db: Db, models: Llms, modern: Modern
) -> Response:
    """Give an agent a folder: its files, as many of them open as fit, and the tools for files."""
    await db.write(folders.attach, who, agent_id, [folder_id], models)
    return reply(None if modern else await _state(db, who, agent_id, models))


@router.patch("/agents/{agent_id}/folders/detach/{folder_id}", AgentState | None)
async def detach_folder(
    agent_id: AgentId, folder_id: FolderId, who: Caller, db: Db, models: Llms, modern: Modern
) -> Response:
    """Take a folder from an agent, and with the last one the tools for files; the folder stays."""
    await db.write(folders.detach, who, agent_id, folder_id)
    return reply(None if modern else await _state(db, who, agent_id, models))


@router.patch("/agents/{agent_id}/sources/attach/{source_id}", AgentState, tag="sources", deprecated=True)
async def attach_source(agent_id: AgentId, source_id: FolderId, who: Caller, db: Db, models: Llms) -> Response:
    """Give an agent a folder, under its name of the generation before."""
    await db.write(folders.attach, who, agent_id, [source_id], models)
    return reply(await _state(db, who, agent_id, models))


@router.patch("/agents/{agent_id}/sources/detach/{source_id}", AgentState, tag="sources", deprecated=True)
async def detach_source(agent_id: AgentId, source_id: FolderId, who: Caller, db: Db, models: Llms) -> Response:
    """Take a folder from an agent, under its name of the generation before."""
    await db.write(folders.detach, who, agent_id, source_id)
    return reply(await _state(db, who, agent_id, models))


async def _state(db: Db, who: Who, agent_id: str, models: Models) -> object:
    return wire.state(await db.read(load.one, who, agent_id), models)


def _page(tx: Tx, who: Who, agent_id: str, page: Page) -> list[Folder]:
    store.get(tx, who, agent_id)
    return attached.page_of_agent(tx, who, agent_id, page)


def _holders(tx: Tx, who: Who, folder_id: str, page: Page) -> list[str]:
    rows.get(tx, who, folder_id)
    wanted = store.Filter(ids=attached.agent_ids(who, folder_id), show_hidden=True)
    return [agent.id for agent in store.page(tx, who, page, wanted)]


def _delete(tx: Tx, who: Who, folder_id: str) -> None:
    for agent_id in files.delete_folder(tx, who, folder_id):
        folders.settle(tx, who, agent_id)
