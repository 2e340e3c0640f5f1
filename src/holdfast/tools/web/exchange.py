"""One request to a search engine, and its answer as JSON; whatever goes wrong is a sentence without secrets."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.errors import BadGateway

SECONDS = 20.0
LARGEST = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is sent: parameters of a GET, or the body of a POST."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    parameters: Mapping[str, str] | None = None
    body: Mapping[str, Any] | None = None


async def exchange(name: str, sent: Inquiry) -> Any:
    """The decoded answer of the engine of this name."""
    import httpx2

    try:
        async with asyncio.timeout(SECONDS), httpx2.AsyncClient(timeout=SECONDS) as client:
            method = "GET" if sent.body is None else "POST"
            request = client.build_request(
                method, sent.url, headers=dict(sent.headers), params=sent.parameters, json=sent.body
            )
            response = await client.send(request, stream=True)
            try:
                body = await _read(name, response)
            finally:
                await response.aclose()
    except TimeoutError as late:
        raise BadGateway(f"{name} did not answer within {SECONDS:g} seconds; try again later.") from late
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as failed:
        raise BadGateway(f"{name} cannot be reached ({type(failed).__name__}); try again later.") from failed
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as odd:
        raise BadGateway(f"{name} answered with something else than JSON.") from odd


async def _read(name: str, response: Any) -> bytes:
    if reason := _refusal(response.status_code):
        raise BadGateway(f"{name} {reason}")
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > LARGEST:
            raise BadGateway(f"{name} answered with more than {LARGEST // 2**20} MB.")
    return bytes(body)


def _refusal(status: int) -> str:
    match status:
        case 200:
            return ""
        case 401 | 402 | 403:
            return f"refuses this server ({status}): its administrator has to look at the key, and what it may do."
        case 429:
            return "has been asked too often (429); try again later."
        case _:
            return f"answered with status {status}; try again later, or with a simpler search."
