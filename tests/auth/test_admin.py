"""Organizations and users, for administrators (CONTRACT §17)."""

from typing import Any

import pytest

from tests.auth.conftest import Locked

DEFAULT_ORG = "org-00000000-0000-4000-8000-000000000000"
DEFAULT_USER = "user-00000000-0000-4000-8000-000000000000"
NO_ORG = "org-11111111-1111-4111-8111-111111111111"
NO_USER = "user-11111111-1111-4111-8111-111111111111"


@pytest.mark.contract("auth.admin.orgs")
def test_an_organization_is_made_renamed_and_deleted(locked: Locked) -> None:
    made = locked.admin.post("/v1/admin/orgs/", json={"name": "Acme"}).json()
    assert (made["name"], made["privileged_tools"]) == ("Acme", False)
    query = {"org_id": made["id"]}
    changed = locked.admin.patch("/v1/admin/orgs/", params=query, json={"name": "Acme 2", "privileged_tools": None})
    assert (changed.json()["name"], changed.json()["privileged_tools"]) == ("Acme 2", False)
    listed = locked.admin.get("/v1/admin/orgs/").json()
    assert [org for org in listed if org["id"] == made["id"]] == [changed.json()]
    assert locked.admin.delete("/v1/admin/orgs/", params=query).json() == changed.json()
    assert made["id"] not in locked.admin.get("/v1/admin/orgs/").text


@pytest.mark.contract("auth.admin.users")
def test_a_user_is_made_renamed_and_deleted(locked: Locked) -> None:
    organization = locked.organization()
    made = locked.admin.post("/v1/admin/users/", json={"name": "Ada", "organization_id": organization}).json()
    assert (made["name"], made["organization_id"]) == ("Ada", organization)
    changed = locked.admin.put("/v1/admin/users/", json={"id": made["id"], "name": "Grace"}).json()
    assert changed["name"] == "Grace"
    moved = locked.admin.put("/v1/admin/users/", json={"id": made["id"], "organization_id": DEFAULT_ORG})
    assert moved.status_code == 400
    assert locked.admin.delete("/v1/admin/users/", params={"user_id": made["id"]}).json() == changed
    assert made["id"] not in locked.admin.get("/v1/admin/users/").text


@pytest.mark.contract("auth.admin.defaults")
def test_the_defaults_exist_and_stay(locked: Locked) -> None:
    assert DEFAULT_ORG in locked.admin.get("/v1/admin/orgs/").text
    assert DEFAULT_USER in locked.admin.get("/v1/admin/users/").text
    assert locked.admin.post("/v1/admin/users/", json={}).json()["organization_id"] == DEFAULT_ORG
    assert locked.admin.delete("/v1/admin/orgs/", params={"org_id": DEFAULT_ORG}).status_code == 400
    assert locked.admin.delete("/v1/admin/users/", params={"user_id": DEFAULT_USER}).status_code == 400
    assert DEFAULT_ORG in locked.admin.get("/v1/admin/orgs/").text


def test_a_deleted_organization_leaves_nothing_and_takes_nothing_else(locked: Locked) -> None:
    doomed, other = locked.organization(), locked.organization()
    leaving, staying = locked.as_key(doomed), locked.as_key(other)
    for client in (leaving, staying):
        block = client.post("/v1/blocks/", json={"label": "l", "value": ""}).json()["id"]
        agent = {"block_ids": [block], "tags": ["t"], "secrets": {"A": "b"}}
        assert client.post("/v1/agents/", json=agent).status_code == 200
    locked.admin.delete("/v1/admin/orgs/", params={"org_id": doomed})
    assert len(staying.get("/v1/agents/").json()) == 1
    assert len(staying.get("/v1/blocks/").json()) == 1
    assert locked.admin.post(f"/v1/admin/orgs/{doomed}/keys", json={}).status_code == 404


@pytest.mark.contract("auth.admin.lists")
@pytest.mark.parametrize("path,body", [("/v1/admin/orgs/", {"name": "o"}), ("/v1/admin/users/", {"name": "u"})])
def test_lists_are_paged(locked: Locked, path: str, body: dict[str, Any]) -> None:
    a, b, c, d = (locked.admin.post(path, json=body).json()["id"] for _ in range(4))
    pages: tuple[tuple[dict[str, Any], list[str]], ...] = (
        ({"after": a}, [b, c, d]),
        ({"after": a, "limit": 2}, [b, c]),
        ({"before": d, "limit": 2}, [b, c]),
        ({"after": a, "before": d}, [b, c]),
        ({"after": d}, []),
        ({"order": "desc", "limit": 2}, [d, c]),
        ({"order": "desc", "before": b, "limit": 2}, [d, c]),
    )
    for query, expected in pages:
        assert [item["id"] for item in locked.admin.get(path, params=query).json()] == expected, query
    assert locked.admin.get(path, params={"after": f"{a[:-2]}zz"}).status_code == 404


@pytest.mark.parametrize(
    "method,path,sent",
    [
        ("PATCH", "/v1/admin/orgs/", {"params": {"org_id": NO_ORG}, "json": {"name": "x"}}),
        ("DELETE", "/v1/admin/orgs/", {"params": {"org_id": NO_ORG}}),
        ("POST", f"/v1/admin/orgs/{NO_ORG}/keys", {"json": {}}),
        ("POST", "/v1/admin/users/", {"json": {"organization_id": NO_ORG}}),
        ("PUT", "/v1/admin/users/", {"json": {"id": NO_USER, "name": "x"}}),
        ("DELETE", "/v1/admin/users/", {"params": {"user_id": NO_USER}}),
    ],
)
def test_what_does_not_exist_is_404(locked: Locked, method: str, path: str, sent: dict[str, Any]) -> None:
    assert locked.admin.request(method, path, **sent).status_code == 404


def test_an_organization_needs_a_name_of_some_length(locked: Locked) -> None:
    for name in ("", "x" * 201):
        assert locked.admin.post("/v1/admin/orgs/", json={"name": name}).status_code == 422
