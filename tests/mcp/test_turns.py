"""Agents that use tools of MCP servers in their turns."""

from typing import Any

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.mcp.conftest import Client


def agent_with(client: Client, tool: dict[str, Any], **secrets: str) -> str:
    made = client.http.post("/v1/agents/", json={"tool_ids": [tool["id"]], "secrets": secrets})
    assert made.status_code == 200, made.text
    return made.json()["id"]


def returned(client: Client, agent: str, models: OpenAIServer, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a turn's only tool call came to."""
    models.say(Reply.call(tool, **arguments), Reply("done"))
    said = {"messages": [{"role": "user", "content": "go"}]}
    answer = client.http.post(f"/v1/agents/{agent}/messages", json=said, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.json()["stop_reason"]["stop_reason"] == "end_turn", answer.text
    return next(each for each in answer.json()["messages"] if each["message_type"] == "tool_return_message")
