"""HTTP of MCP servers by their ids; the API by their names is in `name_routes.py`."""

from contextlib import suppress
from typing import Annotated, Any

from fastapi import Query, Response

from holdfast.auth.caller import Caller, Db
from holdfast.errors import AppError
from holdfast.kit import sse
from holdfast.kit.ids import McpServerId, ToolId
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.mcp import store
from holdfast.mcp.asked import Callback, Mcp
from holdfast.mcp.connect import connecting
from holdfast.mcp.model import CreateMCPServerRequest, NamedServer, UpdateMCPServerRequest
from holdfast.mcp.wire import AnyMCPServer, Synced, shown
from holdfast.tools.model import Tool

router = Router("mcp-servers")

OfAgent = Annotated[str | None, Query(description="The agent whose secrets fill the templates of headers.")]


@router.get("/mcp-servers/", list[AnyMCPServer])
async def list_mcp_servers(who: Caller, db: Db) -> Response:
    """All MCP servers of the organization, the oldest first."""
    return reply([shown(each) for each in await db.read(store.every, who)])


@router.post("/mcp-servers/", AnyMCPServer)
async def create_mcp_server(who: Caller, db: Db, servers: Mcp, new: CreateMCPServerRequest) -> Response:
    """Register a server and take over its tools; one that does not answer now is registered all the same."""
    named = NamedServer.model_validate({**new.config.model_dump(), "server_name": new.server_name})
    await servers.check(store.unstored(who, named))
    made = await db.write(store.create, who, named)
    with suppress(AppError):  # it may be away for now: a refresh takes its tools over later, and says what is wrong
        await servers.sync(who, made)
    return reply(shown(made))


@router.get("/mcp-servers/connect/{mcp_server_id}", streams=dict[str, Any])
async def connect_mcp_server(
    mcp_server_id: McpServerId, who: Caller, db: Db, servers: Mcp, callback: Callback
) -> Response:
    """Connect to a server, as a stream of events; one that wants OAuth is authorized on the way."""
    server = await db.read(store.get, who, mcp_server_id)
    await servers.check(server)
    return sse.stream(connecting(servers, who, server, callback))


@router.get("/mcp-servers/{mcp_server_id}", AnyMCPServer)
async def retrieve_mcp_server(mcp_server_id: McpServerId, who: Caller, db: Db) -> Response:
    """One server."""
    return reply(shown(await db.read(store.get, who, mcp_server_id)))


@router.patch("/mcp-servers/{mcp_server_id}", AnyMCPServer)
async def update_mcp_server(
    mcp_server_id: McpServerId, who: Caller, db: Db, servers: Mcp, changes: UpdateMCPServerRequest
) -> Response:
    """Change a server; what is null or not sent stays."""
    values = {**changes.config.model_dump(exclude_unset=True), "server_name": changes.server_name}
    await servers.check(store.changed(who, await db.read(store.get, who, mcp_server_id), values))
    changed = await db.write(store.change, who, mcp_server_id, values)
    servers.drop(mcp_server_id)
    return reply(shown(changed))


@router.delete("/mcp-servers/{mcp_server_id}", None, status=204)
async def delete_mcp_server(mcp_server_id: McpServerId, who: Caller, db: Db, servers: Mcp) -> Response:
    """Remove a server and its tools, also from the agents that have them."""
    await db.write(store.delete, who, mcp_server_id)
    servers.drop(mcp_server_id)
    return Response(status_code=204)


@router.patch("/mcp-servers/{mcp_server_id}/refresh", Synced)
async def refresh_mcp_server(
    mcp_server_id: McpServerId, who: Caller, db: Db, servers: Mcp, agent_id: OfAgent = None
) -> Response:
    """Take over the tools that a server has now; answers with the names of those that changed."""
    return reply(await servers.sync(who, await db.read(store.get, who, mcp_server_id), agent_id))


@router.get("/mcp-servers/{mcp_server_id}/tools", list[Tool])
async def list_mcp_tools(mcp_server_id: McpServerId, who: Caller, db: Db) -> Response:
    """The tools of a server that were taken over."""
    await db.read(store.get, who, mcp_server_id)
    return reply(await db.read(store.of_server, who, mcp_server_id))


@router.get("/mcp-servers/{mcp_server_id}/tools/{tool_id}", Tool)
async def retrieve_mcp_tool(mcp_server_id: McpServerId, tool_id: ToolId, who: Caller, db: Db) -> Response:
    """One tool of a server."""
    await db.read(store.get, who, mcp_server_id)
    return reply(await db.read(store.tool_of, who, mcp_server_id, tool_id))
