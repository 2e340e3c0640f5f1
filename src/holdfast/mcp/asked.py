"""What routes ask for that talk to MCP servers."""

from typing import Annotated

from fastapi import Depends, Request

from holdfast.mcp.servers import Servers

CALLBACK = "/v1/tools/mcp/oauth/callback"


async def _servers(request: Request) -> Servers:
    return request.app.state.mcp


async def _callback(request: Request) -> str:
    """Where a browser comes back to after an authorization: to this server, as its caller reaches it."""
    return f"{str(request.base_url).rstrip('/')}{CALLBACK}"


Mcp = Annotated[Servers, Depends(_servers)]
Callback = Annotated[str, Depends(_callback)]
