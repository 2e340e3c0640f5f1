"""Agents whose calls wait for an answer, and the answers."""

from typing import Any

import httpx

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import agent, say

Json = dict[str, Any]
NOTES: Json = {"memory_blocks": [{"label": "notes", "value": ""}], "tools": ["memory_insert", "conversation_search"]}
ASKS = {"type": "requires_approval", "tool_name": "memory_insert"}
PARALLEL = {"parallel_tool_calls": True}


def insert(text: str = "Likes tea.") -> tuple[str, Json]:
    return "memory_insert", {"label": "notes", "new_string": text}


SEARCH = ("conversation_search", {"query": "tea"})


def careful(org: Org, **fields: Any) -> str:
    """An agent that must ask before it writes."""
    return agent(org, **{**NOTES, "tool_rules": [ASKS], **fields})


def notes(org: Org, owner: str) -> str:
    return org.http.get(f"/v1/agents/{owner}/core-memory/blocks/notes").json()["value"]


def pending(org: Org, models: OpenAIServer, owner: str, *calls: tuple[str, Json], **fields: Any) -> list[Json]:
    """The calls that wait after a turn in which the model made these."""
    models.queue(Reply(calls=calls or (insert(),)))
    answer = say(org, f"agents/{owner}", "I like tea", **fields)
    assert answer["stop_reason"]["stop_reason"] == "requires_approval", answer
    return answer["messages"][-1]["tool_calls"]


def decided(call: Json, approve: bool = True, reason: str | None = None) -> Json:
    return {"type": "approval", "tool_call_id": call["tool_call_id"], "approve": approve, "reason": reason}


def result(call: Json, text: Any = "sunny", status: str = "success") -> Json:
    return {"type": "tool", "tool_call_id": call["tool_call_id"], "tool_return": text, "status": status}


def send(org: Org, path: str, *items: Json, **fields: Any) -> httpx.Response:
    """Send items as they are; a list of decisions is one item."""
    return org.http.post(f"/v1/{path}/messages", json={"messages": list(items), "streaming": False, **fields})


def answer(org: Org, path: str, *decisions: Json, **fields: Any) -> Json:
    """Answer what waits, and wait for the turn."""
    got = send(org, path, {"type": "approval", "approvals": list(decisions)}, **fields)
    assert got.status_code == 200, got.text
    return got.json()


def waiting_of(org: Org, owner: str) -> Json | None:
    """What an agent says it waits for."""
    got = org.http.get(f"/v1/agents/{owner}", params={"include": "agent.pending_approval"})
    return got.json()["pending_approval"]
