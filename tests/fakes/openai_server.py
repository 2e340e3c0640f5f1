"""A scripted OpenAI-compatible model server on loopback, in a thread of its own.

with OpenAIServer() as models:                 # models.url is its base URL
    models.queue(Reply("hello"), Reply(status=429, headers={"retry-after": "0"}))
    ...                                        # models.requests holds what was asked
"""

import asyncio
import base64
import hashlib
import json
import math
import re
import threading
from array import array
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from tests.fakes.openai_script import Json, Reply, completion, events, from_directives

MODELS = ("gpt-4o-mini", "gpt-4o", "gpt-4.1", "gpt-4.1-mini", "gpt-5-mini", "text-embedding-3-small")
START_SECONDS = 10
LOOK_AGAIN_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: Json
    connection: int
    """Which connection it came on, counted from one."""


class OpenAIServer:
    """The server. Without queued replies it follows the directives of `openai_script`."""

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.models: list[Json] = [{"id": name, "object": "model", "context_length": 128_000} for name in MODELS]
        self.models_status = 200
        self.keys: frozenset[str] | None = None
        """The keys that are accepted; None: all of them."""
        self.pages: dict[str, Any] = {}
        """What stands at further paths."""
        self.always: Reply | None = None
        """What every chat request gets, whatever is queued."""
        self.counts: Callable[[Json], Json] | None = None
        """Counts the tokens of a request; without it they are guessed."""
        self.script: Callable[[Json], Reply] = from_directives
        """What a chat request gets when nothing is queued."""
        self.embed: Callable[[Json], Json] = _embeddings
        """What a request for vectors gets."""
        self.vectors_wait: threading.Event | None = None
        """What a request for vectors waits for."""
        self.history: deque[str] = deque(maxlen=40)
        """The last chat requests and what each got, for whoever has to find out why a test failed."""
        self.asked = threading.Event()
        """Set when a request has arrived."""
        self.dropped = threading.Event()
        """Set when a client closed its connection in the middle of an answer."""
        self._replies: deque[Reply] = deque()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="openai-server", daemon=True)
        self._connections = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def chats(self) -> list[Recorded]:
        return [request for request in self.requests if request.path.endswith("/chat/completions")]

    def queue(self, *replies: Reply) -> None:
        """Replies to the next chat requests, before directives count again."""
        self._replies.extend(replies)

    def reset(self) -> None:
        self.requests.clear()
        self._replies.clear()
        self.always, self.counts = None, None
        self.script, self.embed, self.vectors_wait = from_directives, _embeddings, None
        self.asked.clear()
        self.dropped.clear()

    def start(self) -> Self:
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise RuntimeError("the scripted model server did not start")
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, limit=64 << 20))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for writer in list(self._writers):
            writer.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        number = self._connections
        self._writers.add(writer)
        try:
            while (request := await _read(reader, number)) is not None:
                self.requests.append(request)
                self.asked.set()
                if not await self._answer(request, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            self.dropped.set()
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, request: Recorded, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection stays open."""
        path = request.path.split("?")[0].rstrip("/")
        if self.keys is not None and _key(request) not in self.keys:
            return await _send(writer, 401, _error("Incorrect API key provided."))
        if request.method == "GET" and path in self.pages:
            return await _send(writer, 200, self.pages[path])
        if path.endswith("/chat/completions"):
            return await self._chat(self._next(request), request, reader, writer)
        if path.endswith("/models"):
            body: Json = {"object": "list", "data": self.models}
            return await _send(writer, self.models_status, body if self.models_status == 200 else _error("no list"))
        if path.endswith("/embeddings"):
            if self.vectors_wait and await self._left_before(reader, self.vectors_wait):
                return False
            return await _send(writer, 200, self.embed(request.body))
        return await _send(writer, 404, _error(f"no such path {path}"))

    def _next(self, request: Recorded) -> Reply:
        left = len(self._replies)
        reply = self.always or (self._replies.popleft() if self._replies else self.script(request.body))
        said: list[Json] = request.body.get("messages") or [{}]
        self.history.append(
            f"{datetime.now():%H:%M:%S.%f} {left} queued, {str(said[-1].get('content'))[:80]!r} gets {str(reply)[:80]}"
        )
        return reply

    async def _chat(
        self, reply: Reply, request: Recorded, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        size = len(json.dumps(request.body))
        reply = replace(reply, usage=self.counts(request.body)) if self.counts else reply
        if reply.waits and await self._left_before(reader, reply.waits):
            return False
        if reply.delay and await self._left(reader, reply.delay):
            return False
        if reply.raw is not None:
            return await _send_bytes(writer, reply.status, reply.raw, reply.headers)
        if reply.status != 200:
            return await _send(writer, reply.status, _error(reply.error), reply.headers)
        if reply.plain or not request.body.get("stream"):
            return await _send(writer, 200, completion(reply, request.body, size), reply.headers)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for number, event in enumerate(events(reply, request.body, size)):
            if number == reply.cut_after:
                await writer.drain()
                return False
            if number > 1 and reply.chunk_delay and await self._left(reader, reply.chunk_delay):
                return False
            data = f"data: {event}\n\n".encode()
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            if reply.chunk_delay:
                await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _left_before(self, reader: asyncio.StreamReader, event: threading.Event) -> bool:
        """Wait for the event; whether the client went away before it."""
        while not event.is_set():
            if await self._left(reader, LOOK_AGAIN_SECONDS):
                return True
        return False

    async def _left(self, reader: asyncio.StreamReader, seconds: float) -> bool:
        """Wait that long; whether the client went away meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                gone = not await reader.read(1)
        except TimeoutError:
            return False
        if gone:
            self.dropped.set()
        return gone


def _key(request: Recorded) -> str:
    return request.headers.get("api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")


async def _read(reader: asyncio.StreamReader, connection: int) -> Recorded | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Recorded(method, path, headers, json.loads(body) if body else {}, connection)


async def _send(writer: asyncio.StreamWriter, status: int, body: Json, headers: dict[str, str] | None = None) -> bool:
    return await _send_bytes(writer, status, json.dumps(body).encode(), headers)


async def _send_bytes(
    writer: asyncio.StreamWriter, status: int, body: bytes, headers: dict[str, str] | None = None
) -> bool:
    lines = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"HTTP/1.1 {status} Scripted\r\n{head}\r\n".encode() + body)
    await writer.drain()
    return True


def _error(message: str) -> Json:
    return {"error": {"message": message or "scripted failure", "type": "scripted_error"}}


def _embeddings(request: Json) -> Json:
    """Hashed bags of words: deterministic, and near each other when texts share words."""
    texts: Any = request.get("input")
    inputs = [texts] if isinstance(texts, str) else list(texts or [])
    dimensions = int(request.get("dimensions") or 1536)
    data = [
        {"object": "embedding", "index": index, "embedding": _as_asked(vector(str(text), dimensions), request)}
        for index, text in enumerate(inputs)
    ]
    return {
        "object": "list",
        "data": data,
        "model": request.get("model"),
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    }


def _as_asked(made: list[float], request: Json) -> list[float] | str:
    if request.get("encoding_format") != "base64":
        return made
    return base64.b64encode(array("f", made).tobytes()).decode()


def vector(text: str, dimensions: int) -> list[float]:
    """What the scripted embedding model makes of a text."""
    counts = Counter[int]()
    for word in re.findall(r"\w+", text.lower()) or ["∅"]:
        digest = hashlib.blake2b(word.encode(), digest_size=32).digest()
        for start in range(0, 32, 4):
            hashed = int.from_bytes(digest[start : start + 4], "little")
            counts[(hashed >> 1) % dimensions] += 1 if hashed & 1 else -1
    norm = math.sqrt(sum(x * x for x in counts.values())) or 1.0
    made = [0.0] * dimensions
    for place, x in counts.items():
        made[place] = x / norm
    return made
