"""Connecting to a server while somebody watches: what happens is told event by event, up to its authorization."""

import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import orjson

from holdfast.auth.model import Who
from holdfast.errors import AppError
from holdfast.kit.sse import frame
from holdfast.mcp import wire
from holdfast.mcp.failures import McpFailure, Rejected
from holdfast.mcp.model import McpServer
from holdfast.mcp.oauth import Question
from holdfast.mcp.servers import Servers

PATIENCE_SECONDS = 300.0
"""How long a person may take to authorize."""
LOOK_SECONDS = 5.0
"""How often it is looked whether the browser came back to another replica; also what keeps the stream alive."""
PING = b": waiting\n\n"


async def connecting(servers: Servers, who: Who, server: McpServer, callback: str) -> AsyncGenerator[bytes]:
    """The events of one attempt."""
    yield _event("connection_attempt", {"server_name": server.server_name})
    try:
        try:
            yield await _success(servers, who, server)
        except Rejected as refused:
            if refused.answered != 401 or server.server_type == "stdio":
                raise
            yield _event("oauth_required", {"message": f"{server.server_name} wants to be authorized."})
            asked = await servers.authorizations.ask(who, server, refused.challenge, callback)
            yield _event("authorization_url", {"url": asked.url, "session_id": asked.id})
            yield _event("waiting_for_auth", {"message": "Open the URL in a browser and agree."})
            async for told in _authorized(servers, who, server, asked):
                yield told
    except AppError as failed:
        yield _event("error", {"message": failed.detail})


async def _authorized(servers: Servers, who: Who, server: McpServer, asked: Question) -> AsyncGenerator[bytes]:
    """Wait for the person, then connect again."""
    until = time.monotonic() + PATIENCE_SECONDS
    try:
        while time.monotonic() < until:
            grant = await servers.authorizations.answer(who, asked.id, LOOK_SECONDS)
            if grant.failure is not None:
                raise McpFailure(f"Not authorized: {grant.failure}")
            if grant.access_token is not None:
                shown = server if server.id else server.model_copy(update={"auth_token": grant.access_token})
                yield await _success(servers, who, shown)
                return
            yield PING
        raise McpFailure("Nobody has authorized the server in time; connect again.")
    finally:
        servers.authorizations.settled(asked.id)


async def _success(servers: Servers, who: Who, server: McpServer) -> bytes:
    """The tools of the server, which are the organization's from now on if the server is stored."""
    listed = await (servers.renew(who, server) if server.id else servers.listed_once(who, server))
    return _event("success", {"tools": [wire.tool(each) for each in listed]})


def _event(name: str, fields: Mapping[str, Any]) -> bytes:
    return frame(orjson.dumps({"event": name, **fields}))
