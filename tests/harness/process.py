"""A child process with a log file: started, asked to stop, killed when it does not listen."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class Child(Protocol):
    """What a Process needs of a child process."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def kill(self) -> None: ...


@dataclass
class Process:
    """One program; it can be started again after it has stopped, and then appends to the same log."""

    command: Sequence[str]
    log: Path
    env: Mapping[str, str]
    user: str | None = None
    cwd: Path | None = None
    _child: Child | None = field(default=None, init=False)

    def start(self) -> None:
        self._child = self._spawn()

    def _spawn(self) -> Child:
        with self.log.open("ab") as out:
            return subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(self.env),
                user=self.user,
                group=self.user,
                cwd=self.cwd,
            )

    @property
    def pid(self) -> int:
        assert self._child is not None, "not started"
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def wait(self, seconds: float = 20.0) -> int:
        """The exit code, once it has one."""
        assert self._child is not None, "not started"
        return self._child.wait(seconds)

    def stop(self, patience: float = 10.0, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Ask, wait, and insist."""
        if self.running:
            os.kill(self.pid, with_signal)
        try:
            return self.wait(patience)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        assert self._child is not None, "not started"
        self._child.kill()
        return self._child.wait(10)

    def tail(self, lines: int = 60) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def plain_environment(**more: str) -> dict[str, str]:
    """What every child process gets: nothing of ours, no proxies, no keys."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ", "TMPDIR") if name in os.environ}
    return {"PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8", **kept, **more}
