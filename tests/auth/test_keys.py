"""Keys: made, shown once, listed, revoked; nobody grants what they do not have."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.auth.conftest import Locked

UNKNOWN = "key-00000000-0000-4000-8000-000000000000"


def test_the_text_of_a_key_is_shown_once(locked: Locked) -> None:
    organization = locked.organization()
    made = locked.key(organization, name="laptop", scopes=["write"])
    text, holder = made.pop("key"), locked.server.http_as(None)
    holder.headers["Authorization"] = f"Bearer {text}"
    assert (made["name"], made["scopes"], made["organization_id"]) == ("laptop", ["write"], organization)
    assert made["hint"].endswith(text[-4:])
    listed = holder.get("/v1/keys/")
    assert text not in listed.text
    assert "digest" not in listed.text
    assert [key["id"] for key in listed.json()] == [made["id"]]
    assert listed.json()[0]["last_used_at"] is not None
    assert holder.get(f"/v1/keys/{made['id']}").json()["name"] == "laptop"


def test_an_organization_manages_its_own_keys(locked: Locked) -> None:
    writer = locked.as_key(locked.organization())
    made = writer.post("/v1/keys/", json={"scopes": ["read"]}).json()
    assert locked.server.http_as(made["key"]).get("/v1/blocks/").status_code == 200
    revoked = writer.delete(f"/v1/keys/{made['id']}")
    assert revoked.json()["revoked_at"] is not None
    assert writer.delete(f"/v1/keys/{made['id']}").json() == revoked.json()
    assert locked.server.http_as(made["key"]).get("/v1/blocks/").status_code == 401
    assert made["id"] in [key["id"] for key in writer.get("/v1/keys/").json()]


@pytest.mark.parametrize("scopes", [["admin"], ["admin", "read"]])
def test_a_key_cannot_grant_what_it_lacks(locked: Locked, scopes: list[str]) -> None:
    writer = locked.as_key(locked.organization())
    refused = writer.post("/v1/keys/", json={"scopes": scopes})
    assert refused.status_code == 403
    assert "'admin'" in refused.json()["detail"]
    assert len(writer.get("/v1/keys/").json()) == 1


def test_only_an_administrator_reaches_the_keys_of_others(locked: Locked) -> None:
    mine, theirs = locked.organization(), locked.organization()
    key, stranger = locked.key(mine), locked.as_key(theirs)
    other = {"organization_id": mine}
    assert stranger.get(f"/v1/keys/{key['id']}").status_code == 404
    assert stranger.delete(f"/v1/keys/{key['id']}").status_code == 404
    assert stranger.get("/v1/keys/", params=other).status_code == 403
    assert stranger.get(f"/v1/keys/{key['id']}", params=other).status_code == 403
    assert stranger.delete(f"/v1/keys/{key['id']}", params=other).status_code == 403
    assert stranger.post("/v1/keys/", json=other).status_code == 403
    assert stranger.post(f"/v1/admin/orgs/{mine}/keys", json={}).status_code == 403
    assert locked.server.http_as(key["key"]).get("/v1/blocks/").status_code == 200
    assert [each["id"] for each in locked.admin.get("/v1/keys/", params=other).json()] == [key["id"]]
    assert locked.admin.get(f"/v1/keys/{key['id']}", params=other).json()["id"] == key["id"]


@pytest.mark.parametrize(
    "wrong,status",
    [
        ({"scopes": []}, 422),
        ({"scopes": ["everything"]}, 422),
        ({"name": "x" * 201}, 422),
        ({"expires_at": "tomorrow"}, 422),
        ({"expires_at": (datetime.now(UTC) - timedelta(days=1)).isoformat()}, 400),
        ({"expires_at": "2020-01-01T00:00:00"}, 400),
        ({"user_id": "user-11111111-1111-4111-8111-111111111111"}, 404),
        ({"organization_id": "org-11111111-1111-4111-8111-111111111111"}, 404),
    ],
)
def test_a_key_that_cannot_be_is_refused(locked: Locked, wrong: dict[str, Any], status: int) -> None:
    refused = locked.admin.post("/v1/keys/", json=wrong)
    assert refused.status_code == status, refused.text
    assert str(next(iter(wrong.values()))).strip("[]'")[:20] in refused.text


def test_a_key_cannot_act_as_a_user_of_another_organization(locked: Locked) -> None:
    user = locked.user(locked.organization())
    assert locked.as_key(locked.organization()).post("/v1/keys/", json={"user_id": user}).status_code == 404


def test_an_unknown_key_is_404(locked: Locked) -> None:
    assert locked.admin.get(f"/v1/keys/{UNKNOWN}").status_code == 404
    assert locked.admin.delete(f"/v1/keys/{UNKNOWN}").status_code == 404
    assert locked.admin.get("/v1/keys/key-1").status_code == 422


def test_keys_are_listed_page_by_page(locked: Locked) -> None:
    organization = locked.organization()
    made = [locked.key(organization)["id"] for _ in range(4)]
    query: dict[str, Any] = {"organization_id": organization}
    pages = [{}, {"limit": 2}, {"after": made[2]}, {"before": made[2]}, {"order": "asc", "limit": 1}]
    found = [[key["id"] for key in locked.admin.get("/v1/keys/", params=query | page).json()] for page in pages]
    assert found == [made[::-1], [made[3], made[2]], [made[1], made[0]], [made[3]], [made[0]]]
