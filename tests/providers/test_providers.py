"""Providers that an organization adds: made, listed, changed, checked and removed."""

import httpx
import pytest

from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org, new_org
from tests.providers.conftest import KEY, Add

UNKNOWN = "provider-123e4567-e89b-42d3-8456-426614174000"


@pytest.mark.contract("providers.create")
def test_a_provider_is_made_and_asked_for_its_models(add: Add, org: Org, own: OpenAIServer) -> None:
    made = add("mine", region="eu", api_version="v1")
    assert made["id"].startswith("provider-")
    assert (made["name"], made["provider_type"], made["provider_category"]) == ("mine", "openai", "byok")
    assert (made["base_url"], made["region"], made["api_version"]) == (own.url, "eu", "v1")
    assert made["last_synced"] is not None
    assert [request.headers["authorization"] for request in own.requests] == [f"Bearer {KEY}"]
    assert org.http.get(f"/v1/providers/{made['id']}").json() == made
    assert org.http.get("/v1/providers/").json() == [made]


@pytest.mark.contract("providers.keys")
def test_keys_are_shown_to_nobody(add: Add, org: Org, own: OpenAIServer) -> None:
    made = add("mine", access_key="another-secret")
    assert {name: made[name] for name in ("api_key", "access_key", "api_key_enc", "access_key_enc")} == dict.fromkeys(
        ("api_key", "access_key", "api_key_enc", "access_key_enc")
    )
    answers = [
        org.http.get("/v1/providers/"),
        org.http.get(f"/v1/providers/{made['id']}"),
        org.http.patch(f"/v1/providers/{made['id']}", json={"region": "us"}),
        org.http.get("/v1/models/"),
        org.http.post("/v1/providers/", json={"name": "n", "provider_type": "openai", "api_key": {"key": KEY}}),
        org.http.post("/v1/providers/", json={"name": "other", "api_key": KEY}),
    ]
    assert not [answer.text for answer in answers if KEY in answer.text or "another-secret" in answer.text]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 422, 422]


def test_keys_are_encrypted_where_they_are_stored(fresh_server: FreshServer) -> None:
    server = fresh_server()
    server.http.post(
        "/v1/providers/", json={"name": "mine", "provider_type": "vllm", "api_key": KEY, "base_url": "127.0.0.1:9"}
    )
    assert len(server.http.get("/v1/providers/").json()) == 1
    server.stop()
    files = [path for path in server.home.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


@pytest.mark.contract("providers.names")
@pytest.mark.parametrize("name", ["openai", "OpenAI", "anthropic", "huggingface", "holdfast", "letta", "lmstudio"])
def test_names_of_the_servers_providers_are_taken(org: Org, name: str) -> None:
    refused = org.http.post("/v1/providers/", json={"name": name, "provider_type": "groq", "api_key": "k"})
    assert refused.status_code == 400
    assert "choose another" in refused.json()["detail"]


@pytest.mark.contract("providers.names")
def test_a_name_is_unique_in_its_organization(add: Add, org: Org) -> None:
    made = add("mine")
    again = org.http.post("/v1/providers/", json={"name": "Mine", "provider_type": "groq", "api_key": "k"})
    assert again.status_code == 409
    assert made["id"] in again.json()["detail"]
    other = new_org(org.server).http.post(
        "/v1/providers/", json={"name": "mine", "provider_type": "letta", "api_key": "k"}
    )
    assert other.status_code == 400, "the name is free there, the type is what is wrong"


@pytest.mark.parametrize("name", ["", "  ", "a/b", "a\tb", "x" * 201])
def test_a_name_must_be_able_to_stand_before_a_slash(org: Org, name: str) -> None:
    assert (
        org.http.post("/v1/providers/", json={"name": name, "provider_type": "groq", "api_key": "k"}).status_code == 422
    )


@pytest.mark.contract("providers.list")
def test_lists_are_narrowed_and_paged(add: Add, org: Org) -> None:
    names = [add(name)["name"] for name in ("one", "two")] + [add("three", provider_type="vllm")["name"]]

    def listed(**query: str | int) -> list[str]:
        return [each["name"] for each in org.http.get("/v1/providers/", params=query).json()]

    assert listed() == names
    assert listed(name="two") == ["two"]
    assert listed(provider_type="vllm") == ["three"]
    assert listed(limit=1) == ["one"]
    assert org.http.get("/v1/providers/", params={"provider_type": "odd"}).status_code == 422


@pytest.mark.contract("providers.change")
def test_a_new_key_is_in_force_at_once(add: Add, org: Org, own: OpenAIServer) -> None:
    made = add("mine", api_key="sk-wrong")
    assert made["last_synced"] is None, "a provider that refuses the key is stored all the same"
    check = f"/v1/providers/{made['id']}/check"
    refused = org.http.post(check)
    assert refused.status_code == 401
    assert refused.json()["error"]["type"] == "llm_authentication"
    assert made["id"] in refused.json()["error"]["message"], "it says what to change"
    changed = org.http.patch(f"/v1/providers/{made['id']}", json={"api_key": KEY, "region": None})
    assert (changed.status_code, changed.json()["name"]) == (200, "mine")
    assert org.http.post(check).json() == {"message": "mine accepts the key."}


@pytest.mark.contract("providers.change")
def test_a_stored_key_is_not_taken_to_another_address(add: Add, boss: httpx.Client, own: OpenAIServer) -> None:
    made = add("mine")
    path = f"/v1/providers/{made['id']}"
    moved = boss.patch(path, json={"base_url": f"http://localhost:{own.port}"})
    assert moved.status_code == 400
    assert "api_key" in moved.json()["detail"]
    assert boss.patch(path, json={"base_url": f"http://localhost:{own.port}", "api_key": KEY}).status_code == 200


@pytest.mark.contract("providers.check")
def test_a_key_is_checked_without_storing_anything(boss: httpx.Client, own: OpenAIServer) -> None:
    body = {"provider_type": "openai", "api_key": KEY, "base_url": own.url}
    assert boss.post("/v1/providers/check", json=body).json() == {"message": "openai accepts the key."}
    assert boss.post("/v1/providers/check", json={**body, "api_key": "no"}).status_code == 401
    assert boss.get("/v1/providers/").json() == []


@pytest.mark.contract("providers.check")
def test_a_provider_that_is_away_is_named(boss: httpx.Client) -> None:
    body = {"provider_type": "vllm", "api_key": "k", "base_url": "http://127.0.0.1:9"}
    away = boss.post("/v1/providers/check", json=body)
    assert away.status_code == 400
    assert "127.0.0.1:9" in away.json()["detail"]
    needs = boss.post("/v1/providers/check", json={"provider_type": "ollama", "api_key": ""})
    assert (needs.status_code, "base_url" in needs.json()["detail"]) == (400, True)


@pytest.mark.contract("providers.refresh")
def test_a_refresh_asks_again(add: Add, org: Org, own: OpenAIServer) -> None:
    made = add("mine")
    own.models.append({"id": "newer-model"})
    try:
        synced = org.http.patch(f"/v1/providers/{made['id']}/refresh")
    finally:
        own.models.pop()
    assert synced.json()["last_synced"] > made["last_synced"]
    handles = {row["handle"] for row in org.http.get("/v1/models/", params={"provider_name": "mine"}).json()}
    assert handles == {"mine/own-model", "mine/newer-model"}


@pytest.mark.contract("providers.delete")
def test_a_deleted_provider_is_gone(add: Add, org: Org) -> None:
    made = add("mine")
    gone = org.http.delete(f"/v1/providers/{made['id']}")
    assert (gone.status_code, made["id"] in gone.json()["message"]) == (200, True)
    assert org.http.get("/v1/providers/").json() == []
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/check"), ("PATCH", "/refresh")):
        answer = org.http.request(method, f"/v1/providers/{UNKNOWN}{path}", json={"api_key": "k"})
        assert answer.status_code == 404, (method, path)
    assert add("mine")["name"] == "mine", "the name is free again"


@pytest.mark.parametrize("region", ["evil.example/", None, ""])
def test_a_provider_with_regions_needs_one(org: Org, region: str | None) -> None:
    body = {"name": "aws", "provider_type": "bedrock", "api_key": "secret", "access_key": "AKIA", "region": region}
    refused = org.http.post("/v1/providers/", json=body)
    assert refused.status_code == 400
    assert "region" in refused.json()["detail"]


@pytest.mark.parametrize("key", ["sk-…", "a\x07b", "k" * 20_001])
def test_keys_that_no_header_can_carry(org: Org, key: str) -> None:
    refused = org.http.post("/v1/providers/", json={"name": "mine", "provider_type": "groq", "api_key": key})
    assert refused.status_code == 422
    assert key not in refused.text
