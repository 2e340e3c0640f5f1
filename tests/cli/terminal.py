"""A terminal for a command that talks to people: what is typed into it, and what it shows."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.harness.process import plain_environment
from tests.harness.warm import Forked, Surroundings

SECONDS = 30.0

SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
"""Colours, the switches of the line editor, and carriage returns."""


class Terminal:
    """A command on a pseudo-terminal."""

    def __init__(self, *arguments: str, env: Mapping[str, str], columns: int = 100) -> None:
        self._end, self._theirs = pty.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        path = Path(os.ttyname(self._theirs))
        environment = plain_environment(**{"TERM": "xterm", **env})
        self._child = Forked(arguments, Surroundings(environment, (path, path, path), in_terminal=True))
        self._bytes = b""

    @property
    def raw(self) -> str:
        """Everything that reached the terminal since the last line was typed."""
        return self._bytes.decode(errors="replace")

    @property
    def shown(self) -> str:
        """The same as text."""
        return SEQUENCE.sub("", self.raw)

    def type(self, line: str) -> None:
        self.press(f"{line}\n")

    def press(self, keys: str) -> None:
        self._bytes = b""
        os.write(self._end, keys.encode())

    def wait_for(self, text: str, seconds: float = SECONDS) -> str:
        """What was shown since the last line was typed, once it holds the text."""
        end = time.monotonic() + seconds
        while text not in self.shown:
            if time.monotonic() > end:
                raise TimeoutError(f"waited for {text!r}, was shown {self.shown!r}")
            if select.select([self._end], [], [], 0.1)[0]:
                self._bytes += self._read()
        return self.shown

    def interrupt_until(self, text: str) -> None:
        """At a prompt: Python's line editor misses a signal that comes right before it begins to wait for keys."""
        self.interrupt()
        try:
            self.wait_for(text, SECONDS / 5)
        except TimeoutError:
            self.interrupt()
            self.wait_for(text)

    def interrupt(self) -> None:
        os.kill(self._child.pid, signal.SIGINT)

    def close(self) -> int:
        """The exit code of a command that has been told to end."""
        try:
            return self._child.wait(SECONDS)
        finally:
            self.kill()

    def kill(self) -> None:
        """The window is closed."""
        if self._end >= 0:
            self._child.kill()
            self._child.wait(SECONDS)
            os.close(self._theirs)
            os.close(self._end)
            self._end = -1

    def _read(self) -> bytes:
        with suppress(OSError):
            return os.read(self._end, 65_536)
        return b""
