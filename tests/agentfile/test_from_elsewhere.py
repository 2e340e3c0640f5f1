"""A file from elsewhere may hold anything; nothing of it is run, and what is wrong is named (CONTRACT §16)."""

import json
from typing import Any

import pytest

from tests.agentfile.filing import Json, exported, imported, refused, sent, smallest
from tests.harness.tenants import Org
from tests.messages.talking import agent, of_agent, texts


def said(**fields: Any) -> Json:
    return {"id": "message-0", "role": "user", "content": "hello", **fields}


WRONG: dict[str, tuple[Json | bytes, str]] = {
    "nothing": (b"", "no JSON"),
    "bytes": (b"\xff\xfe\x00", "no JSON"),
    "a list": (b"[]", "agents"),
    "cut": (json.dumps(smallest()).encode()[:-9], "no JSON"),
    "too deep": (b'{"agents":' + b"[" * 100_000, "deep"),
    "deep within": (b'{"agents":[{"id":"agent-0","metadata":' + b'{"a":' * 300 + b"1" + b"}" * 301 + b"]}", "deep"),
    "the older format": ({"agent_type": "memgpt_agent", "core_memory": []}, "older format"),
    "a uuid": (smallest(messages=[said(id="message-123e4567-e89b-42d3-8456-426614174000")]), "messages.0.id"),
    "another kind": (smallest(messages=[said(id="tool-0")]), "messages.0.id"),
    "twice": (smallest(messages=[said(), said()]), "message-0"),
    "no such tool": (smallest(tool_ids=["tool-9"]), "tool-9"),
    "no such block": (smallest(block_ids=["block-9"]), "block-9"),
    "no such folder": (smallest(source_ids=["source-9"]), "source-9"),
    "no such file": (smallest(files_agents=[{"file_id": "file-9", "is_open": True}]), "file-9"),
    "no such message": (smallest(in_context_message_ids=["message-9"]), "message-9"),
    "a file in no folder": ({**smallest(), "files": [{"id": "file-0", "source_id": "source-9"}]}, "source-9"),
    "another's message": (smallest(in_context_message_ids=["agent-0"]), "agent-0"),
    "no model": (smallest(model="nobody/nothing"), "`model`"),
    "no role": (smallest(messages=[said(role="wizard")]), "role"),
    "a tool without source": ({**smallest(), "tools": [{"id": "tool-0", "name": "lost_tool"}]}, "lost_tool"),
    "a broken tool": ({**smallest(), "tools": [{"id": "tool-0", "name": "x", "source_code": "def ("}]}, "line"),
    "a program": (
        {
            **smallest(),
            "mcp_servers": [
                {"id": "mcp_server-0", "server_type": "stdio", "server_name": "p", "stdio_config": {"command": "sh"}}
            ],
        },
        "yourself",
    ),
    "a private address": (
        {
            **smallest(),
            "mcp_servers": [{"id": "mcp_server-0", "server_name": "p", "server_url": "http://10.0.0.1/mcp"}],
        },
        "yourself",
    ),
}


@pytest.mark.contract("agents.import.refused")
def test_what_is_wrong_with_a_file_is_said_and_nothing_is_made(org: Org) -> None:
    for name, (file, hint) in WRONG.items():
        assert hint in refused(org, file), name
    assert "JSON" in refused(org, smallest(), secrets="{")
    assert "object" in refused(org, smallest(), secrets="[]")
    assert "'A'" in refused(org, smallest(), env_vars_json='{"A": 1}')
    assert sent(org, smallest(), name="a/b").status_code == 422
    assert sent(org, smallest(), override_existing_tools="perhaps").status_code == 422
    assert org.http.post("/v1/agents/import", data={"name": "x"}).status_code == 422
    assert org.http.get("/v1/agents/").json() == []
    assert org.http.get("/v1/blocks/").json() == []


@pytest.mark.contract("agents.import")
def test_odd_text_and_double_encoding_are_taken(org: Org) -> None:
    file = json.dumps(smallest(description="a\x00b\ud800", messages=[said(content="\ud83d\ude00 \udc00")]))
    id = imported(org, json.dumps(file).encode())
    state = org.http.get(f"/v1/agents/{id}").json()
    assert state["description"] == "ab\ufffd"
    assert texts(of_agent(org, id)) == ["\U0001f600 \ufffd"]
    assert len(state["message_ids"]) == 1
    again = imported(org, b"\xef\xbb\xbf" + json.dumps(smallest()).encode())
    assert org.http.get(f"/v1/agents/{again}").json()["name"] == "Ada_copy"


@pytest.mark.contract("agents.import.messages")
def test_messages_of_every_role_come_in(org: Org) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "lookup", "arguments": '{"a": 1}'}}
    back = {"tool_call_id": "call_1", "status": "error", "func_response": "lost", "stdout": ["o"], "stderr": None}
    rows = [
        {"id": "message-0", "role": "system", "content": [{"type": "text", "text": "the old prompt"}]},
        {"id": "message-1", "role": "user", "content": [{"type": "text", "text": "hi"}], "created_at": "2025-01-02"},
        {
            "id": "message-2",
            "role": "assistant",
            "content": [{"type": "reasoning", "is_native": True, "reasoning": "hm"}, {"type": "text", "text": "so"}],
            "tool_calls": [call],
        },
        {"id": "message-3", "role": "tool", "content": None, "tool_call_id": "call_1", "tool_returns": [back]},
        {"id": "message-4", "role": "approval", "content": None, "tool_calls": [{**call, "id": "call_2"}]},
        {
            "id": "message-5",
            "role": "approval",
            "approvals": [{"type": "approval", "tool_call_id": "call_2", "approve": False, "reason": "no"}],
            "approval_request_id": "message-4",
        },
        {"id": "message-6", "role": "function", "content": "older", "tool_call_id": "call_2", "name": "lookup"},
        {"id": "message-7", "role": "summary", "content": "before that they talked"},
        {"id": "message-8", "role": "assistant", "content": "bye"},
    ]
    file = smallest(messages=rows, in_context_message_ids=["message-0", "message-7", "message-8"])
    id = imported(org, file)
    listed = of_agent(org, id, order="asc")
    kinds = [each["message_type"] for each in listed]
    assert kinds == [
        *("system_message", "user_message", "reasoning_message", "assistant_message", "tool_call_message"),
        *("tool_return_message", "approval_request_message", "approval_response_message", "tool_return_message"),
        *("user_message", "assistant_message"),
    ]
    assert "the old prompt" not in listed[0]["content"]
    assert listed[1]["date"].startswith("2025-01-02")
    assert (listed[5]["status"], listed[5]["tool_return"], listed[5]["stdout"]) == ("error", "lost", ["o"])
    assert listed[7]["approval_request_id"] == listed[6]["id"]
    context = org.http.get(f"/v1/agents/{id}/context").json()
    assert [each["role"] for each in context["messages"]] == ["system", "summary", "assistant"]
    copy = exported(org, id)["agents"][0]
    assert [each["role"] for each in copy["messages"]][:4] == ["system", "user", "assistant", "tool"]
    assert copy["messages"][3]["tool_returns"] == [back]
    assert copy["messages"][5]["approval_request_id"] == "message-4"


@pytest.mark.contract("agents.import.mcp")
def test_servers_travel_without_their_secrets(org: Org) -> None:
    name = org.name("server")
    url = "https://mcp.invalid/mcp"
    config = {"server_url": f"{url}?key=s3cret", "auth_token": "s3cret", "custom_headers": {"X-A": "s3cret"}}
    made = org.http.post("/v1/mcp-servers/", json={"server_name": name, "config": config})
    mark = {"mcp": {"server_name": name, "server_id": "mcp_server-0", "tool_name": "Look Up"}}
    tool: Json = {
        "id": "tool-0",
        "name": "look_up",
        "tool_type": "external_mcp",
        "json_schema": {"name": "look_up", "description": "Look.", "parameters": {"type": "object", "properties": {}}},
        "metadata_": mark,
    }
    server = {"id": "mcp_server-0", "server_type": "streamable_http", "server_name": name, "server_url": url}
    file = {**smallest(tool_ids=["tool-0"]), "tools": [tool], "mcp_servers": [server]}
    id = imported(org, file)
    text = org.http.get(f"/v1/agents/{id}/export").text
    assert "s3cret" not in text
    copy = json.loads(text)
    assert copy["mcp_servers"] == [{**server, "stdio_config": None, "metadata_": None}]
    [row] = copy["tools"]
    assert (row["metadata_"], row["json_schema"]["description"]) == (mark, "Look.")
    [there] = org.http.get(f"/v1/agents/{id}").json()["tools"]
    assert there["metadata_"]["mcp"]["server_id"] == made.json()["id"]
    assert org.http.get(f"/v1/agents/{imported(org, copy)}").json()["tools"] == [there]
    assert "register" in refused(org, {**file, "tools": [{**tool, "name": "other", "metadata_": None}]})


@pytest.mark.contract("agents.import.shared")
def test_agents_of_one_file_share_what_they_shared(org: Org) -> None:
    block = {"id": "block-0", "label": "human", "value": "ours"}
    pair = [{"id": f"agent-{number}", "block_ids": ["block-0"]} for number in (0, 1)]
    answer = sent(org, {"agents": pair, "blocks": [block]})
    first, second = (org.http.get(f"/v1/agents/{id}").json() for id in answer.json()["agent_ids"])
    assert first["blocks"] == second["blocks"]
    assert first["name"] != second["name"]


@pytest.mark.contract("agents.export")
def test_a_file_of_nobody_is_not_found(org: Org) -> None:
    agent(org, "hello")
    missing = org.http.get("/v1/agents/agent-123e4567-e89b-42d3-8456-426614174000/export")
    assert missing.status_code == 404
