"""A real Redis on a port of its own, which keeps nothing on disk and can be stopped and started again."""

import shutil
import tempfile
from pathlib import Path

from tests.harness.process import Process, plain_environment
from tests.harness.system import program
from tests.harness.waiting import accepts, free_port, until


class RedisServer:
    """One redis-server; `password` is asked for when it is given."""

    def __init__(self, password: str = "") -> None:
        installed = program("redis-server")
        self._home = Path(tempfile.mkdtemp(prefix="holdfast-redis-"))
        self.port = free_port()
        self.url = f"redis://{f':{password}@' if password else ''}127.0.0.1:{self.port}"
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        options += ["--requirepass", password] if password else []
        self.process = Process([installed, *options], log=self._home / "log", env=plain_environment(), cwd=self._home)

    def start(self) -> "RedisServer":
        self.process.start()
        until(lambda: accepts(self.port), f"redis-server on port {self.port}")
        return self

    def stop(self) -> None:
        self.process.stop()

    def remove(self) -> None:
        if self.process.running:
            self.process.kill()
        shutil.rmtree(self._home, ignore_errors=True)
