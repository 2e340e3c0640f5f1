"""Agents with something said, and what lists say of it."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from tests.harness.tenants import Org

Json = dict[str, Any]


def agent(org: Org, *said: str | Json, **fields: Any) -> str:
    """The id of an agent whose history is given: texts alternate between user and assistant, dicts are as they are."""
    roles = ("user", "assistant")
    sequence = [
        {"role": roles[number % 2], "content": each} if isinstance(each, str) else each
        for number, each in enumerate(said)
    ]
    body = {"initial_message_sequence": sequence, "include_base_tools": False, **fields}
    made = org.http.post("/v1/agents/", json=body)
    assert made.status_code == 200, made.text
    return made.json()["id"]


def messages(org: Org, path: str, **query: Any) -> list[Json]:
    """What a list of messages answers with."""
    answer = org.http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def of_agent(org: Org, agent_id: str, **query: Any) -> list[Json]:
    return messages(org, f"/v1/agents/{agent_id}/messages", **query)


def texts(listed: Sequence[Json]) -> list[str]:
    """What was said, without the compiled prompt."""
    return [
        message["content"] for message in listed if message["message_type"] in ("user_message", "assistant_message")
    ]


def say(org: Org, path: str, text: str, **fields: Any) -> Json:
    """Send a message and wait for the answer; `path` is the agent's or the conversation's."""
    body = {"messages": [{"role": "user", "content": text}], "streaming": False, **fields}
    answer = org.http.post(f"/v1/{path}/messages", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def missing(prefix: str) -> str:
    """An id that nothing has."""
    return f"{prefix}-{uuid4()}"
