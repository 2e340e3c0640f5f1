"""Every combination of address, password, flag and key: refused with the way out, or started, and then who gets in."""

import itertools
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness import clients
from tests.harness.fleet import Fleet
from tests.harness.postgres import Postgres
from tests.harness.server import Server

PASSWORD = "correct-horse-battery-staple"
LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"


@dataclass(frozen=True)
class Setup:
    """What an administrator can decide."""

    host: str
    password: bool
    secure: bool | None
    key: bool

    @property
    def refused(self) -> bool:
        return self.host != LOOPBACK and self.secure is None and not self.password and not self.key

    @property
    def asks(self) -> bool:
        """Does every caller need a credential?"""
        if self.secure is not None:
            return self.secure
        return self.password or (self.key and self.host != LOOPBACK)

    @property
    def has_password(self) -> bool:
        """One is generated when credentials are asked for and none is given."""
        return self.password or self.secure is True

    @property
    def env(self) -> dict[str, str]:
        password = {"LETTA_SERVER_PASSWORD": PASSWORD} if self.password else {}
        secure = {} if self.secure is None else {"LETTA_SERVER_SECURE": str(self.secure).lower()}
        return {**password, **secure}

    def __str__(self) -> str:
        named = {
            "password": self.password,
            "secure": self.secure is True,
            "open": self.secure is False,
            "key": self.key,
        }
        return "-".join([self.host, *(name for name, given in named.items() if given)])


ALL = [
    Setup(*each)
    for each in itertools.product((LOOPBACK, EVERYWHERE), (False, True), (None, True, False), (False, True))
]


@dataclass(frozen=True)
class Prepared:
    """A data directory in which a key was made."""

    data: Path
    organization: str
    key: str


@pytest.fixture(scope="module")
def prepared(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    fleet = Fleet(tmp_path_factory.mktemp("prepared"), postgres)
    server = fleet.make("sqlite", {}).start()
    organization = server.http.post("/v1/admin/orgs/", json={"name": "b"}).json()["id"]
    key = server.http.post(f"/v1/admin/orgs/{organization}/keys", json={}).json()["key"]
    server.stop()
    yield Prepared(server.data, organization, key)
    fleet.stop()


def _make(fleet: Fleet, setup: Setup, prepared: Prepared) -> Server:
    server = fleet.make("sqlite", setup.env, ["--host", setup.host])
    if setup.key:
        shutil.copytree(prepared.data, server.data)
    return server


@pytest.mark.parametrize("setup", [setup for setup in ALL if setup.refused], ids=str)
def test_an_open_door_is_refused_with_the_lines_that_close_it(fleet: Fleet, prepared: Prepared, setup: Setup) -> None:
    server = _make(fleet, setup, prepared)
    code, said = server.run_to_exit()
    assert code not in (0, None)
    assert f"{setup.host}:{server.port}" in said
    for line in ("LETTA_SERVER_PASSWORD=", "LETTA_SERVER_SECURE=true", "LETTA_SERVER_SECURE=false", "holdfast keys"):
        assert line in said
    assert "HOLDFAST_HOST=127.0.0.1" in said
    assert "Traceback" not in said


@pytest.mark.contract("auth.modes")
@pytest.mark.parametrize("setup", [setup for setup in ALL if not setup.refused], ids=str)
def test_who_gets_in(fleet: Fleet, prepared: Prepared, setup: Setup) -> None:
    server = _make(fleet, setup, prepared).start()
    password = _password(server, setup)
    shown = {
        "none": {},
        "wrong": {"Authorization": "Bearer wrong"},
        "false": {"Authorization": "Bearer False"},
        "basic": {"Authorization": f"Basic {password}"},
        "wrong bare": {"X-BARE-PASSWORD": "password wrong"},
    }
    for name, headers in shown.items():
        assert _status(server, headers) == (401 if setup.asks else 200), name
    for headers in ({"Authorization": f"Bearer {password}"}, {"X-BARE-PASSWORD": f"password {password}"}):
        assert _status(server, headers) == (200 if setup.has_password or not setup.asks else 401)
    _check_the_key(server, setup, prepared)
    _check_that_probes_are_open(server)
    server.stop()
    assert password not in server.log
    assert prepared.key not in server.log


def _check_the_key(server: Server, setup: Setup, prepared: Prepared) -> None:
    """A key that is in force acts for its organization, with authentication on or off."""
    server.http.post("/v1/blocks/", json={"label": "l", "value": ""})
    as_key = server.http_as(prepared.key).get("/v1/blocks/")
    if setup.key:
        assert (as_key.status_code, as_key.json()) == (200, [])
    else:
        assert as_key.status_code == (401 if setup.asks else 200)


def _check_that_probes_are_open(server: Server) -> None:
    for path in ("/v1/health/", "/v1/health", "/v1/ready/", "/latest/health/", "/health"):
        answer = server.http.get(path, headers={"Authorization": "Bearer wrong"})
        assert (answer.status_code, answer.json()["status"]) == (200, "ok"), path


def _password(server: Server, setup: Setup) -> str:
    """The one that was given; the one that was generated, which only its owner can read; or none that counts."""
    if setup.password or not setup.secure:
        return PASSWORD
    kept = server.data / "password"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert str(kept) in server.log
    password = kept.read_text().strip()
    assert len(password) >= 24
    return password


def _status(server: Server, headers: dict[str, str]) -> int:
    with clients.raw(server.url, headers) as http:
        return http.get("/v1/blocks/").status_code


def test_a_generated_password_stays(fleet: Fleet) -> None:
    server = fleet.make("sqlite", {"LETTA_SERVER_SECURE": "true"}).start()
    password = (server.data / "password").read_text()
    server.restart()
    assert (server.data / "password").read_text() == password
    assert _status(server, {"Authorization": f"Bearer {password.strip()}"}) == 200


@pytest.mark.contract("auth.secure-flag")
def test_the_flag_of_the_command_asks_for_it(fleet: Fleet) -> None:
    server = fleet.make("sqlite", {"LETTA_SERVER_SECURE": "false"}, ["--secure"]).start()
    assert _status(server, {}) == 401


def test_a_blank_password_is_none(fleet: Fleet) -> None:
    server = fleet.make("sqlite", {"LETTA_SERVER_PASSWORD": "  "}).start()
    assert _status(server, {}) == 200
