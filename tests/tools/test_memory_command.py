"""The `memory` tool and its commands (CONTRACT §6.3)."""

from typing import Any

import pytest

from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.tools.test_builtin_tools import Talk, talk

TOOLS = ("memory",)


def labels(owner: Talk) -> set[str]:
    blocks = owner.org.http.get(f"/v1/agents/{owner.id}/core-memory/blocks").json()
    return {block["label"] for block in blocks}


@pytest.mark.contract("tools.memory-command.create")
def test_create_makes_a_block(org: Org, models: OpenAIServer) -> None:
    owner = talk(org, tools=TOOLS)
    made = {"command": "create", "path": "/memories/plans", "description": "What is next.", "file_text": "Sleep."}
    assert "/memories/plans" in owner.call("memory", **made)
    block = org.http.get(f"/v1/agents/{owner.id}/core-memory/blocks/plans").json()
    assert (block["value"], block["description"]) == ("Sleep.", "What is next.")
    assert "already" in owner.refused("memory", **made)
    assert "`description`" in owner.refused("memory", command="create", path="/memories/other")
    assert "label" in owner.refused("memory", **{**made, "path": "/memories/"})
    assert labels(owner) == {"notes", "law", "plans"}


@pytest.mark.contract("tools.memory-command.edit")
def test_text_is_replaced_and_inserted(org: Org, models: OpenAIServer) -> None:
    owner = talk(org, tools=TOOLS)
    path = "/memories/notes"
    assert owner.call("memory", command="str_replace", path=path, old_string="two", new_string="2") == "one\n2\nthree"
    assert owner.call("memory", command="insert", path=path, insert_line=0, insert_text="zero").startswith("zero\none")
    assert owner.call("memory", command="insert", path="notes", insert_text="end").endswith("three\nend")
    assert "2\n" not in owner.call("memory", command="str_replace", path=path, old_string="2\n")
    assert "does not occur" in owner.refused("memory", command="str_replace", path=path, old_string="9")
    assert "`insert_line`" in owner.refused("memory", command="insert", path=path, insert_line=99, insert_text="x")
    assert "read-only" in owner.refused("memory", command="insert", path="/memories/law", insert_text="x")
    assert "allowed" in owner.refused("memory", command="insert", path=path, insert_text="x" * 200)


@pytest.mark.contract("tools.memory-command.delete")
def test_delete_detaches(org: Org, models: OpenAIServer) -> None:
    owner = talk(org, tools=TOOLS)
    block = org.http.get(f"/v1/agents/{owner.id}/core-memory/blocks/notes").json()["id"]
    owner.call("memory", command="delete", path="/memories/notes")
    assert labels(owner) == {"law"}
    assert org.http.get(f"/v1/blocks/{block}").status_code == 200
    assert "read-only" in owner.refused("memory", command="delete", path="/memories/law")
    assert "'notes'" in owner.refused("memory", command="delete", path="/memories/notes")


@pytest.mark.contract("tools.memory-command.rename")
def test_rename_changes_label_or_description(org: Org, models: OpenAIServer) -> None:
    owner = talk(org, tools=TOOLS)
    owner.call("memory", command="rename", old_path="/memories/notes", new_path="/memories/facts")
    assert labels(owner) == {"facts", "law"}
    assert owner.value("facts") == "one\ntwo\nthree"
    owner.call("memory", command="rename", path="/memories/facts", description="All that is known.")
    assert org.http.get(f"/v1/agents/{owner.id}/core-memory/blocks/facts").json()["description"] == "All that is known."
    assert "law" in owner.refused("memory", command="rename", old_path="/memories/facts", new_path="/memories/law")


@pytest.mark.contract("tools.memory-command.faults")
@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"command": "explode"}, "command"),
        ({}, "`command` is missing"),
        ({"command": "insert", "path": "/memories/notes"}, "`insert_text`"),
        ({"command": "str_replace", "old_string": "one"}, "`path`"),
        ({"command": "insert", "path": "/memories/notes", "insert_text": "1→ x"}, "line number"),
        ({"command": "delete", "path": "/memories/notes", "colour": "red"}, "`colour`"),
    ],
)
def test_what_is_missing_or_wrong_is_named(org: Org, models: OpenAIServer, sent: dict[str, Any], told: str) -> None:
    assert told in talk(org, tools=TOOLS).refused("memory", **sent)


@pytest.mark.contract("tools.memory-command.isolated")
def test_a_conversations_own_copy_keeps_its_place(org: Org, models: OpenAIServer) -> None:
    owner = talk(org, tools=TOOLS)
    body = {"isolated_block_labels": ["notes"]}
    made = org.http.post("/v1/conversations/", params={"agent_id": owner.id}, json=body).json()["id"]
    text = 'CALL memory {"command": "delete", "path": "/memories/notes"}'
    sent = {"messages": [{"role": "user", "content": text}], "streaming": False}
    answer = org.http.post(f"/v1/conversations/{made}/messages", json=sent).json()
    (back,) = [m for m in answer["messages"] if m["message_type"] == "tool_return_message"]
    assert back["status"] == "error"
    assert "of its own" in back["tool_return"]
    assert labels(owner) == {"notes", "law"}
