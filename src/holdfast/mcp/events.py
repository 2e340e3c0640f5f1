"""Server-sent events, read piece by piece from a response."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.mcp.failures import McpFailure
from holdfast.mcp.rpc import LARGEST_MESSAGE

if TYPE_CHECKING:
    import aiohttp


@dataclass(slots=True)
class ServerEvent:
    kind: str = "message"
    data: bytes = b""
    id: str | None = None


async def events(response: "aiohttp.ClientResponse", who: str) -> AsyncGenerator[ServerEvent]:
    """The events of a response, until it ends."""
    lines, rest = list[bytes](), b""
    async for piece in response.content.iter_any():
        *whole, rest = (rest + piece).replace(b"\r\n", b"\n").split(b"\n")
        for line in whole:
            if line:
                lines.append(line)
            elif lines:
                yield _event(lines)
                lines = []
        if len(rest) + sum(map(len, lines)) > LARGEST_MESSAGE:
            raise McpFailure(f"{who} sent a message of more than {LARGEST_MESSAGE // 2**20} MB.")
    if lines:
        yield _event(lines)


def _event(lines: list[bytes]) -> ServerEvent:
    event, data = ServerEvent(), list[bytes]()
    for line in lines:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"event":
            event.kind = value.decode("utf-8", "replace")
        elif name == b"id":
            event.id = value.decode("utf-8", "replace")
    event.data = b"\n".join(data)
    return event
