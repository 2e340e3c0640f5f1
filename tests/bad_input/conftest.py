"""A server of its own per engine for bad input: some of it deletes organizations."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.harness.fleet import Engine, Fleet, engines
from tests.harness.server import Server


@dataclass(frozen=True)
class Share:
    """Which of thousands of requests one engine gets: together the engines get each of them once."""

    number: int
    of: int

    def has(self, what: str) -> bool:
        return zlib.crc32(what.encode(errors="replace")) % self.of == self.number


@pytest.fixture
def share(engine: Engine) -> Share:
    return Share(engines().index(engine), len(engines()))


_servers: dict[tuple[int, Engine], Server] = {}


@pytest.fixture
def target(engine: Engine, shared: Fleet, model_env: Mapping[str, str]) -> Iterator[Server]:
    """The server; whatever a test does to it, it may not have made a mistake of its own."""
    key = (id(shared), engine)
    if key not in _servers:
        _servers[key] = shared.make(engine, model_env).start()
    server = _servers[key]
    before = len(server.log)
    yield server
    assert server.process.running
    assert "Traceback" not in server.log[before:]


@pytest.fixture
def document(target: Server) -> dict[str, Any]:
    """The OpenAPI document that it serves."""
    return target.http.get("/openapi.json").raise_for_status().json()
