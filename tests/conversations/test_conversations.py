"""Conversations: opened, read, changed, deleted (CONTRACT §2.9, §12)."""

from typing import Any

import httpx
import pytest

from tests.fakes.openai_server import OpenAIServer
from tests.harness.models import MODEL
from tests.harness.tenants import Org, new_org
from tests.messages.talking import agent, messages, missing, texts

FIELDS = {
    *("id", "agent_id", "summary", "description", "model", "model_settings", "context_window_limit"),
    *("in_context_message_ids", "isolated_block_ids", "last_message_at", "archived", "archived_at"),
    *("created_at", "updated_at", "created_by_id", "last_updated_by_id"),
}


def make(org: Org, agent_id: str, **fields: Any) -> dict[str, Any]:
    made = org.http.post("/v1/conversations/", params={"agent_id": agent_id}, json=fields)
    assert made.status_code == 200, made.text
    return made.json()


def read(org: Org, conversation_id: str) -> dict[str, Any]:
    return org.http.get(f"/v1/conversations/{conversation_id}").json()


@pytest.mark.contract("conversations.create")
def test_a_new_conversation_starts_with_its_own_prompt(org: Org) -> None:
    owner = agent(org, "said before", system="You are Ada.")
    made = make(org, owner, summary="Plans", description="About the trip", context_window_limit=20_000)
    assert set(made) == FIELDS
    assert (made["agent_id"], made["summary"], made["description"]) == (owner, "Plans", "About the trip")
    assert (made["archived"], made["archived_at"], made["context_window_limit"]) == (False, None, 20_000)
    (prompt,) = messages(org, f"/v1/conversations/{made['id']}/messages")
    assert prompt["message_type"] == "system_message"
    assert prompt["content"].startswith("You are Ada.")
    assert made["in_context_message_ids"] == [prompt["id"]]
    assert read(org, made["id"]) == made


def test_no_body_is_needed(org: Org) -> None:
    made = org.http.post("/v1/conversations/", params={"agent_id": agent(org)})
    assert made.status_code == 200
    assert made.json()["summary"] is None


@pytest.mark.contract("conversations.create.unknown-agent")
def test_the_agent_must_exist(org: Org) -> None:
    assert org.http.post("/v1/conversations/", json={}).status_code == 422
    unknown = missing("agent")
    refused = org.http.post("/v1/conversations/", params={"agent_id": unknown}, json={})
    assert refused.status_code == 404
    assert unknown in refused.json()["detail"]


def test_a_model_can_be_chosen_and_must_be_known(org: Org) -> None:
    made = make(org, agent(org), model=MODEL, model_settings={"provider_type": "openai", "temperature": 0.2})
    assert made["model"] == MODEL
    assert made["model_settings"]["temperature"] == 0.2
    assert "max_output_tokens" not in made["model_settings"], "what was not said is the agent's"
    refused = org.http.post("/v1/conversations/", params={"agent_id": agent(org)}, json={"model": "nobody/nothing"})
    assert refused.status_code == 404
    assert "nobody" in refused.json()["detail"]


@pytest.mark.contract("conversations.update")
def test_null_leaves_a_field_as_it_is(org: Org) -> None:
    made = make(org, agent(org), summary="Plans")
    path = f"/v1/conversations/{made['id']}"
    body = {"summary": None, "description": "New", "last_message_at": "2026-01-02T03:04:05Z"}
    changed = org.http.patch(path, json=body).json()
    assert (changed["summary"], changed["description"]) == ("Plans", "New")
    assert changed["last_message_at"].startswith("2026-01-02T03:04:05")
    assert org.http.patch(path, json={}).json() == changed
    assert org.http.patch(path, json={"context_window_limit": 0}).status_code == 422


@pytest.mark.contract("conversations.archive")
def test_archiving_notes_when(org: Org) -> None:
    path = f"/v1/conversations/{make(org, agent(org))['id']}"
    archived = org.http.patch(path, json={"archived": True}).json()
    assert archived["archived"] is True
    again = org.http.patch(path, json={"archived": True, "summary": "x"}).json()
    assert again["archived_at"] == archived["archived_at"]
    back = org.http.patch(path, json={"archived": False}).json()
    assert (back["archived"], back["archived_at"]) == (False, None)


@pytest.mark.contract("conversations.delete")
def test_a_deleted_conversation_is_gone_but_its_messages_stay(org: Org) -> None:
    owner = agent(org, "one")
    made = make(org, owner)
    path = f"/v1/conversations/{made['id']}"
    before = messages(org, f"/v1/agents/{owner}/messages")
    deleted = org.http.delete(path)
    assert (deleted.status_code, deleted.json()) == (200, None)
    for refused in (org.http.get(path), org.http.get(f"{path}/messages"), org.http.patch(path, json={"summary": "x"})):
        assert refused.status_code == 404
    assert org.http.delete(path).status_code == 404
    assert org.http.post(f"{path}/fork").status_code == 404
    assert org.http.get("/v1/conversations/", params={"agent_id": owner}).json() == []
    assert messages(org, f"/v1/agents/{owner}/messages") == before


@pytest.mark.contract("conversations.ids")
def test_the_agents_own_thread_has_three_names(org: Org) -> None:
    owner = agent(org, "one", "two")
    by_id = messages(org, f"/v1/conversations/{owner}/messages")
    assert texts(by_id) == ["two", "one"]
    assert messages(org, "/v1/conversations/default/messages", agent_id=owner) == by_id
    nameless = org.http.get("/v1/conversations/default/messages")
    assert nameless.status_code == 400
    assert "agent_id" in nameless.json()["detail"]
    assert org.http.get("/v1/conversations/default/messages", params={"agent_id": missing("agent")}).status_code == 404


@pytest.mark.contract("conversations.ids")
@pytest.mark.parametrize("place", ["params", "json"])
def test_query_or_body_say_whose_own_thread_is_meant(org: Org, models: OpenAIServer, place: str) -> None:
    owner = agent(org, "one", "two")

    def post(what: str, **body: Any) -> httpx.Response:
        sent: dict[str, dict[str, Any]] = {"params": {}, "json": body}
        sent[place] = {**sent[place], "agent_id": owner}
        return org.http.post(f"/v1/conversations/default/{what}", params=sent["params"], json=sent["json"])

    said = post("messages", input="REPLY three", streaming=False)
    assert said.status_code == 200, said.text
    assert texts(messages(org, f"/v1/conversations/{owner}/messages"))[0] == "three"
    for what, body in [("messages/preview-raw-payload", {"input": "next"}), ("recompile", {}), ("compact", {})]:
        assert post(what, **body).status_code == 200, what
    assert post("fork").json()["agent_id"] == owner
    assert post("cancel").status_code == 409, "found, and not at work"
    unread = post("stream")
    assert (unread.status_code, "no background run" in unread.json()["detail"]) == (400, True)


def test_where_query_and_body_differ_the_body_counts(org: Org, models: OpenAIServer) -> None:
    owner, other = agent(org), agent(org)
    body = {"input": "REPLY mine", "streaming": False, "agent_id": owner}
    answer = org.http.post("/v1/conversations/default/messages", params={"agent_id": other}, json=body)
    assert answer.status_code == 200, answer.text
    assert texts(messages(org, f"/v1/conversations/{owner}/messages")) == ["mine", "REPLY mine"]
    assert texts(messages(org, f"/v1/conversations/{other}/messages")) == []


def test_ids_are_checked(org: Org) -> None:
    assert org.http.get("/v1/conversations/conv-1").status_code == 422
    assert org.http.get(f"/v1/conversations/{missing('conv')}").status_code == 404
    assert org.http.get(f"/v1/conversations/{missing('agent')}").status_code == 404


def test_an_agents_own_thread_is_not_deleted(org: Org) -> None:
    owner = agent(org, "one")
    refused = org.http.delete(f"/v1/conversations/{owner}")
    assert refused.status_code == 400
    assert "reset-messages" in refused.json()["detail"]
    assert texts(messages(org, f"/v1/agents/{owner}/messages")) == ["one"]


@pytest.mark.contract("conversations.messages.lenient")
def test_an_unknown_cursor_is_ignored(org: Org) -> None:
    path = f"/v1/conversations/{agent(org, 'one', 'two')}/messages"
    assert messages(org, path, after=missing("message")) == messages(org, path)


@pytest.mark.contract("conversations.messages.cursors")
def test_cursors_of_messages_are_absolute(org: Org) -> None:
    path = f"/v1/conversations/{agent(org, 'one', 'two', 'three')}/messages"
    middle = next(m["id"] for m in messages(org, path) if m["content"] == "two")
    assert texts(messages(org, path, before=middle)) == ["one"]
    assert texts(messages(org, path, before=middle, order="asc")) == ["one"]
    assert texts(messages(org, path, after=middle, use_assistant_message=True)) == ["three"]
    assert texts(messages(org, path, include_return_message_types=["assistant_message"])) == ["two"]


def test_another_organization_sees_nothing(org: Org) -> None:
    owner = agent(org, "one")
    path = f"/v1/conversations/{make(org, owner)['id']}"
    stranger = new_org(org.server)
    assert stranger.http.get(path).status_code == 404
    assert stranger.http.get(f"{path}/messages").status_code == 404
    assert stranger.http.patch(path, json={"summary": "mine"}).status_code == 404
    assert stranger.http.post(f"{path}/fork").status_code == 404
    assert stranger.http.delete(path).status_code == 404
    assert stranger.http.get("/v1/conversations/", params={"agent_id": owner}).json() == []
    assert stranger.http.get(f"/v1/conversations/{owner}/messages").status_code == 404


@pytest.mark.contract("conversations.sdk")
def test_the_client_manages_conversations(org: Org) -> None:
    owner = agent(org)
    made = org.client.conversations.create(agent_id=owner, summary="Plans")
    assert org.client.conversations.retrieve(made.id).summary == "Plans"
    assert org.client.conversations.update(made.id, summary="Trips", archived=True).archived is True
    assert [c.id for c in org.client.conversations.list(agent_id=owner, archive_status="archived")] == [made.id]
    assert len(list(org.client.conversations.messages.list(made.id))) == 1
    org.client.conversations.delete(made.id)
    assert org.client.conversations.list(agent_id=owner, archive_status="all") == []
