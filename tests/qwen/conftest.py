"""One service and one scripted Ollama per test process; users are new in every test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.fakes.ollama_server import OllamaServer
from tests.qwen.service import MemoryServiceProcess, refill, scripted_ollama


@pytest.fixture(scope="session")
def ollama_of_all() -> Iterator[OllamaServer]:
    with scripted_ollama() as ollama:
        yield ollama


@pytest.fixture(scope="session")
def shared_service(
    ollama_of_all: OllamaServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MemoryServiceProcess]:
    home = tmp_path_factory.mktemp("qwen")
    service = MemoryServiceProcess(home, {"OLLAMA_URL": ollama_of_all.url}).start()
    yield service
    service.process.stop()


@pytest.fixture
def ollama(ollama_of_all: OllamaServer) -> OllamaServer:
    """The scripted Ollama with nothing queued and nothing recorded."""
    refill(ollama_of_all)
    return ollama_of_all


@pytest.fixture
def service(shared_service: MemoryServiceProcess, ollama: OllamaServer) -> MemoryServiceProcess:
    return shared_service


@pytest.fixture
def http(service: MemoryServiceProcess) -> Iterator[httpx.Client]:
    with service.http as client:
        yield client


@pytest.fixture
def user() -> str:
    return f"user-{uuid4().hex[:8]}"


@pytest.fixture
def own_service(ollama: OllamaServer, tmp_path: Path) -> Iterator[Callable[..., MemoryServiceProcess]]:
    """Makes services for one test, to restart, break or configure; they are not started yet."""
    made: list[MemoryServiceProcess] = []

    def make(env: dict[str, str] | None = None, **options: Any) -> MemoryServiceProcess:
        told = {"OLLAMA_URL": ollama.url, **(env or {})}
        made.append(MemoryServiceProcess(tmp_path / f"service{len(made)}", told, **options))
        return made[-1]

    yield make
    for each in made:
        if each.process.running:
            each.process.stop()
