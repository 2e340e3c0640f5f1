"""Runs the tools of MCP servers."""

from collections.abc import Mapping
from typing import Any

from holdfast.auth.model import Who
from holdfast.errors import AppError
from holdfast.mcp import store
from holdfast.mcp.content import text_of, value_of
from holdfast.mcp.failures import ErrorAnswer
from holdfast.mcp.model import McpServer
from holdfast.mcp.rpc import Json
from holdfast.mcp.servers import Secrets, Servers
from holdfast.store.database import Database
from holdfast.tools.outside import Calling, Ran


class McpTools:
    """The `Executor` of tools of the type `external_mcp`."""

    def __init__(self, db: Database, servers: Servers) -> None:
        self._db = db
        self._servers = servers

    async def run(self, calling: Calling) -> Ran:
        tool, who = calling.tool, calling.who
        if tool.mcp_server_id is None:
            return Ran("error", f"The MCP server of {tool.name} is not known here; register it, and its tools with it.")
        secrets: Secrets = calling.secrets if calling.agent_id is not None else None
        try:
            server = await self._db.read(store.get, who, tool.mcp_server_id)
            return await call(self._servers, who, server, tool.mcp_name or tool.name, calling.arguments, secrets)
        except AppError as failed:
            return Ran("error", failed.detail)


async def call(
    servers: Servers, who: Who, server: McpServer, tool: str, arguments: Mapping[str, Any], secrets: Secrets = None
) -> Ran:
    """Call a tool by the name that its server has for it; an answer that it is wrong is an answer."""
    try:
        return _ran(await servers.call(who, server, tool, dict(arguments), secrets))
    except ErrorAnswer as answered:
        return Ran("error", answered.detail)


def _ran(result: Json) -> Ran:
    """What a result means; a server tells by `isError` that the tool, not the call, has failed."""
    text = text_of(result)
    if result.get("isError"):
        return Ran("error", text or "The tool failed and said nothing about why.")
    value: Any = value_of(result, text)
    return Ran("success", text, value)
