"""HTTP of running a tool of an MCP server without an agent; what it came to has the form of an agent's call."""

from typing import Annotated

from fastapi import Body, Response

from holdfast.agents.run_tool import shown
from holdfast.agents.state import RanTool
from holdfast.auth.caller import Caller, Db
from holdfast.kit.ids import McpServerId, ToolId
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.mcp import store
from holdfast.mcp.asked import Mcp
from holdfast.mcp.execute import call
from holdfast.mcp.model import CallArguments

router = Router("mcp-servers")

Called = Annotated[CallArguments | None, Body()]


@router.post("/mcp-servers/{mcp_server_id}/tools/{tool_id}/run", RanTool)
async def run_mcp_tool(
    mcp_server_id: McpServerId, tool_id: ToolId, who: Caller, db: Db, servers: Mcp, called: Called = None
) -> Response:
    """Run a tool of a server; 502 when the server cannot be asked, 408 when it does not answer in time."""
    server = await db.read(store.get, who, mcp_server_id)
    tool = await db.read(store.tool_of, who, mcp_server_id, tool_id)
    arguments = called.args if called else {}
    return reply(shown(await call(servers, who, server, tool.mcp_name or tool.name, arguments)))
