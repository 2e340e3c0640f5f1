"""HTTP of MCP servers by their names, as clients before 1.0 know it: the same servers as `routes.py` has."""

from contextlib import suppress
from typing import Annotated, Any

from fastapi import Body, Path, Query, Response
from fastapi.responses import HTMLResponse

from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.errors import AppError, NotFound
from holdfast.kit import sse
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.mcp import store, wire
from holdfast.mcp.asked import Callback, Mcp
from holdfast.mcp.connect import connecting
from holdfast.mcp.execute import call
from holdfast.mcp.model import CallArguments, McpServer, NamedServer, NamedServerUpdate
from holdfast.mcp.servers import Servers
from holdfast.mcp.wire import AnyServerConfig, MCPTool, Synced, named
from holdfast.store.database import Database
from holdfast.tools.model import Tool

router = Router("tools")

ServerName = Annotated[str, Path(alias="mcp_server_name", max_length=1000)]
ToolName = Annotated[str, Path(max_length=1000)]

CLOSE = "<!doctype html><title>Authorized</title><p>The MCP server is authorized. You can close this window.</p>"


@router.get("/tools/mcp/oauth/callback", None)
async def mcp_oauth_callback(
    servers: Mcp,
    code: str | None = None,
    state: Annotated[str, Query(max_length=1000)] = "",
    error: str | None = None,
    error_description: str | None = None,
) -> Response:
    """Where a browser comes back to after it has authorized a server; whose it is, the state says."""
    await servers.authorizations.answered(code, state, error_description or error)
    return HTMLResponse(CLOSE)


@router.get("/tools/mcp/servers", dict[str, AnyServerConfig])
async def list_named_mcp_servers(who: Caller, db: Db) -> Response:
    """All MCP servers of the organization, by their names."""
    return reply({each.server_name: named(each) for each in await db.read(store.every, who)})


@router.put("/tools/mcp/servers", list[AnyServerConfig])
async def add_named_mcp_server(who: Caller, db: Db, servers: Mcp, new: NamedServer) -> Response:
    """Register a server, or renew the one of this name, and take over its tools; answers with all servers."""
    await servers.check(store.unstored(who, new))
    stored = await db.write(store.put, who, new)
    servers.drop(stored.id)
    with suppress(AppError):  # it may be away for now
        await servers.sync(who, stored)
    return await _all(who, db)


@router.post("/tools/mcp/servers", dict[str, Any], documented=False)
async def post_named_mcp_server(who: Caller, db: Db, servers: Mcp, new: NamedServer) -> Response:
    """The same by POST, which some clients send; answers with the server alone, and its id."""
    await add_named_mcp_server(who, db, servers, new)
    stored = await db.read(store.by_name, who, new.server_name)
    return reply({"id": stored.id, **named(stored)})


@router.post("/tools/mcp/servers/connect", streams=dict[str, Any])
async def connect_named_mcp_server(who: Caller, servers: Mcp, callback: Callback, new: NamedServer) -> Response:
    """Connect to a server that is not stored, as a stream of events; one that wants OAuth is authorized on the way."""
    server = store.unstored(who, new)
    await servers.check(server)
    return sse.stream(connecting(servers, who, server, callback))


@router.post("/tools/mcp/servers/test", dict[str, Any])
async def test_mcp_server(who: Caller, servers: Mcp, new: NamedServer) -> Response:
    """Connect to a server and list its tools; nothing is stored."""
    server = store.unstored(who, new)
    await servers.check(server)
    listed = await servers.listed_once(who, server)
    return reply({"status": "success", "tools": [wire.tool(each) for each in listed]})


@router.delete("/tools/mcp/servers/{mcp_server_name}", list[AnyServerConfig])
async def delete_named_mcp_server(name: ServerName, who: Caller, db: Db, servers: Mcp) -> Response:
    """Remove a server and its tools; answers with the servers that are left."""
    server = await db.read(store.by_name, who, name)
    await db.write(store.delete, who, server.id)
    servers.drop(server.id)
    return await _all(who, db)


@router.patch("/tools/mcp/servers/{mcp_server_name}", AnyServerConfig)
async def update_named_mcp_server(
    name: ServerName, who: Caller, db: Db, servers: Mcp, changes: NamedServerUpdate
) -> Response:
    """Change a server; what is null or not sent stays."""
    before, values = await db.read(store.by_name, who, name), changes.model_dump(exclude_unset=True)
    await servers.check(store.changed(who, before, values))
    changed = await db.write(store.change, who, before.id, values)
    servers.drop(before.id)
    return reply(named(changed))


@router.post("/tools/mcp/servers/{mcp_server_name}/resync", Synced)
async def resync_mcp_server(
    name: ServerName, who: Caller, db: Db, servers: Mcp, agent_id: str | None = None
) -> Response:
    """Take over the tools that a server has now; answers with the names of those that changed."""
    return reply(await servers.sync(who, await db.read(store.by_name, who, name), agent_id))


@router.get("/tools/mcp/servers/{mcp_server_name}/tools", list[MCPTool])
async def list_named_mcp_tools(name: ServerName, who: Caller, db: Db, servers: Mcp) -> Response:
    """The tools that a server has now, as it describes them."""
    listed = await servers.listed(who, await db.read(store.by_name, who, name))
    return reply([wire.tool(each) for each in listed])


@router.post("/tools/mcp/servers/{mcp_server_name}/tools/{tool_name}/execute", dict[str, Any])
async def execute_mcp_tool(
    name: ServerName,
    tool_name: ToolName,
    who: Caller,
    db: Db,
    servers: Mcp,
    called: Annotated[CallArguments | None, Body()] = None,
) -> Response:
    """Run a tool of a server."""
    server = await db.read(store.by_name, who, name)
    done = await call(servers, who, server, tool_name, called.args if called else {})
    return reply({"result": done.output, "success": done.status == "success"})


@router.post("/tools/mcp/servers/{mcp_server_name}/{mcp_tool_name}", Tool)
async def add_mcp_tool(name: ServerName, mcp_tool_name: ToolName, who: Caller, db: Db, servers: Mcp) -> Response:
    """A tool of a server as one of the organization's; it is looked for there when it is not yet known."""
    server = await db.read(store.by_name, who, name)
    return reply(await _tool(servers, who, db, server, mcp_tool_name))


async def _tool(servers: Servers, who: Who, db: Database, server: McpServer, name: str) -> Tool:
    if (found := await db.read(store.tool_named, who, server.id, name)) is None:
        await servers.sync(who, server)
        found = await db.read(store.tool_named, who, server.id, name)
    if found is None:
        raise NotFound(f"MCP server {server.server_name!r} has no tool {name!r}.")
    return found


async def _all(who: Who, db: Database) -> Response:
    return reply([named(each) for each in await db.read(store.every, who)])
