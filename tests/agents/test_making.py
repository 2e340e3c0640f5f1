"""Agents are made, read and deleted (CONTRACT §2.1, §7)."""

from typing import Any

import pytest

from tests.harness.models import EMBEDDING, MODEL
from tests.harness.tenants import Org, new_org
from tests.messages.talking import Json, missing, say

REQUIRED = ("id", "agent_type", "blocks", "llm_config", "memory", "name", "sources", "system", "tags", "tools")
MODERN = {"X-Stainless-Package-Version": "1.12.1"}


def make(org: Org, **fields: Any) -> Json:
    made = org.http.post("/v1/agents/", json=fields)
    assert made.status_code == 200, made.text
    return made.json()


@pytest.mark.contract("agents.create")
@pytest.mark.parametrize("body", [None, {}], ids=["nothing", "an empty object"])
def test_nothing_needs_to_be_said(org: Org, body: Json | None) -> None:
    made = org.http.post("/v1/agents/", json=body) if body is not None else org.http.post("/v1/agents/")
    assert made.status_code == 200, made.text
    agent = made.json()
    assert all(agent[name] is not None for name in REQUIRED)
    assert agent["agent_type"] == "letta_v1_agent"
    assert {tool["name"] for tool in agent["tools"]} == {"conversation_search", "memory_insert", "memory_replace"}
    assert agent["tool_rules"] == []
    assert agent["embedding"] is None
    assert agent["llm_config"]["handle"] == agent["model"]
    assert all(agent["llm_config"][name] for name in ("model", "model_endpoint_type", "context_window"))
    assert len(agent["message_ids"]) == 1
    assert make(org)["name"] != agent["name"]


@pytest.mark.contract("agents.create.relations")
def test_what_hangs_on_an_agent_comes_with_the_answer(org: Org) -> None:
    shared = org.http.post("/v1/blocks/", json={"label": "shared", "value": "ours"}).json()
    made = make(
        org,
        name="Ada",
        memory_blocks=[{"label": "human", "value": "Likes tea."}],
        block_ids=[shared["id"]],
        tools=["send_message"],
        tags=["b", "a"],
        secrets={"TOKEN": "s3cret"},
        model=MODEL,
        embedding=EMBEDDING,
    )
    assert [block["label"] for block in made["blocks"]] == ["human", "shared"]
    assert made["memory"]["blocks"] == made["blocks"]
    assert "send_message" in {tool["name"] for tool in made["tools"]}
    assert made["tags"] == ["b", "a"]
    assert [(each["key"], each["value"]) for each in made["secrets"]] == [("TOKEN", "s3cret")]
    assert made["tool_exec_environment_variables"] == made["secrets"]
    assert (made["model"], made["embedding"]) == (MODEL, EMBEDDING)
    assert org.http.get(f"/v1/agents/{made['id']}").json() == made


def test_plain_words_for_blocks_and_the_embedding_model(org: Org) -> None:
    made = make(org, persona="I count.", human="", embedding_model=EMBEDDING)
    assert [(block["label"], block["value"]) for block in made["blocks"]] == [("persona", "I count."), ("human", "")]
    assert made["embedding"] == EMBEDDING
    assert make(org, embedding="", embedding_model="")["embedding"] is None
    changed = org.http.patch(f"/v1/agents/{made['id']}", json={"embedding_model": "openai/text-embedding-3-large"})
    assert changed.json()["embedding"] == "openai/text-embedding-3-large"
    unknown = org.http.post("/v1/agents/", json={"embedding_model": "nobody/nothing"})
    assert (unknown.status_code, "nobody" in unknown.text) == (404, True)


@pytest.mark.contract("agents.create.types")
def test_each_type_has_its_tools(org: Org) -> None:
    classic = {tool["name"] for tool in make(org, agent_type="memgpt_v2_agent")["tools"]}
    assert {"send_message", "conversation_search", "memory_insert", "memory_replace"} <= classic
    assert make(org, include_base_tools=False)["tools"] == []
    assert org.http.post("/v1/agents/", json={"agent_type": "split_thread_agent"}).status_code == 400
    assert org.http.post("/v1/agents/", json={"agent_type": "voice_convo_agent"}).status_code == 422
    assert org.http.post("/v1/agents/", json={"agent_type": "no_such_agent"}).status_code == 422


@pytest.mark.contract("agents.create.name")
@pytest.mark.parametrize("name", ["Ada", "Жанна д'Арк", "小明_2-b"])
def test_names_in_any_script_are_taken(org: Org, name: str) -> None:
    assert make(org, name=name)["name"] == name


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", "<b>", "x" * 5000])
def test_names_that_are_none_are_422(org: Org, name: str) -> None:
    assert org.http.post("/v1/agents/", json={"name": name}).status_code == 422


@pytest.mark.contract("agents.create.model")
def test_models_are_named_by_handle(org: Org) -> None:
    assert org.http.post("/v1/agents/", json={"model": "nobody/nothing"}).status_code == 404
    assert org.http.post("/v1/agents/", json={"model": "no-handle"}).status_code == 400
    made = make(org, llm_config={"model": "gpt-4o-mini", "model_endpoint_type": "openai", "context_window": 9000})
    assert (made["model"], made["llm_config"]["context_window"]) == (MODEL, 9000)
    assert make(org, model=MODEL, context_window_limit=5000)["llm_config"]["context_window"] == 5000
    assert make(org, model=MODEL)["llm_config"]["context_window"] == 128_000


@pytest.mark.contract("agents.create.reasoning")
def test_thinking_takes_less_than_the_whole_answer(org: Org) -> None:
    refused = org.http.post("/v1/agents/", json={"max_tokens": 1000, "max_reasoning_tokens": 1000})
    assert refused.status_code == 400
    assert "max_reasoning_tokens" in refused.json()["detail"]
    made = make(org, max_tokens=1000, max_reasoning_tokens=999)
    assert (made["llm_config"]["max_tokens"], made["llm_config"]["max_reasoning_tokens"]) == (1000, 999)


@pytest.mark.contract("agents.create.unknown")
@pytest.mark.parametrize(("field", "prefix"), [("tool_ids", "tool"), ("block_ids", "block"), ("folder_ids", "source")])
def test_what_does_not_exist_cannot_be_given(org: Org, field: str, prefix: str) -> None:
    unknown = missing(prefix)
    refused = org.http.post("/v1/agents/", json={field: [unknown]})
    assert refused.status_code == 404
    assert unknown in refused.json()["detail"]


@pytest.mark.contract("agents.retrieve")
def test_relations_are_loaded_when_asked_for(org: Org) -> None:
    owner = make(org, memory_blocks=[{"label": "human", "value": "x"}], tags=["t"], secrets={"A": "b"})["id"]
    bare = org.http.get(f"/v1/agents/{owner}", headers=MODERN).json()
    assert [bare[name] for name in ("tools", "blocks", "tags", "secrets", "sources", "identities")] == [[]] * 6
    assert bare["memory"]["blocks"] == []
    include = ["agent.tools", "agent.tags"]
    some = org.http.get(f"/v1/agents/{owner}", params={"include": include}, headers=MODERN).json()
    assert (len(some["tools"]), some["tags"], some["blocks"]) == (3, ["t"], [])
    old = org.http.get(f"/v1/agents/{owner}").json()
    assert old["tools"]
    assert old["blocks"]
    assert old["tags"]
    wrong = org.http.get(f"/v1/agents/{owner}", params={"include": "agent.everything"}, headers=MODERN)
    assert wrong.status_code == 422


@pytest.mark.contract("agents.retrieve.unknown")
def test_an_unknown_agent_is_404_and_a_malformed_id_422(org: Org) -> None:
    unknown = missing("agent")
    for method in ("GET", "PATCH", "DELETE"):
        found = org.http.request(method, f"/v1/agents/{unknown}", json={} if method == "PATCH" else None)
        assert (found.status_code, unknown in found.json()["detail"]) == (404, True)
        assert org.http.request(method, "/v1/agents/agent-1", json={}).status_code == 422


@pytest.mark.contract("agents.delete")
def test_deleting_takes_everything_of_the_agent_and_nothing_else(org: Org) -> None:
    shared = org.http.post("/v1/blocks/", json={"label": "shared", "value": "ours"}).json()["id"]
    owner = make(org, block_ids=[shared], secrets={"A": "b"}, tags=["gone"])["id"]
    body = {"isolated_block_labels": ["shared"]}
    talk = org.http.post("/v1/conversations/", params={"agent_id": owner}, json=body).json()
    run = say(org, f"conversations/{talk['id']}", "REPLY hi")["usage"]["run_ids"][0]
    (copy,) = talk["isolated_block_ids"]
    step = org.http.get(f"/v1/runs/{run}/steps").json()[0]["id"]
    message = org.http.get(f"/v1/conversations/{talk['id']}/messages").json()[0]["id"]
    gone = org.http.delete(f"/v1/agents/{owner}")
    assert (gone.status_code, "message" in gone.json()) == (200, True)
    left = [f"agents/{owner}", f"blocks/{copy}", f"runs/{run}", f"steps/{step}", f"messages/{message}"]
    for path in [*left, f"conversations/{talk['id']}"]:
        assert org.http.get(f"/v1/{path}").status_code == 404, path
    assert org.http.get("/v1/tags/").json() == []
    assert org.http.get(f"/v1/blocks/{shared}").status_code == 200


def test_the_length_of_embedded_pieces_is_chosen_with_the_model(org: Org) -> None:
    made = make(org, embedding="holdfast/minilm-l6-v2", embedding_chunk_size=200)
    assert made["embedding_config"]["embedding_chunk_size"] == 200
    usual = make(org, embedding="holdfast/minilm-l6-v2", embedding_chunk_size=None)
    assert usual["embedding_config"]["embedding_chunk_size"] == 300
    assert make(org, embedding_chunk_size=200)["embedding_config"] is None


def test_agents_of_another_tenant_do_not_exist(org: Org) -> None:
    owner, other = make(org)["id"], new_org(org.server)
    assert other.http.get(f"/v1/agents/{owner}").status_code == 404
    assert other.http.get("/v1/agents/").json() == []


def test_the_official_client_makes_and_deletes(org: Org) -> None:
    made = org.client.agents.create(name="Ada", memory_blocks=[{"label": "human", "value": "x"}])
    assert org.client.agents.retrieve(made.id, include=["agent.blocks"]).blocks[0].label == "human"
    org.client.agents.delete(made.id)
    assert list(org.client.agents.list()) == []
