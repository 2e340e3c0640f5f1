"""A model server that wants a key, and organizations that may add it."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.fakes.openai_server import OpenAIServer
from tests.harness import clients
from tests.harness.tenants import Org

KEY = "sk-own-1234567890"

Json = dict[str, Any]
Add = Callable[..., Json]


@pytest.fixture(scope="session")
def own_session() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        server.keys = frozenset((KEY,))
        server.models = [{"id": "own-model", "context_length": 50_000}, {"id": "nomic-embed-text"}]
        yield server


@pytest.fixture
def own(own_session: OpenAIServer) -> OpenAIServer:
    """An organization's own model server, on a private address."""
    own_session.reset()
    return own_session


def administrator(org: Org) -> httpx.Client:
    """An administrator who acts in the organization."""
    user = org.server.http.post("/v1/admin/users/", json={"name": "boss", "organization_id": org.id}).json()
    return clients.raw(org.server.url, {"user_id": user["id"]})


@pytest.fixture
def boss(org: Org) -> Iterator[httpx.Client]:
    with administrator(org) as client:
        yield client


@pytest.fixture
def add(boss: httpx.Client, own: OpenAIServer) -> Add:
    """Adds the organization's own server under a name; what else is given is part of the body."""

    def added(name: str, **more: Any) -> Json:
        body = {"name": name, "provider_type": "openai", "api_key": KEY, "base_url": own.url, **more}
        made = boss.post("/v1/providers/", json=body)
        assert made.status_code == 200, made.text
        return made.json()

    return added
