"""An organization of its own for a test, so that hundreds of tests share one server."""

from dataclasses import dataclass
from functools import cached_property
from uuid import uuid4

import httpx
from letta_client import Letta

from tests.harness.server import Server


@dataclass(frozen=True)
class Org:
    """A tenant and its key; what its clients create, no other test sees."""

    server: Server
    id: str
    key: str

    @cached_property
    def http(self) -> httpx.Client:
        """Raw HTTP on behalf of the tenant."""
        return self.server.http_as(self.key)

    @cached_property
    def client(self) -> Letta:
        """The official client on behalf of the tenant."""
        return self.server.as_key(self.key)

    def name(self, stem: str = "thing") -> str:
        """A name that nothing else has."""
        return f"{stem}-{uuid4().hex[:12]}"


def new_org(server: Server) -> Org:
    made = server.http.post("/v1/admin/orgs/", json={"name": f"test-{uuid4()}"})
    assert made.status_code == 200, made.text
    organization = made.json()["id"]
    key = server.http.post(f"/v1/admin/orgs/{organization}/keys", json={"name": "test"})
    assert key.status_code == 200, key.text
    return Org(server, organization, key.json()["key"])
