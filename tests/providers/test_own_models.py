"""The models of an organization's own providers: for its agents, and for nobody else's."""

from functools import partial

import httpx
import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.providers.conftest import KEY, Add, administrator

HANDLE = "mine/own-model"


def say(http: httpx.Client, agent_id: str, text: str = "REPLY hello") -> httpx.Response:
    return http.post(f"/v1/agents/{agent_id}/messages", json={"messages": [{"role": "user", "content": text}]})


def agent(http: httpx.Client, model: str = HANDLE) -> str:
    made = http.post("/v1/agents/", json={"model": model})
    assert made.status_code == 200, made.text
    return made.json()["id"]


@pytest.mark.contract("providers.handles")
def test_an_agent_runs_on_an_own_provider(add: Add, org: Org, own: OpenAIServer) -> None:
    add("mine")
    made = org.http.post("/v1/agents/", json={"model": HANDLE}).json()
    config = made["llm_config"]
    assert (made["model"], config["provider_name"], config["provider_category"]) == (HANDLE, "mine", "byok")
    assert config["context_window"] == 50_000, "as its list says"
    own.queue(Reply("from my own server"))
    answer = say(org.http, made["id"]).json()
    assert answer["messages"][-1]["content"] == "from my own server"
    assert own.chats[-1].headers["authorization"] == f"Bearer {KEY}"
    step = org.http.get("/v1/steps/", params={"agent_id": made["id"]}).json()[0]
    assert (step["provider_name"], step["provider_category"]) == ("mine", "byok")
    assert step["provider_id"].startswith("provider-")


@pytest.mark.contract("providers.handles")
def test_nobody_else_can_see_or_use_it(add: Add, org: Org, own: OpenAIServer) -> None:
    made, other = add("mine"), new_org(org.server)
    used = agent(org.http)
    assert say(org.http, used).status_code == 200
    refused = other.http.post("/v1/agents/", json={"model": HANDLE})
    assert refused.status_code == 404
    assert "mine" in refused.json()["detail"]
    theirs = agent(other.http, "openai/gpt-4o-mini")
    before = len(own.chats)
    assert say(other.http, theirs).status_code == 200
    body = {"messages": [{"role": "user", "content": "hi"}], "override_model": HANDLE}
    assert other.http.post(f"/v1/agents/{theirs}/messages", json=body).status_code == 404
    generated = other.http.post(f"/v1/agents/{theirs}/generate", json={"prompt": "x", "override_model": HANDLE})
    assert generated.status_code == 404
    assert len(own.chats) == before
    assert HANDLE not in {row["handle"] for row in other.http.get("/v1/models/").json()}
    assert other.http.get(f"/v1/providers/{made['id']}").status_code == 404


@pytest.mark.contract("models.filters")
def test_lists_hold_own_models_by_category(add: Add, org: Org) -> None:
    add("mine")

    def handles(**query: str | list[str]) -> set[str]:
        return {row["handle"] for row in org.http.get("/v1/models/", params=query).json()}

    assert handles(provider_category="byok") == {HANDLE}
    assert HANDLE not in handles(provider_category="base")
    assert {HANDLE, "openai/gpt-4o-mini"} <= handles(provider_category=["base", "byok"]) & handles()
    assert handles(provider_name="mine") == {HANDLE}
    assert HANDLE in handles(provider_type="openai")
    [row] = org.http.get("/v1/models/", params={"provider_name": "mine"}).json()
    assert (row["provider_category"], row["max_context_window"]) == ("byok", 50_000)
    embedders = {row["handle"]: row["embedding_dim"] for row in org.http.get("/v1/models/embedding").json()}
    assert embedders["mine/nomic-embed-text"] == 768


@pytest.mark.contract("providers.delete")
def test_agents_of_a_deleted_provider_say_so(add: Add, org: Org) -> None:
    made = add("mine")
    used = org.http.post("/v1/agents/", json={"model": HANDLE, "embedding": "mine/nomic-embed-text"}).json()["id"]
    org.http.delete(f"/v1/providers/{made['id']}")
    answer = say(org.http, used)
    assert answer.status_code == 404
    assert "'mine'" in answer.json()["detail"]
    assert "/v1/providers/" in answer.json()["detail"]
    shown = org.http.get(f"/v1/agents/{used}")
    assert (shown.status_code, shown.json()["model"]) == (200, HANDLE), "it can still be looked at"
    assert shown.json()["embedding"] == "mine/nomic-embed-text"
    assert org.http.get(f"/v1/agents/{used}/context").status_code == 200
    moved = org.http.patch(f"/v1/agents/{used}", json={"model": "openai/gpt-4o-mini"})
    assert moved.status_code == 200, moved.text
    assert say(org.http, used).status_code == 200
    assert len(org.http.get(f"/v1/agents/{used}/messages").json()) >= 2, "nothing was lost"


def test_a_key_that_is_refused_names_what_to_change(add: Add, org: Org) -> None:
    made = add("mine", api_key="sk-wrong")
    failed = say(org.http, agent(org.http))
    assert failed.status_code == 401
    assert f"PATCH /v1/providers/{made['id']}" in failed.json()["error"]["message"]


@pytest.mark.contract("models.dead-provider")
def test_what_a_provider_once_listed_outlives_it(fresh_server: FreshServer, own: OpenAIServer) -> None:
    server = fresh_server()
    with OpenAIServer() as short_lived:
        short_lived.models = [{"id": "kept", "max_model_len": 9_000}]
        body = {"name": "mine", "provider_type": "vllm", "api_key": "", "base_url": short_lived.url}
        assert server.http.post("/v1/providers/", json=body).json()["last_synced"]
    for _ in ("same process", "after a restart"):
        rows = {row["handle"]: row for row in server.http.get("/v1/models/").json()}
        assert rows["mine/kept"]["max_context_window"] == 9_000
        server.stop()
        server.start()


@pytest.mark.contract("providers.egress")
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/v1", "http://10.1.2.3", "http://169.254.169.254/latest", "localhost:11434", "[::1]:80"]
)
def test_an_organization_may_not_name_private_addresses(org: Org, url: str) -> None:
    body = {"name": "inside", "provider_type": "openai", "api_key": "k", "base_url": url}
    for path in ("/v1/providers/", "/v1/providers/check"):
        refused = org.http.post(path, json=body)
        assert refused.status_code == 400, path
        assert "HOLDFAST_ALLOW_PRIVATE_URLS" in refused.json()["detail"] or "169.254" in url
    assert org.http.get("/v1/providers/").json() == []


@pytest.mark.contract("providers.egress")
def test_not_even_an_administrator_reaches_the_metadata_service(boss: httpx.Client) -> None:
    body = {"name": "inside", "provider_type": "openai", "api_key": "k", "base_url": "http://169.254.169.254/v1"}
    assert boss.post("/v1/providers/", json=body).status_code == 400


@pytest.mark.contract("providers.egress")
def test_what_was_allowed_once_is_checked_again_at_every_call(fresh_server: FreshServer, own: OpenAIServer) -> None:
    server = fresh_server({"HOLDFAST_ALLOW_PRIVATE_URLS": "true"})
    org = new_org(server)
    body = {"name": "mine", "provider_type": "openai", "api_key": KEY, "base_url": f"http://localhost:{own.port}"}
    assert org.http.post("/v1/providers/", json=body).status_code == 200
    used = agent(org.http)
    assert say(org.http, used).status_code == 200
    server.stop()
    server.env["HOLDFAST_ALLOW_PRIVATE_URLS"] = "false"
    server.start()
    asked = len(own.requests)
    refused = say(org.http, used)
    assert refused.status_code == 400
    assert "HOLDFAST_ALLOW_PRIVATE_URLS" in refused.json()["error"]["message"]
    assert "mine/own-model" in {row["handle"] for row in org.http.get("/v1/models/").json()}
    assert len(own.requests) == asked, "nothing reached it"
    assert say(administrator(org), used).status_code == 400, "who asks does not matter, who named the address does"


@pytest.mark.parametrize("url", ["http://", "ftp://x/v1", "http://user:pw@example.org/v1", "http://a b", "h" * 2001])
def test_addresses_that_are_none(org: Org, url: str) -> None:
    body = {"name": "odd", "provider_type": "openai", "api_key": "k", "base_url": url}
    assert org.http.post("/v1/providers/", json=body).status_code in (400, 422)


def test_two_processes_see_each_others_providers(fresh_server: FreshServer, own: OpenAIServer) -> None:
    if fresh_server.engine == "sqlite":
        pytest.skip("one process owns a SQLite file")
    shared = {"HOLDFAST_ENCRYPTION_KEY": "one key for both"}
    first = fresh_server(shared)
    second = fresh_server(shared, database=first.env["LETTA_PG_URI"])
    assert second.http.post("/v1/agents/", json={"model": HANDLE}).status_code == 404, "and now it is kept"
    body = {"name": "mine", "provider_type": "openai", "api_key": KEY, "base_url": own.url}
    made = first.http.post("/v1/providers/", json=body).json()
    for server in (first, second):
        used = until(partial(_agent_or_nothing, server.http), "the provider to be known here")
        assert say(server.http, used).status_code == 200
    first.http.delete(f"/v1/providers/{made['id']}")
    until(partial(_is_refused, second.http, used), "the provider to be forgotten here")


def _agent_or_nothing(http: httpx.Client) -> str:
    made = http.post("/v1/agents/", json={"model": HANDLE})
    return made.json()["id"] if made.status_code == 200 else ""


def _is_refused(http: httpx.Client, agent_id: str) -> bool:
    return say(http, agent_id).status_code == 404
