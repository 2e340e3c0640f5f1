"""A server as an Odoo beside it finds it: no password, scripted models, and a stand-in of Odoo's MCP server."""

from collections.abc import Iterator, Mapping
from uuid import uuid4

import pytest

from tests.fakes.mcp_odoo import Odoo
from tests.fakes.mcp_zoo import Zoo
from tests.harness.fleet import Engine, Fleet
from tests.harness.server import Server


@pytest.fixture(scope="session")
def zoo_of_all() -> Iterator[Zoo]:
    with Zoo() as zoo:
        yield zoo


@pytest.fixture
def zoo(zoo_of_all: Zoo) -> Zoo:
    zoo_of_all.reset()
    return zoo_of_all


@pytest.fixture
def odoo(zoo: Zoo) -> Odoo:
    """Two people have keys in it."""
    animal = zoo.animals["odoo"]
    assert isinstance(animal, Odoo)
    animal.users |= {"key-of-mitchell": "Mitchell", "key-of-marc": "Marc"}
    return animal


@pytest.fixture(scope="session")
def of_odoo() -> dict[Engine, Server]:
    return {}


@pytest.fixture
def server(engine: Engine, shared: Fleet, of_odoo: dict[Engine, Server], model_env: Mapping[str, str]) -> Server:
    """One per engine; its tools are Odoo's, so that nobody else's have their names."""
    if engine not in of_odoo:
        of_odoo[engine] = shared.make(engine, model_env).start()
    return of_odoo[engine]


@pytest.fixture
def mcp_name(server: Server) -> Iterator[str]:
    """The name of an MCP server that is gone after the test, with its tools."""
    name = f"odoo_{uuid4().hex[:8]}"
    yield name
    server.http.delete(f"/v1/tools/mcp/servers/{name}")
