"""The transport of 2024: one stream of events from the server, and an endpoint of its choice to post messages to."""

import asyncio
from contextlib import suppress
from urllib.parse import urljoin

import orjson

from holdfast.mcp.events import events
from holdfast.mcp.failures import McpFailure, Rejected
from holdfast.mcp.http import Site
from holdfast.mcp.rpc import Heard, Json, Waiting, decoded, is_answer
from holdfast.mcp.web import Web, same_origin, shown


class Sse:
    """A server that is listened to for as long as the session lasts."""

    def __init__(self, web: Web, site: Site, heard: Heard) -> None:
        self.protocol: str | None = None
        self._web = web
        self._site = site
        self._heard = heard
        self._waiting = Waiting()
        self._reader: asyncio.Task[None] | None = None
        self._endpoint: asyncio.Future[str] | None = None

    async def open(self) -> None:
        await self.close()
        self.protocol = None
        self._waiting = Waiting()
        self._endpoint = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read(self._endpoint, self._waiting))
        await asyncio.shield(self._endpoint)

    async def ask(self, message: Json) -> Json:
        answer = self._waiting.expect(message["id"])
        try:
            if self._reader is None or self._reader.done():
                raise Rejected(f"{self._who} has closed its stream.", 404)
            await self.tell(message)
            return await answer
        finally:
            answer.cancel()

    async def tell(self, message: Json) -> None:
        url = await self._posting()
        async with self._web.request("POST", url, self._site.by, self._headers(), orjson.dumps(message)) as response:
            if response.status >= 300:
                challenge = response.headers.get("www-authenticate", "")
                raise Rejected(f"{self._who} answered {response.status}.", response.status, challenge)

    def listen(self) -> None:
        """It is always listened to."""

    async def close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
            self._reader = None

    @property
    def _who(self) -> str:
        return f"MCP server {self._site.name!r} at {shown(self._site.url)}"

    def _headers(self) -> dict[str, str]:
        return {**self._site.headers, "Content-Type": "application/json"}

    async def _posting(self) -> str:
        if self._endpoint is None:
            raise McpFailure(f"{self._who} is not connected.")
        return await asyncio.shield(self._endpoint)

    async def _read(self, endpoint: "asyncio.Future[str]", waiting: Waiting) -> None:
        failure = McpFailure(f"{self._who} ended its stream; what it was asked for may have been done.")
        try:
            await self._follow(endpoint, waiting)
        except McpFailure as failed:
            failure = failed
        finally:
            if not endpoint.done():
                endpoint.set_exception(failure)
                endpoint.exception()  # somebody may have stopped waiting for it
            waiting.fail(failure)

    async def _follow(self, endpoint: "asyncio.Future[str]", waiting: Waiting) -> None:
        headers = {**self._site.headers, "Accept": "text/event-stream"}
        async with self._web.request("GET", self._site.url, self._site.by, headers) as response:
            if response.status >= 300:
                challenge = response.headers.get("www-authenticate", "")
                raise Rejected(f"{self._who} answered {response.status}.", response.status, challenge)
            if response.content_type != "text/event-stream":
                raise McpFailure(f"{self._who} answered {response.content_type} instead of a stream of events.")
            async for event in events(response, self._who):
                if event.kind == "endpoint" and not endpoint.done():
                    endpoint.set_result(self._own(event.data.decode("utf-8", "replace")))
                elif event.kind == "message" and event.data:
                    await self._seen(event.data, waiting)

    def _own(self, sent: str) -> str:
        """The endpoint, which must be the server's own: what is posted there holds its credentials."""
        url = urljoin(self._site.url, sent.strip())
        if not same_origin(url, self._site.url):
            raise McpFailure(f"{self._who} wants messages to be sent to {shown(url)}, which is another server.")
        return url

    async def _seen(self, data: bytes, waiting: Waiting) -> None:
        for message in decoded(data, self._who):
            if is_answer(message):
                waiting.settle(message)
            elif (reply := self._heard(message)) is not None:
                await self.tell(reply)
