"""A zoo of MCP servers, and servers of ours that may reach it for every organization."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.fakes.mcp_zoo import Zoo
from tests.harness.fleet import Engine, Fleet, engines
from tests.harness.server import Server
from tests.harness.tenants import Org, new_org

ALLOWED = {"HOLDFAST_ALLOW_PRIVATE_URLS": "true", "HOLDFAST_MCP_STDIO": "true"}


@pytest.fixture(scope="session")
def zoo_of_all() -> Iterator[Zoo]:
    with Zoo() as zoo:
        yield zoo


@pytest.fixture
def zoo(zoo_of_all: Zoo) -> Iterator[Zoo]:
    zoo_of_all.reset()
    yield zoo_of_all
    zoo_of_all.release()


@pytest.fixture(scope="session")
def reaching() -> dict[Engine, Server]:
    return {}


@pytest.fixture
def server(engine: Engine, shared: Fleet, reaching: dict[Engine, Server], model_env: Mapping[str, str]) -> Server:
    """One server per engine, whose organizations may name addresses of this machine."""
    if engine not in reaching:
        reaching[engine] = shared.make(engine, {**model_env, **ALLOWED}).start()
    return reaching[engine]


@dataclass(frozen=True)
class Client:
    """What a test does with MCP servers, in short."""

    org: Org

    @property
    def http(self) -> httpx.Client:
        return self.org.http

    def add(self, url: str, **config: Any) -> dict[str, Any]:
        """Register a server under a name of its own."""
        kind = {"mcp_server_type": "streamable_http", **config}
        sent = {"server_name": self.org.name("server"), "config": {"server_url": url, **kind}}
        made = self.http.post("/v1/mcp-servers/", json=sent)
        assert made.status_code == 200, made.text
        return made.json()

    def tools(self, server: Mapping[str, Any]) -> list[dict[str, Any]]:
        listed = self.http.get(f"/v1/mcp-servers/{server['id']}/tools")
        assert listed.status_code == 200, listed.text
        return listed.json()

    def tool(self, server: Mapping[str, Any], stem: str) -> dict[str, Any]:
        """The tool of a server whose name begins so."""
        return next(tool for tool in self.tools(server) if tool["name"].startswith(stem))

    def run(self, server: Mapping[str, Any], stem: str, **arguments: Any) -> httpx.Response:
        path = f"/v1/mcp-servers/{server['id']}/tools/{self.tool(server, stem)['id']}/run"
        return self.http.post(path, json={"args": arguments})


@pytest.fixture
def client(org: Org) -> Client:
    return Client(org)


@pytest.fixture
def once(shared: Fleet, reaching: dict[Engine, Server], model_env: Mapping[str, str]) -> Client:
    """For what no database has a part in: on one engine only."""
    engine = engines()[0]
    if engine not in reaching:
        reaching[engine] = shared.make(engine, {**model_env, **ALLOWED}).start()
    return Client(new_org(reaching[engine]))


@pytest.fixture
def plain_server(shared: Fleet, shared_servers: dict[Engine, Server], model_env: Mapping[str, str]) -> Server:
    """The suite's shared server, which has the default settings."""
    engine = engines()[0]
    if engine not in shared_servers:
        shared_servers[engine] = shared.make(engine, model_env).start()
    return shared_servers[engine]
