"""The `holdfast` command, forked from a process that has imported it: imports are most of what a start costs."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from multiprocessing.forkserver import ensure_running
from pathlib import Path

from holdfast.cli import COMMANDS, MODULES
from tests.harness.process import Child, Process, plain_environment

HOLDFAST = (sys.executable, "-m", "holdfast")
USED_BY_SERVERS = ("cryptography.fernet", "httpx2", "psycopg", "redis.asyncio", "uvloop", "httptools")
"""What they import when they first need it."""

MOST_DESCRIPTORS = 1024
"""As many may have been inherited; one would keep the forking process alive after the tests have ended."""

_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload([*(f"holdfast.cli.{MODULES.get(name, name)}" for name in COMMANDS), *USED_BY_SERVERS])
_lock = threading.Lock()
"""multiprocessing looks after all its children at once, and not for two threads at a time."""


@dataclass(frozen=True)
class Surroundings:
    """What a command is given by whoever starts it; the files take the place of its three streams."""

    env: Mapping[str, str]
    streams: tuple[Path, Path, Path]
    cwd: Path | None = None
    in_terminal: bool = False


class Forked:
    """A forked command, with the part of Popen that a Process uses."""

    def __init__(self, arguments: Sequence[str], around: Surroundings) -> None:
        self._process = ForkServerProcess(target=_become, args=(list(arguments), around), daemon=True)
        with _lock:
            _ensure_a_plain_parent()
            self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        with _lock:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        if not wait([self._process.sentinel], timeout):
            raise subprocess.TimeoutExpired("holdfast", timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def kill(self) -> None:
        if self.poll() is None:
            self._process.kill()


class WarmProcess(Process):
    """A server with an interpreter of its own only if it needs one: for other code, or behind another program."""

    def _spawn(self) -> Child:
        if tuple(self.command[: len(HOLDFAST)]) != HOLDFAST or "PYTHONPATH" in self.env:
            return super()._spawn()
        around = Surroundings(dict(self.env), (Path(os.devnull), self.log, self.log), self.cwd)
        return Forked(self.command[len(HOLDFAST) :], around)


def _ensure_a_plain_parent() -> None:
    """What is forked must not have read our environment either."""
    ours = dict(os.environ)
    _replace_environment(plain_environment())
    try:
        ensure_running()
    finally:
        _replace_environment(ours)


def _replace_environment(env: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(env)


def _become(arguments: list[str], around: Surroundings) -> None:
    os.closerange(3, MOST_DESCRIPTORS)
    _replace_environment(around.env)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background of a shell ignore it
    if around.cwd:
        os.chdir(around.cwd)
    if around.in_terminal:
        os.setsid()  # the terminal is that of the session whose first process opens it
    _redirect(around.streams)
    for name in [name for name in sys.modules if name.startswith("holdfast.cli")]:
        del sys.modules[name]  # they look at the streams when they are imported
    sys.argv = ["holdfast", *arguments]
    import_module("holdfast.cli").main()


def _redirect(streams: tuple[Path, Path, Path]) -> None:
    """The streams of the process and of its Python, which were those of the process that it is forked from."""
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, (path, flags) in enumerate(zip(streams, (os.O_RDONLY, append, append), strict=True)):
        opened = os.open(path, flags, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
