"""The memory service in a process of its own, in front of a scripted Ollama."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from tests.fakes.ollama_server import OllamaServer, described
from tests.harness import clients
from tests.harness.process import plain_environment
from tests.harness.waiting import free_port, until
from tests.harness.warm import HOLDFAST, WarmProcess

MODEL = "huihui_ai/qwen3-abliterated:4b-v2"
START_SECONDS = 60.0


class MemoryServiceProcess:
    """One service with its own directory; stopping and starting keep its port and data."""

    def __init__(self, home: Path, env: Mapping[str, str], words: Sequence[str] = (), host: str = "127.0.0.1") -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database = home / "data" / "letta" / "archival.db"
        self.env = plain_environment(HOME=str(home), HOLDFAST_DRAIN_SECONDS="3", **env)
        command = [*HOLDFAST, "service", "qwen", host, str(self.port), *words]
        self.process = WarmProcess(command, log=home / "service.log", env=self.env, cwd=home)

    def start(self) -> "MemoryServiceProcess":
        self.process.start()
        until(self._healthy, f"a healthy service at {self.url}", START_SECONDS)
        return self

    def restart(self) -> "MemoryServiceProcess":
        self.process.stop()
        return self.start()

    @property
    def log(self) -> str:
        return self.process.tail(10_000)

    @property
    def http(self) -> httpx.Client:
        return clients.raw(self.url)

    def _healthy(self) -> bool:
        if not self.process.running:
            raise RuntimeError(f"the service stopped while starting:\n{self.process.tail()}")
        try:
            return self.http.get("/health", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


def scripted_ollama() -> OllamaServer:
    ollama = OllamaServer()
    refill(ollama)
    return ollama


def refill(ollama: OllamaServer) -> None:
    """The models that a user of the service has pulled; no embedding model is among them."""
    ollama.reset()
    ollama.models = {MODEL: described()}
