"""A model server in a process of its own whose every word says when it was written: for latencies, for many at once.

with TickingServer() as models:      # models.url is its base URL
    ...                              # "TICK 40 0.25" is answered with 40 words, one each quarter of a second
"""

import asyncio
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]
MODEL = "gpt-4o-mini"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Tick:
    """One word: its number, and when its request arrived and it was written, on the clock that processes share."""

    number: int
    arrived_ns: int
    written_ns: int

    def __str__(self) -> str:
        return f"{self.number}:{self.arrived_ns}:{self.written_ns} "


def ticks(text: str) -> Iterator[Tick]:
    """The words of a text."""
    for word in text.split():
        yield Tick(*map(int, word.split(":")))


class TickingServer:
    """The server, as the tests see it."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.fakes.ticking_server"]
        self._child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert self._child.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._child.stdout.readline())}/v1"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._child is not None
        self._child.kill()
        self._child.communicate()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            size = re.search(rb"(?i)content-length: (\d+)", head)
            body = await reader.readexactly(int(size[1]) if size else 0)
            if body:
                await _talk(body, writer)
            else:
                _list(writer)
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        writer.close()


def _list(writer: asyncio.StreamWriter) -> None:
    body = json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}).encode()
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)


async def _talk(body: bytes, writer: asyncio.StreamWriter) -> None:
    arrived = time.monotonic_ns()
    count, pace = re.findall(rb"TICK (\d+) ([\d.]+)", body)[-1]
    writer.write(HEAD)
    await asyncio.sleep(random.random() * float(pace))
    for number in range(int(count)):
        tick = Tick(number, arrived, time.monotonic_ns())
        _event(writer, {"choices": [{"index": 0, "delta": {"content": str(tick)}, "finish_reason": None}]})
        await asyncio.sleep(float(pace))
    _event(writer, {"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}]})
    writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


def _event(writer: asyncio.StreamWriter, event: object) -> None:
    data = b"data: %s\n\n" % json.dumps(event).encode()
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))


async def _main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, limit=16 << 20, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
