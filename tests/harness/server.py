"""The real server in a process of its own, as a user runs it."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import httpx
from letta_client import Letta

from tests.harness import clients
from tests.harness.process import Process, plain_environment
from tests.harness.waiting import free_port, until
from tests.harness.warm import HOLDFAST, WarmProcess

START_SECONDS = 30.0


class Server:
    """One server with its own data directory. Stopping and starting keep port, data and log."""

    def __init__(
        self, home: Path, env: Mapping[str, str], options: Sequence[str] = (), process: type[Process] = WarmProcess
    ) -> None:
        self.home = home
        self.data = home / "data"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = plain_environment(HOME=str(home), HOLDFAST_DATA=str(self.data), **env)
        self.process = process(
            [*HOLDFAST, "serve", "--host", "127.0.0.1", "--port", str(self.port), *options],
            log=home / "server.log",
            env=self.env,
            cwd=home,
        )

    def start(self) -> "Server":
        self.process.start()
        try:
            until(self._healthy, f"a healthy server at {self.url}", START_SECONDS)
        except TimeoutError as slow:
            self.process.kill()
            raise TimeoutError(f"{slow}\n{self.process.tail()}") from slow
        return self

    def stop(self) -> int:
        return self.process.stop()

    def restart(self) -> "Server":
        self.stop()
        return self.start()

    def kill9(self) -> None:
        """The power cut: nothing gets to say goodbye."""
        self.process.kill()

    def run_to_exit(self, seconds: float = START_SECONDS) -> tuple[int, str]:
        """For servers that must refuse to start: the exit code and what was said."""
        self.process.start()
        return self.process.wait(seconds), self.log

    @property
    def log(self) -> str:
        return self.process.tail(10_000)

    @property
    def pid(self) -> int:
        return self.process.pid

    @cached_property
    def http(self) -> httpx.Client:
        return clients.raw(self.url)

    @cached_property
    def client(self) -> Letta:
        return self.as_key(None)

    def as_key(self, key: str | None) -> Letta:
        return clients.official(self.url, key)

    def http_as(self, key: str | None) -> httpx.Client:
        return clients.raw(self.url, {} if key is None else {"Authorization": f"Bearer {key}"})

    def _healthy(self) -> bool:
        if not self.process.running:
            raise RuntimeError(f"the server stopped while starting:\n{self.process.tail()}")
        try:
            return self.http.get("/v1/health/", timeout=2).status_code == 200
        except httpx.TransportError:
            return False
