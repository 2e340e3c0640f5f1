"""Servers that are programs of this machine: a line of JSON each way, and an environment of their own."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import orjson

from holdfast.mcp.failures import McpFailure, Rejected
from holdfast.mcp.rpc import LARGEST_MESSAGE, Heard, Json, Waiting, decoded, is_answer

GOODBYE_SECONDS = 2.0
"""How long a program whose input has closed may go on to speak, or take to end by itself."""
LOOK_SECONDS = 0.02
PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class LocalServer:
    """What is run; there is no shell anywhere."""

    name: str
    command: str
    args: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    path: str = PATH
    """Where commands are looked for; nothing else of the server's own environment is handed on."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line to a program: the end that it gets, and ours, where it is noticed when the program lets go of its own."""

    theirs: socket.socket
    heard: asyncio.StreamReader
    ours: asyncio.StreamWriter

    def close(self) -> None:
        self.theirs.close()
        self.ours.close()


async def _line() -> _Line:
    ours, theirs = socket.socketpair()
    return _Line(theirs, *await asyncio.open_unix_connection(sock=ours, limit=LARGEST_MESSAGE))


async def _end(process: "subprocess.Popen[bytes]") -> None:
    """Wait until a program has ended."""
    while process.poll() is None:  # noqa: ASYNC110 -- a process that the loop has not started sets no event
        await asyncio.sleep(LOOK_SECONDS)


async def _farewell(process: "subprocess.Popen[bytes]") -> None:
    """Let a program end by itself; what is left of its family is killed, also when nobody waits for that any more."""
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(_end(process), GOODBYE_SECONDS)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    await _end(process)


class Stdio:
    """A program that is started for a session and ends with it, and with it everything that it has started."""

    def __init__(self, program: LocalServer, heard: Heard) -> None:
        self.protocol: str | None = None
        self._program = program
        self._heard = heard
        self._waiting = Waiting()
        self._process: subprocess.Popen[bytes] | None = None
        self._input: _Line | None = None
        self._output: _Line | None = None
        self._tasks: Sequence[asyncio.Task[None]] = ()
        """One that reads the output until its end, and one that waits for the input's."""

    async def open(self) -> None:
        await self.close()
        self.protocol = None
        self._waiting = waiting = Waiting()
        try:
            self._input, self._output = told, said = await _line(), await _line()
            self._process = self._started(told.theirs, said.theirs)
        except (OSError, ValueError) as failed:
            raise McpFailure(f"{self._who} cannot be started: {failed}.") from failed
        reader = asyncio.create_task(self._read(said.heard, waiting))
        self._tasks = (reader, asyncio.create_task(self._watch(told, reader, waiting)))

    async def ask(self, message: Json) -> Json:
        answer = self._waiting.expect(message["id"])
        try:
            await self.tell(message)
            return await answer
        finally:
            answer.cancel()

    async def tell(self, message: Json) -> None:
        line = self._input.ours if self._input is not None else None
        if line is None or line.is_closing() or any(task.done() for task in self._tasks):
            raise Rejected(f"{self._who} has ended.", 404)
        try:
            line.write(orjson.dumps(message) + b"\n")
            await line.drain()
        except OSError as gone:
            raise McpFailure(f"{self._who} has ended.") from gone

    def listen(self) -> None:
        """It is always listened to."""

    async def close(self) -> None:
        """End the program: its input closes first; what is left of its family is killed."""
        process, self._process = self._process, None
        if self._input is not None:
            self._input.close()
        if process is not None:
            await _farewell(process)
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if self._output is not None:
            self._output.close()

    @property
    def _who(self) -> str:
        return f"MCP server {self._program.name!r} ({self._program.command})"

    def _started(self, told: socket.socket, said: socket.socket) -> "subprocess.Popen[bytes]":
        """The program. The loop would leave it copies of its lines, so that they stay open when it closes them."""
        program = self._program
        with told, said:
            return subprocess.Popen(
                [program.command, *program.args],
                stdin=told.fileno(),
                stdout=said.fileno(),
                stderr=subprocess.DEVNULL,
                env={"PATH": program.path, "HOME": "/tmp", "LANG": "C.UTF-8", **program.env},  # noqa: S108 -- no home of anybody's
                start_new_session=True,
            )

    async def _read(self, said: asyncio.StreamReader, waiting: Waiting) -> None:
        failure = McpFailure(f"{self._who} has ended; what it was asked for may have been done.")
        try:
            await self._follow(said, waiting)
        except (OSError, ValueError):
            failure = McpFailure(f"{self._who} sent a line of more than {LARGEST_MESSAGE // 2**20} MB.")
        finally:
            waiting.fail(failure)

    async def _watch(self, told: _Line, reader: "asyncio.Task[None]", waiting: Waiting) -> None:
        """A program that closes its input hears nothing any more, however long it lives on."""
        with suppress(OSError):
            while await told.heard.read(LARGEST_MESSAGE):
                pass
        told.close()
        await asyncio.wait([reader], timeout=GOODBYE_SECONDS)
        waiting.fail(McpFailure(f"{self._who} has closed its input; what it was asked for may have been done."))

    async def _follow(self, said: asyncio.StreamReader, waiting: Waiting) -> None:
        while line := await said.readline():
            with suppress(McpFailure):  # programs print other things too
                await self._seen(line, waiting)

    async def _seen(self, line: bytes, waiting: Waiting) -> None:
        for message in decoded(line, self._who):
            if is_answer(message):
                waiting.settle(message)
            elif (reply := self._heard(message)) is not None:
                await self.tell(reply)
