"""Running the reading process: given a job and bytes, it answers in time and within its limits, or is killed."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

READ_S = 180.0
"""How long the reading of one file may take."""
MOST_ANSWERED = 160 * 2**20
STEP = 2**18

DAMAGED = "It is damaged, and cannot be read; open it elsewhere, save it anew and send that."
TOO_SLOW = "Reading it took too long; split it into smaller files."


class CannotRead(Exception):
    """What the process cannot do; the sentence says why, and what can be done."""


async def run(job: Mapping[str, Any], body: bytes, seconds: float = READ_S) -> Mapping[str, Any]:
    """The answer of a process of its own; what it leaves behind is killed with it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        "holdfast.files.parse",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd="/",
        env={},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds):
            answer = await _talk(process, json.dumps(job).encode() + b"\n" + body)
    except TimeoutError as late:
        raise CannotRead(TOO_SLOW) from late
    finally:
        await _end(process)
    if "refused" in answer:
        raise CannotRead(answer["refused"])
    return answer


async def _talk(process: asyncio.subprocess.Process, sent: bytes) -> Mapping[str, Any]:
    if process.stdin is None or process.stdout is None:
        raise CannotRead(DAMAGED)
    given = asyncio.create_task(_give(process.stdin, sent))
    try:
        heard = await _hear(process.stdout)
        code = await process.wait()
    finally:
        given.cancel()
    if code == -signal.SIGXCPU:
        raise CannotRead(TOO_SLOW)
    if code != 0:
        raise CannotRead(DAMAGED)
    return await asyncio.to_thread(json.loads, heard)


async def _give(stream: asyncio.StreamWriter, sent: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # it has answered, or ended, without reading all
        stream.write(sent)
        await stream.drain()
        stream.close()


async def _hear(stream: asyncio.StreamReader) -> bytes:
    heard = bytearray()
    while step := await stream.read(STEP):
        heard += step
        if len(heard) > MOST_ANSWERED:
            raise CannotRead("It makes more text than a file may hold; split it into smaller files.")
    return bytes(heard)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
