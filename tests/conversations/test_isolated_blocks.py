"""Blocks that a conversation has for itself (CONTRACT §2.9, §12)."""

from typing import Any

import pytest

from tests.harness.tenants import Org
from tests.messages.talking import agent, messages, say

HUMAN = {"label": "human", "value": "Likes tea."}


def make(org: Org, agent_id: str, *labels: str) -> dict[str, Any]:
    made = org.http.post(
        "/v1/conversations/", params={"agent_id": agent_id}, json={"isolated_block_labels": list(labels)}
    )
    assert made.status_code == 200, made.text
    return made.json()


def value_of(org: Org, block_id: str) -> str:
    return org.http.get(f"/v1/blocks/{block_id}").json()["value"]


@pytest.mark.contract("conversations.isolated-blocks")
def test_an_isolated_block_is_a_copy(org: Org) -> None:
    owner = agent(org, memory_blocks=[HUMAN, {"label": "persona", "value": "I am Ada."}])
    made = make(org, owner, "human")
    (copy,) = made["isolated_block_ids"]
    original = org.http.get(f"/v1/agents/{owner}/core-memory/blocks/human").json()
    assert copy != original["id"]
    assert value_of(org, copy) == "Likes tea."
    org.http.patch(f"/v1/blocks/{copy}", json={"value": "Likes coffee."})
    assert value_of(org, original["id"]) == "Likes tea."
    org.http.patch(f"/v1/blocks/{original['id']}", json={"value": "Likes milk."})
    assert value_of(org, copy) == "Likes coffee."


@pytest.mark.contract("conversations.isolated-blocks.unknown")
def test_only_a_block_that_the_agent_holds_can_be_isolated(org: Org) -> None:
    owner = agent(org, memory_blocks=[HUMAN])
    refused = org.http.post(
        "/v1/conversations/", params={"agent_id": owner}, json={"isolated_block_labels": ["human", "plans"]}
    )
    assert refused.status_code == 400
    assert "'plans'" in refused.json()["detail"]
    assert org.http.get("/v1/conversations/", params={"agent_id": owner}).json() == []


def test_a_fork_gets_copies_of_its_own(org: Org) -> None:
    made = make(org, agent(org, memory_blocks=[HUMAN]), "human")
    (mine,) = made["isolated_block_ids"]
    org.http.patch(f"/v1/blocks/{mine}", json={"value": "Likes coffee."})
    forked = org.http.post(f"/v1/conversations/{made['id']}/fork").json()
    (theirs,) = forked["isolated_block_ids"]
    assert theirs != mine
    assert value_of(org, theirs) == "Likes coffee."
    org.http.patch(f"/v1/blocks/{theirs}", json={"value": "Likes water."})
    assert value_of(org, mine) == "Likes coffee."
    (prompt,) = messages(
        org, f"/v1/conversations/{forked['id']}/messages", include_return_message_types=["system_message"]
    )
    assert "Likes coffee." in prompt["content"]


@pytest.mark.contract("conversations.isolated-blocks.delete")
def test_isolated_blocks_go_with_their_conversation(org: Org) -> None:
    owner = agent(org, memory_blocks=[HUMAN])
    made = make(org, owner, "human")
    org.http.delete(f"/v1/conversations/{made['id']}")
    assert org.http.get(f"/v1/blocks/{made['isolated_block_ids'][0]}").status_code == 404
    assert org.http.get(f"/v1/agents/{owner}/core-memory/blocks/human").json()["value"] == "Likes tea."


def test_a_label_is_isolated_once(org: Org) -> None:
    assert len(make(org, agent(org, memory_blocks=[HUMAN]), "human", "human")["isolated_block_ids"]) == 1


def test_a_deleted_copy_does_not_get_in_the_way(org: Org) -> None:
    made = make(org, agent(org, memory_blocks=[HUMAN]), "human")
    assert org.http.delete(f"/v1/blocks/{made['isolated_block_ids'][0]}").status_code == 200
    assert org.http.post(f"/v1/conversations/{made['id']}/fork").json()["isolated_block_ids"] == []


@pytest.mark.contract("conversations.isolated-blocks.write")
def test_what_is_learned_in_the_conversation_stays_in_its_copy(org: Org) -> None:
    owner = agent(org, memory_blocks=[HUMAN], tools=["memory_insert"])
    made = make(org, owner, "human")
    say(org, f"conversations/{made['id']}", 'CALL memory_insert {"label": "human", "new_string": "Owns a boat."}')
    assert "Owns a boat." in value_of(org, made["isolated_block_ids"][0])
    assert org.http.get(f"/v1/agents/{owner}/core-memory/blocks/human").json()["value"] == "Likes tea."
