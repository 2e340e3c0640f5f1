"""Servers that ask for credentials."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx
import pytest

from tests.harness.fleet import Engine, Fleet, engines
from tests.harness.postgres import Postgres
from tests.harness.server import Server

PASSWORD = "correct-horse-battery-staple"


@dataclass(frozen=True)
class Locked:
    """A server with a password, and its administrator."""

    server: Server

    @property
    def admin(self) -> httpx.Client:
        return self.server.http_as(PASSWORD)

    def organization(self, name: str = "a tenant") -> str:
        return self.admin.post("/v1/admin/orgs/", json={"name": name}).json()["id"]

    def user(self, organization: str) -> str:
        return self.admin.post("/v1/admin/users/", json={"organization_id": organization}).json()["id"]

    def key(self, organization: str, **fields: Any) -> dict[str, Any]:
        made = self.admin.post("/v1/keys/", json={"organization_id": organization, **fields})
        assert made.status_code == 200, made.text
        return made.json()

    def as_key(self, organization: str, **fields: Any) -> httpx.Client:
        return self.server.http_as(self.key(organization, **fields)["key"])


@pytest.fixture(scope="module", params=engines())
def locked(
    request: pytest.FixtureRequest,
    postgres: Postgres,
    tmp_path_factory: pytest.TempPathFactory,
    model_env: Mapping[str, str],
) -> Iterator[Locked]:
    """One server with a password per engine and file of tests; it logs all that it can."""
    fleet = Fleet(tmp_path_factory.mktemp("locked"), postgres)
    env = {**model_env, "LETTA_SERVER_PASSWORD": PASSWORD}
    yield Locked(fleet.make(cast(Engine, request.param), env, ["--debug"]).start())
    fleet.stop()
