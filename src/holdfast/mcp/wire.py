"""MCP servers as the two APIs show them: flat with an id, or under their name."""

from collections.abc import Mapping
from typing import Any, Literal

from typing_extensions import TypedDict

from holdfast.mcp.model import AUTHORIZATION, BEARER, McpServer
from holdfast.mcp.rpc import Json


class StdioMCPServer(TypedDict):
    id: str
    server_name: str
    mcp_server_type: Literal["stdio"]
    command: str
    args: list[str]
    env: dict[str, str] | None


class SSEMCPServer(TypedDict):
    id: str
    server_name: str
    mcp_server_type: Literal["sse"]
    server_url: str
    auth_header: str | None
    auth_token: str | None
    custom_headers: dict[str, str] | None


class StreamableHTTPMCPServer(TypedDict):
    id: str
    server_name: str
    mcp_server_type: Literal["streamable_http"]
    server_url: str
    auth_header: str | None
    auth_token: str | None
    custom_headers: dict[str, str] | None


AnyMCPServer = StdioMCPServer | SSEMCPServer | StreamableHTTPMCPServer


class StdioServerConfig(TypedDict):
    server_name: str
    type: Literal["stdio"]
    command: str
    args: list[str]
    env: dict[str, str] | None


class RemoteServerConfig(TypedDict):
    server_name: str
    type: Literal["sse", "streamable_http"]
    server_url: str
    auth_header: str | None
    auth_token: str | None
    custom_headers: dict[str, str] | None


AnyServerConfig = StdioServerConfig | RemoteServerConfig


class Synced(TypedDict):
    """The names of the tools that a look at the server has changed."""

    deleted: list[str]
    updated: list[str]
    added: list[str]


class MCPTool(TypedDict, total=False):
    """A tool as its server describes it."""

    name: str
    title: str | None
    description: str | None
    inputSchema: dict[str, Any]
    outputSchema: dict[str, Any] | None
    annotations: dict[str, Any] | None
    health: dict[str, Any] | None


def shown(server: McpServer) -> Json:
    """As the API by id shows it."""
    return {
        "id": server.id,
        "server_name": server.server_name,
        "mcp_server_type": server.server_type,
        **_fields(server),
    }


def named(server: McpServer) -> Json:
    """As the API by name shows it."""
    return {"server_name": server.server_name, "type": server.server_type, **_fields(server)}


def tool(listed: Mapping[str, Any]) -> Json:
    """A tool as its server describes it, with the fields that clients rely on."""
    schema = listed.get("inputSchema")
    return {
        "title": None,
        "description": None,
        "outputSchema": None,
        "annotations": None,
        "_meta": None,
        "health": None,
        **listed,
        "inputSchema": schema if isinstance(schema, dict) else {"type": "object", "properties": {}},
    }


def _fields(server: McpServer) -> Json:
    if server.server_type == "stdio":
        return {"command": server.command, "args": server.args or [], "env": server.env}
    header, token = server.auth_header, server.auth_token
    if token is not None:
        header = header or AUTHORIZATION
        token = f"{BEARER}{token}" if header.lower() == AUTHORIZATION.lower() else token
    return {
        "server_url": server.server_url,
        "auth_header": header,
        "auth_token": token,
        "custom_headers": server.custom_headers,
    }
