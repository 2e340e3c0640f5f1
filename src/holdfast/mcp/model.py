"""An MCP server that an organization has registered: where it is, and what it wants to be shown."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, model_validator

from holdfast.errors import BadRequest
from holdfast.kit.egress import By
from holdfast.kit.entity import Encrypted, Entity, Hidden, Shape, Sparse

KINDS = {"http": "streamable_http", "streamable-http": "streamable_http", "streamableHttp": "streamable_http"}
"""What other programs call a type of server, and what it is called here."""


def _kind(sent: Any) -> Any:
    return KINDS.get(sent, sent) if isinstance(sent, str) else sent


ServerType = Literal["stdio", "sse", "streamable_http"]
NamedType = Annotated[ServerType, BeforeValidator(_kind)]

AUTHORIZATION = "Authorization"
BEARER = "Bearer "
LONGEST = 20_000
MOST = 200
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _header(name: str) -> str:
    if not _HEADER.fullmatch(name):
        raise ValueError(f"{name!r} is no name of an HTTP header")
    return name


def _headers(values: dict[str, str]) -> dict[str, str]:
    for name in values:
        _header(name)
    return values


def _name(name: str) -> str:
    tidy = name.strip()
    if not tidy or "/" in tidy or not tidy.isprintable():
        raise ValueError("a server's name is some text without a slash")
    return tidy


def _bare(token: str) -> str:
    """A token without the word that goes before it in the header."""
    return token.strip().removeprefix(BEARER).strip()


Text = Annotated[str, Field(max_length=LONGEST)]
Name = Annotated[str, Field(max_length=MOST), AfterValidator(_name)]


class Connection(Shape):
    """How a server is reached; which fields count depends on its type."""

    server_url: Annotated[str, Field(max_length=4000)] | None = None
    auth_header: Annotated[str, Field(max_length=MOST), AfterValidator(_header)] | None = None
    auth_token: Annotated[Annotated[Text, AfterValidator(_bare)] | None, Encrypted()] = Field(default=None, repr=False)
    custom_headers: Annotated[
        Annotated[dict[str, Text], Field(max_length=MOST), AfterValidator(_headers)] | None, Encrypted()
    ] = Field(default=None, repr=False)
    command: Text | None = None
    args: Annotated[list[Text], Field(max_length=1000)] | None = None
    env: Annotated[Annotated[dict[str, Text], Field(max_length=1000)] | None, Encrypted()] = Field(
        default=None, repr=False
    )


class ServerConfig(Connection):
    """A connection and its type, which follows from the fields when it is not named."""

    server_type: NamedType = Field(
        default="streamable_http", validation_alias=AliasChoices("mcp_server_type", "type", "server_type")
    )

    @model_validator(mode="before")
    @classmethod
    def _typed(cls, sent: Any) -> Any:
        if not isinstance(sent, dict):
            return sent
        fields = cast(dict[str, Any], sent)
        named = any(fields.get(name) is not None for name in ("mcp_server_type", "type", "server_type"))
        return fields if named or fields.get("command") is None else {**fields, "mcp_server_type": "stdio"}


class CreateMCPServerRequest(Shape):
    server_name: Name
    config: ServerConfig


class ConnectionUpdate(Connection):
    """Of a connection, what is not sent stays as it is; its type is fixed."""

    server_type: NamedType | None = Field(
        default=None, validation_alias=AliasChoices("mcp_server_type", "type", "server_type")
    )


class UpdateMCPServerRequest(Shape):
    server_name: Name | None = None
    config: ConnectionUpdate


class NamedServer(ServerConfig):
    """The body of the older API: the name stands among the fields of the connection."""

    server_name: Name


class NamedServerUpdate(ConnectionUpdate):
    """A change by the older API, which has other places for a token and for what a program is started with."""

    server_name: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, sent: Any) -> Any:
        if not isinstance(sent, dict):
            return sent
        fields = cast(dict[str, Any], sent)
        if fields.get("auth_token") is None and fields.get("token") is not None:
            fields = {**fields, "auth_token": fields["token"]}
        program: Any = fields.get("stdio_config")
        if not isinstance(program, dict):
            return fields
        known = cast(dict[str, Any], program)
        return {**{name: known[name] for name in ("command", "args", "env") if name in known}, **fields}


class CallArguments(Sparse):
    """What a tool is called with."""

    args: dict[str, Any] = Field(default_factory=dict[str, Any])


class McpServer(Connection, Entity):
    """The domain object and the row; the JSON of both APIs is made in `wire.py`."""

    server_name: str
    server_type: ServerType
    by_administrator: Annotated[bool, Hidden] = False
    """Whether an administrator gave the address, who may name private ones."""

    @property
    def by(self) -> By:
        return "administrator" if self.by_administrator else "organization"

    @property
    def headers(self) -> dict[str, str]:
        """What the server is shown, before templates are filled."""
        shown = dict(self.custom_headers or {})
        if self.auth_token:
            name = self.auth_header or AUTHORIZATION
            shown[name] = f"{BEARER}{self.auth_token}" if name.lower() == AUTHORIZATION.lower() else self.auth_token
        return shown


def checked(kind: ServerType, values: Mapping[str, Any]) -> None:
    """Refuse a connection that lacks what its type needs."""
    needed = "command" if kind == "stdio" else "server_url"
    if not values.get(needed):
        raise BadRequest(f"A {kind} server needs `{needed}`.")
