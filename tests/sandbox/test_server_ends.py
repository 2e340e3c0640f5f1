"""A server that is killed leaves no sandbox behind."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.sandbox.programs import Programs
from tests.harness.waiting import until
from tests.sandbox.test_containment import running

SERVER = """
import asyncio, sys
from holdfast.sandbox.model import Limits, Program
from holdfast.sandbox.programs import Programs

async def main():
    programs = Programs(sys.argv[1], Limits(warm=2))
    alone = sys.argv[1] == "landlock"
    source = "while True: pass" if alone else "import os; os.execvp('sleep', ['sleep', os.environ['MARK']])"
    await programs.run(Program("1"))
    running = asyncio.create_task(programs.run(Program(source, environment={"MARK": sys.argv[2]}, time_limit_s=600)))
    print("started", flush=True)
    await running

asyncio.run(main())
"""


@pytest.mark.parametrize("level", ["bubblewrap", "landlock"])
def test_killing_the_server_ends_all_of_them(level: str) -> None:
    asyncio.run(need(level))
    mark = f"{8_000_000 + os.getpid()}"
    server = subprocess.Popen([sys.executable, "-c", SERVER, level, mark], stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"started\n"
        if level == "bubblewrap":
            until(lambda: len(running(mark)) > 1, "the program", 30)
        below = until(lambda: descendants(server.pid), "its sandboxes", 30)
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait(30)
    until(lambda: not [pid for pid in below if alive(pid)], "the end of its sandboxes", 30)
    assert running(mark) == []


async def need(level: str) -> None:
    programs = Programs(level)
    found, why = await programs.level(), await programs.description()
    await programs.close()
    if found == "off":
        pytest.skip(why)


def descendants(pid: int) -> set[int]:
    found, new = set[int](), {pid}
    while new:
        new = {child for parent in new for child in children(parent)} - found
        found |= new
    return found


def children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
