"""One sandbox that was started: it waits for its program, runs it, and is gone."""

import asyncio
import contextlib
import json
import os
import struct
import subprocess
from collections.abc import Mapping
from concurrent.futures import Executor, Future
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, cast

from holdfast.errors import AppError
from holdfast.kit.text import clean, clean_tree
from holdfast.sandbox import weight
from holdfast.sandbox.model import SOCKET, Calls, Limits, Program
from holdfast.sandbox.walls import Needs, Started, Walls

STARTING_S = 30
ENDING_S = 10
LOOK_EVERY_S = 0.25
AT_ONCE = 65536
SIGNALS = {4: "an illegal instruction", 6: "an abort", 7: "a bad memory access", 11: "a bad memory access"}


class Stopped(Exception):
    """The program cannot go on; the sentence says why."""


class Output:
    """What comes out of a pipe: its beginning is kept, and too much of it is told.

    The pipe is read here and not by a transport of the loop: uvloop's closes its number twice, and the second time it
    may be the one of a file or a connection that another thread has opened meanwhile.
    """

    def __init__(self, pipe: IO[bytes], most: int, flood: int, flooded: asyncio.Event) -> None:
        self._pipe = pipe
        self._kept = bytearray()
        self._most, self._left, self._flooded = most, flood, flooded
        self._total = 0
        self._loop = asyncio.get_running_loop()
        self.closed = self._loop.create_future()
        os.set_blocking(pipe.fileno(), False)
        self._loop.add_reader(pipe.fileno(), self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._pipe.fileno(), AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._total += len(data)
        self._kept += data[: self._most - len(self._kept)]
        if self._total > self._left:
            self._flooded.set()

    def close(self) -> None:
        """Hear no more of it."""
        if not self._pipe.closed:
            self._loop.remove_reader(self._pipe.fileno())
            self._pipe.close()
            self.closed.set_result(None)

    @property
    def text(self) -> str:
        more = self._total - len(self._kept)
        return clean(self._kept.decode(errors="replace")) + (f"\n[{more} more bytes]" if more else "")


class Box:
    """The server's side of it."""

    def __init__(self, started: Started, limits: Limits) -> None:
        self._started, self._limits = started, limits
        self._most = limits.result_kb * 1024 + 65536
        self._flooded, self._excess = asyncio.Event(), ""

    @classmethod
    async def start(cls, walls: Walls, needs: Needs, limits: Limits, threads: Executor) -> "Box":
        """A sandbox that is ready; `Stopped` when there is none to be had."""
        making = threads.submit(walls.start, needs)
        try:
            started = await asyncio.wrap_future(making)
        except asyncio.CancelledError:
            making.add_done_callback(_discard)
            raise
        except OSError as failed:
            raise Stopped(str(failed)) from failed
        box = cls(started, limits)
        try:
            await box._greet()
        except BaseException:
            started.discard()
            raise
        return box

    @property
    def waits(self) -> bool:
        """Whether it is still there to be used."""
        return self._started.process.poll() is None

    def kill(self) -> None:
        """End everything in it."""
        self._started.process.kill()

    async def run(self, program: Program, calls: Calls | None) -> tuple[Any, str]:
        """What the function returned, and what went wrong if something did."""
        limit = asyncio.timeout(program.time_limit_s)
        watching = asyncio.create_task(self._watch())
        try:
            async with limit:
                return await self._converse(program, calls)
        except TimeoutError:
            if not limit.expired():
                raise
            return None, f"It did not end within {program.time_limit_s:g} seconds and was stopped."
        except Stopped as ended:
            return None, self._flood() or str(ended)
        finally:
            watching.cancel()
            await asyncio.shield(self.end())

    async def end(self) -> None:
        """Wait until nothing is left of it."""
        self.kill()
        self._writer.close()
        ends = asyncio.gather(self.stdout.closed, self.stderr.closed)
        await asyncio.wait((asyncio.ensure_future(ends),), timeout=ENDING_S)
        self.stdout.close()
        self.stderr.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._started.process.wait, ENDING_S)
        await asyncio.to_thread(self._started.discard)

    async def _greet(self) -> None:
        process = self._started.process
        self._reader, self._writer = await asyncio.open_connection(sock=self._started.channel)
        kept, flood = self._limits.output_kb * 1024, self._limits.flood
        self.stdout = Output(_pipe(process.stdout), kept, flood, self._flooded)
        self.stderr = Output(_pipe(process.stderr), kept, flood, self._flooded)
        try:
            async with asyncio.timeout(STARTING_S):
                await self._send(self._started.setup)
                await self._receive()
        except TimeoutError:
            await self.end()
            raise Stopped(f"it was not ready within {STARTING_S} seconds") from None
        except Stopped:
            await self.end()
            raise Stopped(self.stderr.text.strip()[-500:] or "it ended before it was ready") from None

    async def _converse(self, program: Program, calls: Calls | None) -> tuple[Any, str]:
        await self._send(_told(program))
        while True:
            match await self._receive():
                case {"done": {"status": "success", "value": value}}:
                    return value, ""
                case {"done": {"error": str(error)}}:
                    return None, error
                case {"call": str(name), "arguments": arguments} if calls and name in program.functions:
                    await self._send(await _answer(calls, name, arguments))
                case _:
                    raise Stopped("It wrote to the server's own connection.")

    async def _send(self, message: Mapping[str, Any]) -> None:
        text = json.dumps(message).encode()
        try:
            self._writer.write(struct.pack(">I", len(text)) + text)
            await self._writer.drain()
        except OSError:
            raise Stopped(await self._last_words()) from None

    async def _receive(self) -> Any:
        try:
            (length,) = struct.unpack(">I", await self._reader.readexactly(4))
            if length > self._most:
                raise Stopped("It wrote to the server's own connection.")
            return clean_tree(json.loads(await self._reader.readexactly(length)))
        except (asyncio.IncompleteReadError, OSError):
            raise Stopped(await self._last_words()) from None
        except (ValueError, RecursionError):
            raise Stopped("It wrote to the server's own connection.") from None

    async def _watch(self) -> None:
        """Stop it when it prints without end, or keeps more than it may where nothing else holds it back."""
        while not (self._flooded.is_set() or self._excess):
            try:
                await asyncio.wait_for(self._flooded.wait(), LOOK_EVERY_S)
            except TimeoutError:
                self._excess = await asyncio.to_thread(self._weighed)
        self.kill()

    def _weighed(self) -> str:
        """What it keeps too much of."""
        if _holds(self._started.scratch) > self._limits.scratch_mb * 2**20:
            return f"It kept more than {self._limits.scratch_mb} MB in its directory and was stopped."
        if weight.held(self._started.process.pid) > self._limits.memory_mb * 2**20:
            return f"Its processes used more than {self._limits.memory_mb} MB of memory together and were stopped."
        return ""

    def _flood(self) -> str:
        if self._flooded.is_set():
            return f"It printed more than {self._limits.flood // 2**20} MB and was stopped."
        return self._excess

    async def _last_words(self) -> str:
        """Why it ended without an answer."""
        try:
            code = await asyncio.to_thread(self._started.process.wait, 2)
        except subprocess.TimeoutExpired:
            return "It closed its connection to the server, so that it could not answer."
        signal = -code if code < 0 else code - 128 if code > 128 else 0
        if signal in (9, 24):
            return "It was killed: it used more memory or processor time than it may."
        if signal:
            return f"It crashed: {SIGNALS.get(signal, 'it was ended')} (signal {signal})."
        return f"It ended itself with exit code {code} before it had an answer."


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise Stopped("it was started without a place for its output")
    return pipe


def _discard(making: Future[Started]) -> None:
    if not making.cancelled() and making.exception() is None:
        making.result().discard()


def _told(program: Program) -> dict[str, Any]:
    """The program as the inside gets it."""
    told = {name: value for name, value in asdict(program).items() if name not in ("packages", "socket", "network")}
    if program.socket is not None:
        told["environment"] = {**program.environment, "HOLDFAST_SOCKET": SOCKET}
    return told


async def _answer(calls: Calls, name: str, arguments: Any) -> dict[str, Any]:
    if not isinstance(arguments, dict):
        return {"error": f"{name} takes arguments by name."}
    try:
        return {"value": await calls(name, cast(dict[str, Any], arguments))}
    except AppError as refused:
        return {"error": refused.detail}


def _holds(place: Path | None) -> int:
    """How many bytes are in a directory and below; links are not followed."""
    if place is None:
        return 0
    try:
        return sum(path.lstat().st_blocks * 512 for path in place.rglob("*"))
    except OSError:
        return 0
