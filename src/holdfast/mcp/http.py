"""Streamable HTTP: every message is a POST, answered with JSON or with a stream of events."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from holdfast.errors import AppError
from holdfast.kit.egress import By
from holdfast.mcp.events import events
from holdfast.mcp.failures import McpFailure, Rejected
from holdfast.mcp.rpc import Heard, Json, decoded, is_answer
from holdfast.mcp.web import Web, body_of, shown

if TYPE_CHECKING:
    import aiohttp

SESSION = "mcp-session-id"
GOODBYE_SECONDS = 2.0
NOT_ASKED = -1
"""The id of no request of ours."""
MOST_RESUMED = 5
"""How often an answer whose stream ended early is asked for again."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a server is, on whose word, and what it wants to be shown."""

    name: str
    url: str
    by: By
    headers: Mapping[str, str]


class StreamableHttp:
    """The transport of today's servers."""

    def __init__(self, web: Web, site: Site, heard: Heard) -> None:
        self.protocol: str | None = None
        self._web = web
        self._site = site
        self._heard = heard
        self._session: str | None = None
        self._listening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin anew: whatever session there was is not spoken of again."""
        self._session, self.protocol = None, None
        self._stop_listening()

    async def ask(self, message: Json) -> Json:
        id: int = message["id"]
        body = orjson.dumps(message)
        async with self._web.request("POST", self._site.url, self._site.by, self._headers(), body) as response:
            await self._accepted(response)
            if session := response.headers.get(SESSION):
                self._session = session
            if not _streams(response):
                return self._picked(decoded(await body_of(response, self._who), self._who), id)
            answer, mark = await self._followed(response, id, None)
        if answer is not None:
            return answer
        return await self._resumed(mark, id)

    async def tell(self, message: Json) -> None:
        body = orjson.dumps(message)
        async with self._web.request("POST", self._site.url, self._site.by, self._headers(), body) as response:
            await self._accepted(response)

    def listen(self) -> None:
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Leave; a server that does not care, or does not let us, is left all the same."""
        self._stop_listening()
        if self._session is None:
            return
        with suppress(AppError, TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                async with self._web.request("DELETE", self._site.url, self._site.by, self._headers()):
                    self._session = None

    @property
    def _who(self) -> str:
        return f"MCP server {self._site.name!r} at {shown(self._site.url)}"

    def _headers(self, accept: str = "application/json, text/event-stream") -> dict[str, str]:
        headers = {**self._site.headers, "Accept": accept, "Content-Type": "application/json"}
        if self.protocol is not None:
            headers["MCP-Protocol-Version"] = self.protocol
        if self._session is not None:
            headers["Mcp-Session-Id"] = self._session
        return headers

    async def _accepted(self, response: "aiohttp.ClientResponse") -> None:
        if response.status < 300:
            return
        said = (await response.content.read(300)).decode("utf-8", "replace").strip()
        reason = f"{self._who} answered {response.status}" + (f": {said}" if said else ".")
        raise Rejected(reason, response.status, response.headers.get("www-authenticate", ""))

    def _picked(self, messages: list[Json], id: int) -> Json:
        for message in messages:
            if is_answer(message, id):
                return message
        for message in messages:
            if is_answer(message) and "error" in message:
                return message
        raise McpFailure(f"{self._who} answered without a result.")

    async def _seen(self, data: bytes, id: int) -> Json | None:
        """The answer, when it is among what came; everything else is heard, and answered when it is a question."""
        for message in decoded(data, self._who):
            if is_answer(message, id):
                return message
            if (reply := self._heard(message)) is not None:
                await self.tell(reply)
        return None

    async def _followed(
        self, response: "aiohttp.ClientResponse", id: int, mark: str | None
    ) -> tuple[Json | None, str | None]:
        """The answer in a stream, if it comes before the end; and the number of the last event."""
        async for event in events(response, self._who):
            mark = event.id or mark
            if event.data and (answer := await self._seen(event.data, id)) is not None:
                return answer, mark
        return None, mark

    async def _resumed(self, mark: str | None, id: int) -> Json:
        """The answer from a new stream, where the server numbers its events and so lets us go on."""
        for _ in range(MOST_RESUMED if mark is not None else 0):
            headers = {**self._headers("text/event-stream"), "Last-Event-ID": mark or ""}
            async with self._web.request("GET", self._site.url, self._site.by, headers) as response:
                await self._accepted(response)
                answer, mark = await self._followed(response, id, mark)
            if answer is not None:
                return answer
        raise McpFailure(f"{self._who} ended its answer before the result; the tool may have run.")

    async def _listen(self) -> None:
        """Hear what the server says by itself; most have nothing to say and answer 405."""
        with suppress(AppError):
            headers = self._headers("text/event-stream")
            async with self._web.request("GET", self._site.url, self._site.by, headers) as response:
                if response.status != 200 or not _streams(response):
                    return
                await self._followed(response, NOT_ASKED, None)

    def _stop_listening(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None


def _streams(response: "aiohttp.ClientResponse") -> bool:
    return response.content_type == "text/event-stream"
