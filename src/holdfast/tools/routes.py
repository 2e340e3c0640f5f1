"""HTTP of tools. Changes of one, which go on to its agents, and agents' own paths are in `agents/tools_routes.py`."""

from typing import Annotated

from fastapi import Header, Query, Response

from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.kit.ids import ToolId
from holdfast.kit.page import WHOLE, Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.store.database import Database
from holdfast.tools import store
from holdfast.tools.model import CreateTool, Tool, ToolCountFilter, ToolFilter

router = Router("tools")

Project = Annotated[str | None, Header(alias="X-Project-Id")]


@router.get("/tools/", list[Tool])
async def list_tools(
    who: Caller,
    db: Db,
    wanted: Annotated[ToolFilter, Query()],
    page: Annotated[Page, page_of("desc", WHOLE)],
    project: Project = None,
) -> Response:
    """The tools that match every filter sent; the server's own are always there."""
    if page.after is None:
        await _ensure_builtins(db, who)
    return reply(await db.read(store.page, who, page, wanted, project))


@router.post("/tools/", Tool)
async def create_tool(who: Caller, db: Db, new: CreateTool, project: Project = None) -> Response:
    """Create a tool; one of the same name is replaced by it and keeps its id."""
    return reply(await db.write(store.upsert, who, new, project))


@router.put("/tools/", Tool)
async def upsert_tool(who: Caller, db: Db, new: CreateTool, project: Project = None) -> Response:
    """Create a tool, or replace the one of the same name."""
    return reply(await db.write(store.upsert, who, new, project))


@router.get("/tools/count", int)
async def count_tools(who: Caller, db: Db, wanted: Annotated[ToolCountFilter, Query()]) -> Response:
    """How many tools match every filter sent."""
    await _ensure_builtins(db, who)
    return reply(await db.read(store.count, who, wanted))


@router.post("/tools/add-base-tools", list[Tool])
async def add_base_tools(who: Caller, db: Db) -> Response:
    """Create the server's own tools where they are missing; answers with all of them."""
    return reply(await db.write(store.builtins, who))


@router.get("/tools/{tool_id}", Tool)
async def retrieve_tool(tool_id: ToolId, who: Caller, db: Db) -> Response:
    """One tool."""
    return reply(await db.read(store.get, who, tool_id))


@router.delete("/tools/{tool_id}", None)
async def delete_tool(tool_id: ToolId, who: Caller, db: Db) -> Response:
    """Delete a tool; agents that have it lose it."""
    return reply(await db.write(store.delete, who, tool_id))


async def _ensure_builtins(db: Database, who: Who) -> None:
    if await db.read(store.lacks_builtins, who):
        await db.write(store.ensure_builtins, who)
