"""JSON-RPC as MCP speaks it: messages, what is waited for, and what a server may ask of us."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Protocol, cast

import orjson

from holdfast.kit.text import clean_tree
from holdfast.mcp.failures import McpFailure

Json = dict[str, Any]

LARGEST_MESSAGE = 16 * 2**20
"""How many bytes one message of a server may have."""

UNKNOWN_METHOD = -32601


class Transport(Protocol):
    """One way to exchange messages with a server."""

    protocol: str | None
    """The version that was agreed on, once one was."""

    async def open(self) -> None: ...

    async def ask(self, message: Json) -> Json:
        """Send a request; its answer."""
        ...

    async def tell(self, message: Json) -> None: ...

    def listen(self) -> None:
        """Receive from now on what the server says without having been asked."""
        ...

    async def close(self) -> None: ...


Heard = Callable[[Json], Json | None]
"""Is given every message that is no answer; gives back what the server is to be told."""


def decoded(raw: bytes, who: str) -> list[Json]:
    """The messages in some bytes: one, or a batch of them."""
    try:
        found: Any = clean_tree(_loaded(raw))
    except (ValueError, RecursionError) as odd:
        shown = raw[:80].decode("utf-8", "replace").strip()
        raise McpFailure(f"{who} sent something that is not JSON: {shown!r}.") from odd
    batch = cast(list[Any], found) if isinstance(found, list) else [found]
    return [cast(Json, each) for each in batch if isinstance(each, dict)]


def _loaded(raw: bytes) -> Any:
    """JSON, also with lone surrogates and NaN, which the fast reader refuses."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return json.loads(raw)


def is_answer(message: Json, id: int | None = None) -> bool:
    answers = "method" not in message and ("result" in message or "error" in message)
    return answers and (id is None or message.get("id") in (id, str(id)))


class Waiting:
    """Requests on their way, for transports where answers come back on one line."""

    def __init__(self) -> None:
        self._answers: dict[int, asyncio.Future[Json]] = {}

    def expect(self, id: int) -> "asyncio.Future[Json]":
        future = self._answers[id] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda _: self._answers.pop(id, None))
        return future

    def settle(self, message: Json) -> None:
        """Give an answer to whoever waits for it."""
        id: Any = message.get("id")
        future = self._answers.get(int(id)) if str(id).isdecimal() else None
        if future is not None and not future.done():
            future.set_result(message)

    def fail(self, failure: McpFailure) -> None:
        """Nothing comes any more."""
        for future in list(self._answers.values()):
            if not future.done():
                future.set_exception(failure)
