"""A memory service as a child of the program that needs one, with the data that a service by itself would have."""

import atexit
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.integrations.qwen.line import MemoryProblem, ServiceLine

PORT = 8888
START_S = 120.0
LOOK_AGAIN_S = 0.1
LISTENS = re.compile(r"listens on (http://\S+)")


@dataclass
class Beside:
    """What the child is told; the same is only started once."""

    data: Path
    config: Path | None = None
    ollama_url: str | None = None
    model: str | None = None
    _child: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    _url: str = field(default="", init=False)

    def url(self) -> str:
        """Where the child listens, started if it does not run."""
        if self._child is None or self._child.poll() is not None:
            self._url = self._start()
        return self._url

    def _start(self) -> str:
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = self.data / "service.log"
        with log.open("wb") as out:
            self._child = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        atexit.register(self.stop)
        return self._wait(self._child, log)

    def _command(self) -> list[str]:
        told = {"--ollama-url": self.ollama_url, "--model": self.model, "--config": self.config}
        options = [word for name, value in told.items() if value for word in (name, str(value))]
        port = str(PORT if _is_free(PORT) else 0)
        service = [sys.executable, "-m", "holdfast", "service", "qwen", "127.0.0.1", port]
        return [*service, "--data-dir", str(self.data), *options]

    def _wait(self, child: "subprocess.Popen[bytes]", log: Path) -> str:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            found = LISTENS.search(log.read_text(errors="replace"))
            if found and ServiceLine(found[1]).is_there():
                return found[1]
            if child.poll() is not None:
                raise MemoryProblem(f"The memory service did not start: {log.read_text(errors='replace').strip()}")
            time.sleep(LOOK_AGAIN_S)
        self.stop()
        raise MemoryProblem(f"The memory service did not start in {START_S:g} seconds; {log} says how far it came.")

    def stop(self) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()
            self._child.wait()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
