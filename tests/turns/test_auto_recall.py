"""Automatic recall: what the memory holds about a message stands behind it in the request, and nowhere else."""

from typing import Any

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org, new_org
from tests.messages.talking import Json, agent, say
from tests.turns.listening import user

FACTS = (
    "Anna is allergic to nuts.",
    "The boiler was repaired by Mario in March.",
    "The wifi password is horse-battery.",
)


def remembering(org: Org, **chosen: Any) -> str:
    owner = agent(org, auto_recall=chosen)
    for text in FACTS:
        org.http.post(f"/v1/agents/{owner}/archival-memory", json={"text": text}).raise_for_status()
    return owner


def sent(models: OpenAIServer) -> list[Json]:
    return models.chats[-1].body["messages"]


def run_of(org: Org, owner: str) -> Json:
    return org.http.get("/v1/runs/", params={"agent_id": owner, "limit": 1}).json()[0]


def test_what_fits_stands_behind_the_message_and_in_the_run(org: Org, models: OpenAIServer) -> None:
    owner = remembering(org)
    say(org, f"agents/{owner}", "Who repaired the heating boiler?")
    system, *_, last = sent(models)
    assert last["content"].startswith("Who repaired the heating boiler?\n\n<recalled_memories>")
    assert "Mario" in last["content"]
    assert "allergic" not in last["content"]
    assert "Mario" not in system["content"]
    used = run_of(org, owner)["memory_used"]
    assert [each["type"] for each in used] == ["passage"]
    assert used[0]["id"] in last["content"]
    assert 0.4 <= used[0]["relevance"] <= 1


def test_nothing_of_it_is_stored_or_sent_again(org: Org, models: OpenAIServer) -> None:
    owner = remembering(org)
    say(org, f"agents/{owner}", "Who repaired the heating boiler?")
    say(org, f"agents/{owner}", "Thanks!")
    assert "<recalled_memories>" not in str(sent(models))
    stored = org.http.get(f"/v1/agents/{owner}/messages", params={"limit": 100}).json()
    assert "recalled_memories" not in str(stored)
    assert run_of(org, owner)["memory_used"] == []


def test_it_stays_where_it_is_while_the_turn_calls_tools(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, auto_recall={}, tools=["memory_insert"], memory_blocks=[{"label": "notes", "value": ""}])
    org.http.post(f"/v1/agents/{owner}/archival-memory", json={"text": FACTS[1]}).raise_for_status()
    note = ("memory_insert", {"label": "notes", "new_string": "Asked for the boiler."})
    models.queue(Reply(calls=(note,)), Reply("It was Mario."))
    say(org, f"agents/{owner}", "Who repaired the heating boiler?")
    first, second = (chat.body["messages"] for chat in models.chats[-2:])
    assert "Mario" in first[-1]["content"]
    assert second[: len(first)][1:] == first[1:]


def test_an_agent_that_did_not_choose_it_gets_nothing(org: Org, models: OpenAIServer) -> None:
    owner = remembering(org, enabled=False)
    say(org, f"agents/{owner}", "Who repaired the heating boiler?")
    assert "Mario" not in str(sent(models))
    changed = org.http.patch(f"/v1/agents/{owner}", json={"auto_recall": {"threshold": 1.0}}).json()
    assert changed["auto_recall"]["enabled"] is True
    say(org, f"agents/{owner}", "Who repaired the heating boiler?")
    assert "Mario" not in str(sent(models))
    assert agent_state(org, agent(org))["auto_recall"] is None


def agent_state(org: Org, owner: str) -> Json:
    return org.http.get(f"/v1/agents/{owner}").json()


def test_what_left_the_view_is_recalled_and_what_is_in_view_is_not(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, auto_recall={"sources": ["messages"]})
    say(org, f"agents/{owner}", "My sister Anna moved to Turin last spring. REPLY Lovely.")
    say(org, f"agents/{owner}", "Where did my sister Anna move?")
    assert "recalled" not in str(sent(models))
    org.http.patch(f"/v1/agents/{owner}/reset-messages", json={}).raise_for_status()
    say(org, f"agents/{owner}", "Where did my sister Anna move?")
    assert "to Turin last spring" in sent(models)[-1]["content"]
    assert run_of(org, owner)["memory_used"][0]["type"] == "message"


def test_other_conversations_are_looked_through_only_when_that_was_chosen(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, auto_recall={})
    first, second = (
        org.http.post("/v1/conversations/", params={"agent_id": owner}, json={}).json()["id"] for _ in range(2)
    )
    say(org, f"conversations/{first}", "My locker code is zebra-7, at the swimming pool. REPLY Fine.")
    say(org, f"conversations/{second}", "What is my locker code at the swimming pool?")
    assert "zebra-7" not in str(sent(models))
    org.http.patch(f"/v1/agents/{owner}", json={"auto_recall": {"sources": ["all_messages"]}}).raise_for_status()
    say(org, f"conversations/{second}", "Tell me my locker code at the swimming pool.")
    assert "zebra-7" in sent(models)[-1]["content"]


def test_the_preview_shows_it(org: Org) -> None:
    owner = remembering(org)
    body = {**user("Who repaired the heating boiler?"), "streaming": False}
    shown = org.http.post(f"/v1/agents/{owner}/messages/preview-raw-payload", json=body)
    assert "Mario" in shown.json()["messages"][-1]["content"]


@pytest.mark.parametrize(
    "wrong", [{"top_k": 0}, {"top_k": 21}, {"threshold": 2}, {"sources": ["dreams"]}, {"enabled": "perhaps"}, "on"]
)
def test_wrong_settings_are_refused(org: Org, wrong: Any) -> None:
    answer = org.http.post("/v1/agents/", json={"auto_recall": wrong})
    assert answer.status_code == 422
    assert "auto_recall" in answer.text


def test_a_dead_embedding_model_leaves_the_words(fresh_server: FreshServer, models: OpenAIServer) -> None:
    server = fresh_server({"HOLDFAST_DEFAULT_EMBEDDING": "ollama/gone", "OLLAMA_BASE_URL": "http://127.0.0.1:9"})
    org = new_org(server)
    owner = remembering(org)
    say(org, f"agents/{owner}", "Who repaired the boiler?")
    assert "Mario" in sent(models)[-1]["content"]
