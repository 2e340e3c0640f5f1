"""Fixtures of the whole suite. Tests use the front door: HTTP to a real server, on both engines.

def test_something(org: Org) -> None:                 # an organization of its own on the shared server
def test_restart(fresh_server: FreshServer) -> None:  # a server of its own, to restart, break or configure
"""

import os
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings

from tests.fakes.openai_server import OpenAIServer
from tests.harness import network
from tests.harness.fleet import Engine, Fleet, FreshServer, engines
from tests.harness.models import environment
from tests.harness.pooler import Pooler
from tests.harness.postgres import Postgres
from tests.harness.server import Server
from tests.harness.tenants import Org, new_org


def pytest_configure() -> None:
    network.only_loopback()
    calm = [HealthCheck.too_slow]  # a busy machine is no fault of the code
    settings.register_profile("calm", settings.default, deadline=None, suppress_health_check=calm)
    if os.environ.get("CI") != "true":  # there hypothesis is calm by itself, and draws the same every time
        settings.load_profile("calm")


@pytest.fixture(params=engines())
def engine(request: pytest.FixtureRequest) -> Engine:
    """Every test that uses a server runs once per engine."""
    return cast(Engine, request.param)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL per test process, started when the first test needs it."""
    postgres = Postgres()
    yield postgres
    postgres.stop()


@pytest.fixture(scope="session")
def pooler(postgres: Postgres) -> Iterator[Pooler]:
    """pgbouncer in transaction mode in front of that PostgreSQL."""
    started = Pooler(postgres).start()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def model_server() -> Iterator[OpenAIServer]:
    """One scripted OpenAI-compatible server per test process."""
    with OpenAIServer() as server:
        yield server


@pytest.fixture(scope="session")
def model_env(model_server: OpenAIServer) -> Mapping[str, str]:
    """What tells a server to use the scripted models."""
    return environment(model_server)


@pytest.fixture
def models(model_server: OpenAIServer) -> Iterator[OpenAIServer]:
    """The scripted models with nothing queued and nothing recorded yet; what a test tells them ends with it."""
    model_server.reset()
    yield model_server
    model_server.reset()


@pytest.fixture(scope="session")
def shared(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The servers that most tests share: one per engine, started when first asked for."""
    fleet = Fleet(tmp_path_factory.mktemp("shared"), postgres)
    yield fleet
    fleet.stop()


@pytest.fixture(scope="session")
def shared_servers() -> dict[Engine, Server]:
    return {}


@pytest.fixture
def server(engine: Engine, shared: Fleet, shared_servers: dict[Engine, Server], model_env: Mapping[str, str]) -> Server:
    """The shared server of this engine: default settings, no authentication, the scripted models."""
    if engine not in shared_servers:
        shared_servers[engine] = shared.make(engine, model_env).start()
    return shared_servers[engine]


@pytest.fixture
def org(server: Server) -> Org:
    """An organization on the shared server that no other test sees, with clients that act for it."""
    return new_org(server)


@pytest.fixture
def fleet(postgres: Postgres, tmp_path: Path) -> Iterator[Fleet]:
    """Makes servers for this test alone; they are stopped, and their databases dropped, at its end."""
    fleet = Fleet(tmp_path / "servers", postgres)
    yield fleet
    fleet.stop()


@pytest.fixture
def fresh_server(engine: Engine, fleet: Fleet, model_env: Mapping[str, str]) -> FreshServer:
    """Starts servers for this test alone, on the test's engine."""
    return FreshServer(fleet, engine, model_env)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows what its servers logged, and what the scripted models were asked."""
    report = yield
    if report.failed:
        used: dict[str, Any] = getattr(item, "funcargs", {})
        for server in _servers(used):
            report.sections.append((f"log of {server.url}", server.process.tail()))
        if isinstance(models := used.get("models"), OpenAIServer):
            report.sections.append(("asked of the scripted models", "\n".join(models.history)))
    return report


def _servers(used: Mapping[str, Any]) -> Iterator[Server]:
    if isinstance(server := used.get("server"), Server):
        yield server
    if isinstance(fleet := used.get("fleet"), Fleet):
        yield from fleet.servers
