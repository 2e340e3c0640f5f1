"""Asking MCP servers on behalf of an organization or one of its agents: sessions, credentials, limits of time."""

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from holdfast.auth.model import Who
from holdfast.errors import AppError, BadRequest
from holdfast.kit.egress import Egress, UnknownHost
from holdfast.mcp import store
from holdfast.mcp.failures import Late, Rejected
from holdfast.mcp.http import Site, StreamableHttp
from holdfast.mcp.model import AUTHORIZATION, BEARER, McpServer
from holdfast.mcp.oauth import Authorizations
from holdfast.mcp.pool import Key, Sessions
from holdfast.mcp.rpc import Heard, Json, Transport
from holdfast.mcp.session import Session
from holdfast.mcp.sse import Sse
from holdfast.mcp.stdio import LocalServer, Stdio
from holdfast.mcp.templates import filled, sendable
from holdfast.mcp.web import Web
from holdfast.mcp.wire import Synced
from holdfast.store.database import Database

T = TypeVar("T")
Secrets = Mapping[str, str] | None
"""Of the agent that calls; None when no agent does."""

SecretsOf = Callable[[Who, str], Awaitable[Mapping[str, str]]]
"""How the secrets of an agent are found; agents are above this noun."""

LIST_SECONDS = 20.0
"""How long a server's list is waited for, where a call may take longer."""


@dataclass(frozen=True, slots=True)
class McpAllowance:
    """What the administrator has decided."""

    call_seconds: float
    stdio: bool
    path: str

    @property
    def list_seconds(self) -> float:
        return min(LIST_SECONDS, self.call_seconds)


class Servers:
    """Every MCP server of every organization, reached by sessions that are kept."""

    def __init__(self, db: Database, egress: Egress, allowed: McpAllowance, secrets_of: SecretsOf) -> None:
        self._db = db
        self._secrets_of = secrets_of
        self._allowed = allowed
        self._web = Web(egress)
        self._pool = Sessions()
        self._syncing: dict[str, asyncio.Task[None]] = {}
        self.authorizations = Authorizations(db, self._web)

    async def check(self, server: McpServer) -> None:
        """Refuse what must not be reached; what cannot be reached now may be registered."""
        if server.server_type == "stdio":
            if not self._allowed.stdio:
                raise BadRequest(
                    "MCP servers that are programs (stdio) are off on this server. An administrator turns them on with "
                    "HOLDFAST_MCP_STDIO=true: whoever registers one can then run any program on this machine."
                )
        else:
            with suppress(UnknownHost):
                await self._web.check(server.server_url or "", server.by)

    async def listed(self, who: Who, server: McpServer, secrets: Secrets = None) -> list[Json]:
        """The tools that a server has now."""
        return await self._ask(who, server, secrets, self._allowed.list_seconds, lambda session: session.tools())

    async def listed_once(self, who: Who, server: McpServer) -> list[Json]:
        """The tools of a server that is not stored, in a session of its own."""
        async with self._within(server, self._allowed.list_seconds):
            session = self._session(who, server, await self._shown(who, server, None))
            try:
                return await session.tools()
            finally:
                await session.close()

    async def sync(self, who: Who, server: McpServer, agent_id: str | None = None) -> Synced:
        """Make the organization's tools of a server those that it has now, or shows to an agent."""
        secrets = None if agent_id is None else await self._secrets_of(who, agent_id)
        return await self._db.write(store.sync, who, server, await self.listed(who, server, secrets))

    async def renew(self, who: Who, server: McpServer) -> list[Json]:
        """The same, and the list itself."""
        listed = await self.listed(who, server)
        await self._db.write(store.sync, who, server, listed)
        return listed

    async def call(self, who: Who, server: McpServer, tool: str, arguments: Json, secrets: Secrets) -> Json:
        """The result of a tool, for an agent with these secrets."""
        limit = self._allowed.call_seconds
        return await self._ask(who, server, secrets, limit, lambda session: session.call(tool, arguments))

    def drop(self, server_id: str) -> None:
        self._pool.drop(server_id)

    async def close(self) -> None:
        for task in self._syncing.values():
            task.cancel()
        await self._pool.close()
        await self._web.close()

    async def _ask(
        self, who: Who, server: McpServer, secrets: Secrets, seconds: float, ask: Callable[[Session], Awaitable[T]]
    ) -> T:
        """Ask in a session; an access token that is refused is renewed once."""
        async with self._within(server, seconds):
            shown = await self._shown(who, server, secrets)
            try:
                return await self._asked(who, server, shown, ask)
            except Rejected as refused:
                if refused.answered != 401 or not await self.authorizations.renewed(who, server.id):
                    raise _explained(server, refused) from refused
            return await self._asked(who, server, await self._shown(who, server, secrets), ask)

    async def _asked(
        self, who: Who, server: McpServer, shown: Mapping[str, str], ask: Callable[[Session], Awaitable[T]]
    ) -> T:
        key = Key(who.organization_id, server.id, server.updated_at.isoformat(), tuple(sorted(shown.items())))
        async with self._pool.session(key, lambda: self._session(who, server, shown)) as session:
            return await ask(session)

    @asynccontextmanager
    async def _within(self, server: McpServer, seconds: float) -> AsyncGenerator[None]:
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as late:
            raise Late(
                f"MCP server {server.server_name!r} did not answer within {seconds:g} seconds; what it was asked for "
                "may have been done. HOLDFAST_MCP_TIMEOUT_SECONDS sets how long a call may take."
            ) from late

    async def _shown(self, who: Who, server: McpServer, secrets: Secrets) -> dict[str, str]:
        """The headers of a server, or the environment of a program."""
        if server.server_type == "stdio":
            return filled(server.env or {}, secrets)
        headers = sendable(filled(server.headers, secrets))
        if AUTHORIZATION.lower() not in {name.lower() for name in headers}:
            token = await self.authorizations.token(who, server.id)
            headers |= {AUTHORIZATION: f"{BEARER}{token}"} if token else {}
        return headers

    def _session(self, who: Who, server: McpServer, shown: Mapping[str, str]) -> Session:
        def connect(heard: Heard) -> Transport:
            if server.server_type == "stdio":
                return Stdio(self._program(server, shown), heard)
            site = Site(server.server_name, server.server_url or "", server.by, shown)
            return (Sse if server.server_type == "sse" else StreamableHttp)(self._web, site, heard)

        return Session(connect, server.server_name, lambda: self._sync_soon(who, server))

    def _program(self, server: McpServer, env: Mapping[str, str]) -> LocalServer:
        path = env.get("PATH", self._allowed.path)
        command = server.command or ""
        found = command if os.sep in command else shutil.which(command, path=path)
        if found is None:
            raise BadRequest(f"There is no program {command!r} on this machine (looked in {path}).")
        return LocalServer(server.server_name, found, server.args or [], env, path)

    def _sync_soon(self, who: Who, server: McpServer) -> None:
        """The server says that its tools are others now; a look at them is under way, or begins."""
        task = self._syncing.get(server.id)
        if task is None or task.done():
            self._syncing[server.id] = asyncio.create_task(self._synced(who, server))

    async def _synced(self, who: Who, server: McpServer) -> None:
        with suppress(AppError):
            await self.sync(who, await self._db.read(store.get, who, server.id))
        self._syncing.pop(server.id, None)


def _explained(server: McpServer, refused: Rejected) -> Rejected:
    """What a status means for whoever registered the server."""
    if refused.answered not in (401, 403):
        return refused
    advice = (
        f"{refused.detail} It wants other credentials: set auth_token or custom_headers "
        f"(PATCH /v1/mcp-servers/{server.id}), or authorize with GET /v1/mcp-servers/connect/{server.id}."
    )
    return Rejected(advice, refused.answered, refused.challenge)
