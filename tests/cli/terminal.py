"""A terminal for a command that talks to people: what is typed into it, and what it shows."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

from tests.harness.process import plain_environment

SECONDS = 30.0


class Terminal:
    """A command on a pseudo-terminal."""

    def __init__(self, *arguments: str, env: Mapping[str, str]) -> None:
        self._end, theirs = pty.openpty()
        self._child = subprocess.Popen(
            [sys.executable, "-m", "holdfast", *arguments],
            env=plain_environment(TERM="xterm", COLUMNS="100", **env),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = ""

    def type(self, line: str) -> None:
        self.shown = ""
        os.write(self._end, f"{line}\n".encode())

    def wait_for(self, text: str) -> str:
        """What was shown since the last line was typed, once it holds the text."""
        end = time.monotonic() + SECONDS
        while text not in self.shown:
            if time.monotonic() > end:
                raise TimeoutError(f"waited for {text!r}, was shown {self.shown!r}")
            if select.select([self._end], [], [], 0.1)[0]:
                self.shown += self._read()
        return self.shown

    def interrupt(self) -> None:
        self._child.send_signal(signal.SIGINT)

    def close(self) -> int:
        try:
            return self._child.wait(SECONDS)
        finally:
            self._child.kill()
            os.close(self._end)

    def _read(self) -> str:
        with suppress(OSError):
            return os.read(self._end, 65_536).decode(errors="replace")
        return ""
