"""Servers that are programs of this machine: a line of JSON each way, and an environment of their own."""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import orjson

from holdfast.mcp.failures import McpFailure, Rejected
from holdfast.mcp.rpc import LARGEST_MESSAGE, Heard, Json, Waiting, decoded, is_answer

GOODBYE_SECONDS = 2.0
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


class Stdio:
    """A program that is started for a session and ends with it, and with it everything that it has started."""

    def __init__(self, program: LocalServer, heard: Heard) -> None:
        self.protocol: str | None = None
        self._program = program
        self._heard = heard
        self._waiting = Waiting()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await self.close()
        self.protocol = None
        self._waiting = Waiting()
        program = self._program
        try:
            self._process = await asyncio.create_subprocess_exec(
                program.command,
                *program.args,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={"PATH": program.path, "HOME": "/tmp", "LANG": "C.UTF-8", **program.env},  # noqa: S108 -- no home of anybody's
                start_new_session=True,
                limit=LARGEST_MESSAGE,
            )
        except (OSError, ValueError) as failed:
            raise McpFailure(f"{self._who} cannot be started: {failed}.") from failed
        self._reader = asyncio.create_task(self._read(self._process, self._waiting))

    async def ask(self, message: Json) -> Json:
        answer = self._waiting.expect(message["id"])
        try:
            await self.tell(message)
            return await answer
        finally:
            answer.cancel()

    async def tell(self, message: Json) -> None:
        line = self._process.stdin if self._process is not None else None
        if line is None or line.is_closing() or self._reader is None or self._reader.done():
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
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GOODBYE_SECONDS)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader

    @property
    def _who(self) -> str:
        return f"MCP server {self._program.name!r} ({self._program.command})"

    async def _read(self, process: asyncio.subprocess.Process, waiting: Waiting) -> None:
        failure = McpFailure(f"{self._who} has ended; what it was asked for may have been done.")
        try:
            await self._follow(process, waiting)
        except (OSError, ValueError):
            failure = McpFailure(f"{self._who} sent a line of more than {LARGEST_MESSAGE // 2**20} MB.")
        finally:
            waiting.fail(failure)

    async def _follow(self, process: asyncio.subprocess.Process, waiting: Waiting) -> None:
        while process.stdout is not None and (line := await process.stdout.readline()):
            with suppress(McpFailure):  # programs print other things too
                await self._seen(line, waiting)

    async def _seen(self, line: bytes, waiting: Waiting) -> None:
        for message in decoded(line, self._who):
            if is_answer(message):
                waiting.settle(message)
            elif (reply := self._heard(message)) is not None:
                await self.tell(reply)
