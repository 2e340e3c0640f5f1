"""Forks share history without copying it, and nothing leaks between them afterwards (CONTRACT §12)."""

from typing import Any

import pytest

from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import agent, messages, missing, of_agent, say, texts


def fork(org: Org, conversation_id: str, **query: Any) -> dict[str, Any]:
    made = org.http.post(f"/v1/conversations/{conversation_id}/fork", params=query)
    assert made.status_code == 200, made.text
    return made.json()


def history(org: Org, conversation_id: str) -> list[str]:
    return texts(messages(org, f"/v1/conversations/{conversation_id}/messages", order="asc"))


def id_of(org: Org, conversation_id: str, text: str) -> str:
    listed = messages(org, f"/v1/conversations/{conversation_id}/messages")
    return next(message["id"] for message in listed if message["content"] == text)


@pytest.mark.contract("conversations.fork")
def test_a_fork_shows_the_same_messages_after_a_prompt_of_its_own(org: Org) -> None:
    owner = agent(org, "one", "two", "three")
    made = fork(org, owner)
    listed = messages(org, f"/v1/conversations/{made['id']}/messages", order="asc")
    shared = of_agent(org, owner, order="asc", conversation_id="default")
    assert [message["id"] for message in listed if message["message_type"] != "system_message"] == [
        message["id"] for message in shared[1:]
    ]
    (prompt,) = [message["id"] for message in listed if message["message_type"] == "system_message"]
    assert prompt != shared[0]["id"]
    assert made["in_context_message_ids"] == [prompt, *(message["id"] for message in shared[1:])]


@pytest.mark.contract("conversations.fork.nothing-copied")
def test_a_fork_copies_nothing(org: Org) -> None:
    owner = agent(org, *[f"message {number}" for number in range(20)])
    before = of_agent(org, owner, limit=1000)
    fork(org, fork(org, owner)["id"])
    assert len(of_agent(org, owner, limit=1000)) == len(before) + 2, "two prompts and no more"


@pytest.mark.contract("conversations.fork.point")
def test_a_fork_can_leave_at_any_message(org: Org) -> None:
    owner = agent(org, "one", "two", "three", "four")
    made = fork(org, owner, message_id=id_of(org, owner, "two"))
    assert history(org, made["id"]) == ["one", "two"]
    assert len(made["in_context_message_ids"]) == 3
    again = fork(org, made["id"], message_id=id_of(org, owner, "one"))
    assert history(org, again["id"]) == ["one"]
    assert history(org, fork(org, made["id"])["id"]) == ["one", "two"]


def test_a_fork_leaves_at_a_message_of_its_thread(org: Org) -> None:
    owner = agent(org, "one", "two")
    short = fork(org, owner, message_id=id_of(org, owner, "one"))["id"]
    for elsewhere in (id_of(org, owner, "two"), missing("message")):
        refused = org.http.post(f"/v1/conversations/{short}/fork", params={"message_id": elsewhere})
        assert refused.status_code == 400
        assert elsewhere in refused.json()["detail"]


def test_settings_come_along(org: Org) -> None:
    made = org.http.post(
        "/v1/conversations/", params={"agent_id": agent(org)}, json={"summary": "Plans", "context_window_limit": 9_000}
    ).json()
    forked = fork(org, made["id"])
    assert (forked["summary"], forked["context_window_limit"], forked["agent_id"]) == ("Plans", 9_000, made["agent_id"])
    assert forked["id"] != made["id"]


@pytest.mark.contract("conversations.fork.hidden")
def test_a_fork_can_be_left_out_of_lists(org: Org) -> None:
    owner = agent(org, "one")
    hidden = fork(org, "default", agent_id=owner, hidden=True)
    shown = org.client.conversations.fork(owner)
    listed = org.http.get("/v1/conversations/", params={"agent_id": owner}).json()
    assert [conversation["id"] for conversation in listed] == [shown.id]
    assert history(org, hidden["id"]) == ["one"]


@pytest.mark.contract("conversations.fork.apart")
def test_nothing_said_after_the_fork_is_seen_on_the_other_side(org: Org) -> None:
    owner = agent(org, "one", "two")
    first = fork(org, owner)["id"]
    second = fork(org, first)["id"]
    say(org, f"agents/{owner}", "REPLY in the agent")
    say(org, f"conversations/{first}", "REPLY in the first")
    say(org, f"conversations/{second}", "REPLY in the second")
    shared = ["one", "two"]
    assert history(org, owner) == [*shared, "REPLY in the agent", "in the agent"]
    assert history(org, first) == [*shared, "REPLY in the first", "in the first"]
    assert history(org, second) == [*shared, "REPLY in the second", "in the second"]


def test_a_fork_outlives_the_conversation_it_left(org: Org) -> None:
    owner = agent(org)
    parent = org.http.post("/v1/conversations/", params={"agent_id": owner}, json={}).json()["id"]
    say(org, f"conversations/{parent}", "REPLY hello")
    made = fork(org, parent)["id"]
    org.http.delete(f"/v1/conversations/{parent}")
    assert history(org, made) == ["REPLY hello", "hello"]
    say(org, f"conversations/{made}", "REPLY still here")
    assert history(org, made)[-1] == "still here"


@pytest.mark.contract("conversations.fork.context")
def test_the_model_sees_the_shared_part_and_its_own(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, "tell me of foxes", "foxes are red")
    made = fork(org, owner, message_id=id_of(org, owner, "tell me of foxes"))["id"]
    say(org, f"agents/{owner}", "and of owls")
    models.reset()
    say(org, f"conversations/{made}", "and of bears")
    system, *rest = models.chats[-1].body["messages"]
    assert system["role"] == "system"
    assert [message["content"] for message in rest if message["role"] == "user"] == ["tell me of foxes", "and of bears"]
    assert "red" not in str(rest)


def test_what_was_out_of_view_stays_out_of_view(org: Org) -> None:
    owner = agent(org, "one", "two")
    one = id_of(org, owner, "one")
    org.http.patch(f"/v1/agents/{owner}/reset-messages", json={})
    after = fork(org, owner)
    assert len(after["in_context_message_ids"]) == 1, "the prompt alone, as in the agent"
    assert history(org, after["id"]) == ["one", "two"]
    earlier = fork(org, owner, message_id=one)
    assert earlier["in_context_message_ids"][1:] == [one], "before the reset it was in view"


def test_a_chosen_window_comes_along_up_to_the_fork(org: Org) -> None:
    owner = agent(org, "one", "two", "three")
    one, two, three = (id_of(org, owner, text) for text in ("one", "two", "three"))
    prompt = org.http.get(f"/v1/agents/{owner}").json()["message_ids"][0]
    chosen = org.http.patch(f"/v1/agents/{owner}", json={"message_ids": [prompt, one, three]})
    assert chosen.status_code == 200, chosen.text
    assert fork(org, owner)["in_context_message_ids"][1:] == [one, three]
    assert fork(org, owner, message_id=two)["in_context_message_ids"][1:] == [one]
