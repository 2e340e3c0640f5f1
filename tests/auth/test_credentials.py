"""Who gets into a server with a password, as whom, and with which rights (CONTRACT §1.1)."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from letta_client import AuthenticationError, PermissionDeniedError

from tests.auth.conftest import PASSWORD, Locked
from tests.harness import clients
from tests.harness.waiting import until

OPEN = {
    *(("GET", "/health"), ("GET", "/v1/health/"), ("GET", "/v1/ready/"), ("GET", "/"), ("GET", "/favicon.ico")),
    ("GET", "/v1/tools/mcp/oauth/callback"),  # where a browser comes back to: what it brings is the credential
}
"""What answers without a credential."""

DEFAULT_USER = "user-00000000-0000-4000-8000-000000000000"


def _blocks(locked: Locked, headers: Mapping[str, str]) -> httpx.Response:
    with clients.raw(locked.server.url, headers) as http:
        return http.get("/v1/blocks/")


def _operations(locked: Locked) -> Iterator[tuple[str, str]]:
    document = locked.admin.get("/openapi.json").json()
    for path, item in document["paths"].items():
        for method in item.keys() & {"get", "post", "put", "patch", "delete"}:
            yield method.upper(), path


def _filled(path: str) -> str:
    return path.replace("{", "").replace("}", "")


@pytest.mark.contract("auth.credentials")
@pytest.mark.parametrize(
    "headers,status",
    [
        ({}, 401),
        ({"Authorization": f"Bearer {PASSWORD}"}, 200),
        ({"Authorization": f"bearer   {PASSWORD}"}, 200),
        ({"X-BARE-PASSWORD": f"password {PASSWORD}"}, 200),
        ({"X-BARE-PASSWORD": f"password {PASSWORD}", "Authorization": "Bearer wrong"}, 200),
        ({"X-BARE-PASSWORD": "password wrong", "Authorization": f"Bearer {PASSWORD}"}, 200),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": "Bearer False"}, 401),
        ({"Authorization": f"Bearer {PASSWORD}x"}, 401),
        ({"Authorization": f"Bearer {PASSWORD[:-1]}"}, 401),
        ({"Authorization": f"Bearer {PASSWORD.upper()}"}, 401),
        ({"Authorization": f"Basic {PASSWORD}"}, 401),
        ({"Authorization": PASSWORD}, 401),
        ({"X-BARE-PASSWORD": "password"}, 401),
        ({"Authorization": "Bearer hf-00000000000040008000000000000000-x"}, 401),
        ({"Authorization": "Bearer hf-x-y"}, 401),
        ({"Authorization": "Bearer " + "x" * 5000}, 401),
        ({"user_id": DEFAULT_USER}, 401),
    ],
)
def test_the_password_opens_and_nothing_else(locked: Locked, headers: dict[str, str], status: int) -> None:
    assert _blocks(locked, headers).status_code == status


@pytest.mark.contract("auth.unauthorized")
def test_a_refusal_says_what_to_do(locked: Locked) -> None:
    refused = _blocks(locked, {})
    assert refused.json()["detail"] == "Unauthorized"
    assert "LETTA_SERVER_SECURE=false" in refused.json()["hint"]
    assert refused.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.contract("auth.sdk")
def test_the_client_gets_in_with_the_password_or_a_key(locked: Locked) -> None:
    key = locked.key(locked.organization())["key"]
    for credential in (PASSWORD, key):
        assert isinstance(list(locked.server.as_key(credential).blocks.list()), list)
    for credential in ("wrong", None):
        with pytest.raises(AuthenticationError):
            locked.server.as_key(credential).blocks.list()
    plain = clients.official(locked.server.url, headers={"X-BARE-PASSWORD": f"password {PASSWORD}"})
    assert plain.health().status == "ok"


def test_every_served_operation_asks_for_a_credential(locked: Locked) -> None:
    operations = set(_operations(locked))
    assert len(operations) > 50
    stranger = locked.server.http_as("wrong")
    for method, path in operations - OPEN:
        assert stranger.request(method, _filled(path)).status_code == 401, f"{method} {path}"
    for path in ("/v1/nothing", "//v1//agents/", "/v1/health/../agents/", "/latest/agents/", "/ui/../v1/agents/"):
        assert stranger.get(path).status_code == 401, path
    assert stranger.get("/v1/health%2f..%2fagents/").status_code == 401


def test_a_key_that_reads_cannot_write(locked: Locked) -> None:
    organization = locked.organization()
    writer, reader = locked.as_key(organization), locked.as_key(organization, scopes=["read"])
    block = writer.post("/v1/blocks/", json={"label": "l", "value": "v"}).json()
    assert reader.get(f"/v1/blocks/{block['id']}").json() == block
    for method, path in _operations(locked):
        if method != "GET" and path != "/mcp":  # where reading is a POST too: tests/facades/test_mcp.py
            refused = reader.request(method, _filled(path))
            assert refused.status_code == 403, f"{method} {path}"
            assert "`write`" in refused.json()["detail"]
    assert reader.delete(f"/v1/blocks/{block['id']}").status_code == 403
    assert writer.get(f"/v1/blocks/{block['id']}").json() == block


@pytest.mark.contract("auth.admin")
def test_only_an_administrator_administers(locked: Locked) -> None:
    organization = locked.organization()
    writer, admin = locked.as_key(organization), locked.as_key(organization, scopes=["admin"])
    for path in ("/v1/admin/orgs/", "/v1/admin/users/"):
        refused = writer.get(path)
        assert refused.status_code == 403
        assert "`admin`" in refused.json()["detail"]
        assert admin.get(path).status_code == 200
    with pytest.raises(PermissionDeniedError):
        locked.server.as_key(writer.headers["Authorization"][7:]).get("/v1/admin/orgs/", cast_to=object)


def test_a_revoked_key_is_out_at_once(locked: Locked) -> None:
    organization = locked.organization()
    made = locked.key(organization)
    holder = locked.server.http_as(made["key"])
    assert holder.get("/v1/blocks/").status_code == 200
    assert locked.admin.delete(f"/v1/keys/{made['id']}", params={"organization_id": organization}).status_code == 200
    assert holder.get("/v1/blocks/").status_code == 401


def test_an_expired_key_is_out(locked: Locked) -> None:
    organization = locked.organization()
    soon = datetime.now(UTC) + timedelta(seconds=1.5)
    holder = locked.as_key(organization, expires_at=soon.isoformat())
    assert holder.get("/v1/blocks/").status_code == 200
    until(lambda: holder.get("/v1/blocks/").status_code == 401, "the key to expire", seconds=4.0)
    assert datetime.now(UTC) >= soon


def test_the_keys_of_a_deleted_user_or_organization_are_out(locked: Locked) -> None:
    organization = locked.organization()
    user = locked.user(organization)
    of_user, of_all = locked.as_key(organization, user_id=user), locked.as_key(organization)
    assert of_user.post("/v1/blocks/", json={"label": "l", "value": ""}).json()["created_by_id"] == user
    assert locked.admin.delete("/v1/admin/users/", params={"user_id": user}).json()["id"] == user
    assert (of_user.get("/v1/blocks/").status_code, of_all.get("/v1/blocks/").status_code) == (401, 200)
    assert locked.admin.delete("/v1/admin/orgs/", params={"org_id": organization}).json()["id"] == organization
    assert of_all.get("/v1/blocks/").status_code == 401


@pytest.mark.contract("auth.actor")
def test_an_administrator_may_act_as_another_user(locked: Locked) -> None:
    organization = locked.organization()
    user = locked.user(organization)
    sent: Any = {"label": "as another", "value": ""}
    block = locked.admin.post("/v1/blocks/", json=sent, headers={"user_id": user}).json()
    assert block["created_by_id"] == user
    assert locked.as_key(organization).get(f"/v1/blocks/{block['id']}").status_code == 200
    assert locked.admin.get(f"/v1/blocks/{block['id']}").status_code == 404
    assert locked.admin.post("/v1/blocks/", json=sent).json()["created_by_id"] == DEFAULT_USER


def test_a_key_acts_for_its_organization_whatever_it_says_of_itself(locked: Locked) -> None:
    mine, theirs = locked.organization(), locked.organization()
    block = locked.as_key(mine).post("/v1/blocks/", json={"label": "l", "value": ""}).json()["id"]
    user, stranger = locked.user(mine), locked.as_key(theirs)
    for headers in ({"user_id": user}, {"user_id": DEFAULT_USER}, {"user_id": "nonsense"}, {"X-Project-Id": "p"}):
        assert stranger.get("/v1/blocks/", headers=headers).json() == []
        assert stranger.get(f"/v1/blocks/{block}", headers=headers).status_code == 404


@pytest.mark.contract("auth.actor.malformed")
@pytest.mark.parametrize("user_id", ["", "nonsense", "user-1", "user-00000000-0000-0000-0000-000000000000", "x" * 900])
def test_a_malformed_user_is_400(locked: Locked, user_id: str) -> None:
    refused = locked.admin.get("/v1/blocks/", headers={"user_id": user_id})
    assert refused.status_code == 400
    assert "user-<uuid4>" in refused.json()["detail"]


def test_an_unknown_user_is_404(locked: Locked) -> None:
    nobody = "user-11111111-1111-4111-8111-111111111111"
    missing = locked.admin.get("/v1/blocks/", headers={"user_id": nobody})
    assert missing.status_code == 404
    assert nobody in missing.json()["detail"]


def test_nothing_secret_is_logged(locked: Locked) -> None:
    made = locked.key(locked.organization())
    holder = locked.server.http_as(made["key"])
    holder.get("/v1/blocks/")
    holder.post("/v1/blocks/", json={"label": 1})
    _blocks(locked, {"Authorization": "Bearer not-the-password-either"})
    until(lambda: "/v1/blocks/" in locked.server.log, "the requests in the log")
    for secret in (PASSWORD, made["key"], made["key"].split("-", 2)[2], "not-the-password-either"):
        assert secret not in locked.server.log
