"""What an agent has done: its tool calls with what they returned, and what its model calls cost."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from .http import Connection

MOST_MESSAGES = 200
MOST_STEPS = 100
COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def tool_calls(server: Connection, agent: str) -> list[dict[str, Any]]:
    """The newest first; a call without a return is one that still runs, waits for approval, or was cut off."""
    path = f"/v1/agents/{quote(agent, safe='')}/messages"
    messages = server.get(path, limit=MOST_MESSAGES, order="desc")
    returns = {each["tool_call_id"]: each for message in messages for each in _returns(message)}
    return [
        _call(message, call, returns.get(call["tool_call_id"], {})) for message in messages for call in _calls(message)
    ]


def usage(server: Connection, agent: str) -> list[dict[str, Any]]:
    """The newest model calls, the newest first."""
    steps = server.get("/v1/steps/", agent_id=agent, limit=MOST_STEPS, order="desc")
    return [
        {
            "id": step["id"],
            "model": step.get("model_handle") or step.get("model") or "",
            "status": step.get("status") or "",
            **{name: step.get(name) or 0 for name in COUNTS},
        }
        for step in steps
    ]


def _calls(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    if message["message_type"] not in ("tool_call_message", "approval_request_message"):
        return []
    return message.get("tool_calls") or [message["tool_call"]]


def _returns(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    if message["message_type"] != "tool_return_message":
        return []
    return message.get("tool_returns") or [dict(message)]


def _call(message: Mapping[str, Any], call: Mapping[str, Any], returned: Mapping[str, Any]) -> dict[str, Any]:
    printed = [*(returned.get("stdout") or ()), *(returned.get("stderr") or ())]
    return {
        "id": call["tool_call_id"],
        "name": call["name"],
        "arguments": call["arguments"],
        "returned": str(returned.get("tool_return") or ""),
        "printed": "\n".join(map(str, printed)),
        "status": returned.get("status") or "no return",
        "called_at": message["date"],
    }
