"""A conversation with an MCP server: the version that both speak, its tools, and calls of them."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from holdfast import __version__
from holdfast.errors import AppError
from holdfast.mcp.failures import ErrorAnswer, McpFailure, Rejected
from holdfast.mcp.rpc import UNKNOWN_METHOD, Heard, Json, Transport

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""The newest first: a server that answers 400 to one is asked with the next."""

MOST_PAGES = 200
MOST_TOOLS = 5000
GOODBYE_SECONDS = 2.0


class Session:
    """Opened by its first request, opened again when the server has lost it."""

    def __init__(self, connect: Callable[[Heard], Transport], name: str, changed: Callable[[], None]) -> None:
        self._transport = connect(self._heard)
        self._name = name
        self._changed = changed
        self._lock = asyncio.Lock()
        self._opened = 0
        """How often it was opened; 0 while it is not."""
        self._version = 0
        self._proven = False
        """Has the server accepted this version in a request of a session?"""
        self._ids = 0
        self._parting = set[asyncio.Task[None]]()

    async def tools(self) -> list[Json]:
        """The server's tools, over all pages of its list."""
        found, cursor, seen = list[Json](), None, set[str]()
        for _ in range(MOST_PAGES):
            result = await self.ask("tools/list", {} if cursor is None else {"cursor": cursor})
            listed: Any = result.get("tools")
            entries = cast(list[Any], listed) if isinstance(listed, list) else []
            found += [cast(Json, each) for each in entries if _is_tool(each)]
            cursor = result.get("nextCursor")
            if not isinstance(cursor, str) or cursor in seen or len(found) >= MOST_TOOLS:
                break
            seen.add(cursor)
        return found[:MOST_TOOLS]

    async def call(self, tool: str, arguments: Json) -> Json:
        return await self.ask("tools/call", {"name": tool, "arguments": arguments})

    async def ask(self, method: str, params: Json) -> Json:
        """The result of a request. What the server has refused without doing it is sent again in a new session."""
        lost = 0
        while True:
            opened = await self._open()
            try:
                result = await self._exchange(method, params)
            except Rejected as refused:
                if not await self._cured(refused, opened, lost):
                    raise
                lost += refused.answered == 404
            else:
                self._proven = True
                return result

    async def close(self) -> None:
        for task in self._parting:
            task.cancel()
        await self._transport.close()

    async def _open(self) -> int:
        async with self._lock:
            if self._opened == 0:
                await self._greet()
                self._opened = 1
            return self._opened

    async def _cured(self, refused: Rejected, opened: int, lost: int) -> bool:
        """Open it anew, if that can help: the session is unknown there, or the version is."""
        is_version = refused.answered == 400 and not self._proven and self._version + 1 < len(VERSIONS)
        if not is_version and (refused.answered != 404 or lost):
            return False
        async with self._lock:
            if self._opened == opened:
                self._version += is_version
                await self._greet()
                self._opened += 1
        return True

    async def _greet(self) -> None:
        """Agree on a version, the newest that the server does not refuse."""
        while True:
            try:
                await self._greet_with(VERSIONS[self._version])
                return
            except (Rejected, ErrorAnswer) as refused:
                if isinstance(refused, Rejected) and refused.answered != 400:
                    raise
                if self._version + 1 == len(VERSIONS):
                    raise
                self._version += 1

    async def _greet_with(self, version: str) -> None:
        await self._transport.open()
        who = {"name": "holdfast", "version": __version__}
        asked = {"protocolVersion": version, "capabilities": {}, "clientInfo": who}
        result = await self._exchange("initialize", asked)
        answered: Any = result.get("protocolVersion")
        self._transport.protocol = answered if isinstance(answered, str) and answered.isascii() else version
        await self._transport.tell({"jsonrpc": "2.0", "method": "notifications/initialized"})
        if _announces_changes(result):
            self._transport.listen()

    async def _exchange(self, method: str, params: Json) -> Json:
        self._ids += 1
        id = self._ids
        try:
            answer = await self._transport.ask({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
        except asyncio.CancelledError:
            self._part(id)
            raise
        if isinstance(error := answer.get("error"), dict):
            raise _meant(self._name, cast(Json, error))
        result: Any = answer.get("result")
        if not isinstance(result, dict):
            raise McpFailure(f"MCP server {self._name!r} answered {method} without a result.")
        return cast(Json, result)

    def _part(self, id: int) -> None:
        """Tell the server that nobody waits for an answer any more."""
        task = asyncio.create_task(self._cancel(id))
        self._parting.add(task)
        task.add_done_callback(self._parting.discard)

    async def _cancel(self, id: int) -> None:
        gone = {"requestId": id, "reason": "it took too long"}
        with suppress(AppError, TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._transport.tell({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": gone})

    def _heard(self, message: Json) -> Json | None:
        """What the server is told about something that it said by itself."""
        method = message.get("method")
        if method == "notifications/tools/list_changed":
            self._changed()
        if "id" not in message or method is None:
            return None
        answer: Json = {"jsonrpc": "2.0", "id": message["id"]}
        if method == "ping":
            return {**answer, "result": {}}
        return {**answer, "error": {"code": UNKNOWN_METHOD, "message": f"this client does not offer {method}"}}


def _is_tool(entry: Any) -> bool:
    name: Any = cast(Json, entry).get("name") if isinstance(entry, dict) else None
    return isinstance(name, str) and bool(name)


def _announces_changes(result: Json) -> bool:
    capabilities: Any = result.get("capabilities")
    tools: Any = cast(Json, capabilities).get("tools") if isinstance(capabilities, dict) else None
    return isinstance(tools, dict) and bool(cast(Json, tools).get("listChanged"))


def _meant(name: str, error: Json) -> ErrorAnswer:
    number: Any = error.get("code")
    said = str(error.get("message") or "no reason given")[:2000]
    return ErrorAnswer(f"MCP server {name!r}: {said}", number if isinstance(number, int) else 0)
