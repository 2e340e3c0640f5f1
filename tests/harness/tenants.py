"""An organization of its own for a test, so that hundreds of tests share one server."""

from dataclasses import dataclass
from functools import cached_property
from uuid import uuid4

import httpx
from letta_client import Letta

from tests.harness.server import Server

DEFAULT = "org-00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Org:
    """A tenant and its key; what its clients create, no other test sees."""

    server: Server
    id: str
    key: str | None

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
    if made.status_code == 404:  # not served yet: tests share the default organization
        return Org(server, DEFAULT, None)
    assert made.status_code in (200, 201), made.text
    organization = made.json()["id"]
    key = server.http.post(f"/v1/admin/orgs/{organization}/keys", json={"name": "test"})
    assert key.status_code in (200, 201), key.text
    return Org(server, organization, key.json()["key"])
