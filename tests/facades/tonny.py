"""A voice assistant as it calls `/api/agents`, over plain HTTP."""

import json
from typing import Any

import httpx

from tests.harness.tenants import Org

Json = dict[str, Any]

TONNY: Json = {
    "persona": "You are Tonny, a helpful voice assistant. You respond concisely and naturally to voice commands.",
    "human": "The user is speaking to you via voice transcription.",
    "llm_config": {"model": "gpt-4.1", "context_window": 8000},
    "embedding_config": {"model": "text-embedding-3-small"},
}
WEATHER: Json = {
    "name": "get_weather",
    "description": "Get current weather for a location",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "City name"}},
        "required": ["location"],
    },
}


def made(org: Org, **fields: Any) -> Json:
    answer = org.http.post("/api/agents", json={"name": org.name("tonny"), **TONNY, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def agent(org: Org, **fields: Any) -> str:
    return made(org, **fields)["id"]


def say(org: Org, agent_id: str, message: str, session: str | None = None, **fields: Any) -> Json:
    body = {"message": message, "session_id": session, **fields}
    return sent(org, agent_id, {name: value for name, value in body.items() if value is not None})


def sent(org: Org, agent_id: str, body: Json) -> Json:
    answer = org.http.post(f"/api/agents/{agent_id}/messages", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def heard(answer: Json) -> str:
    """What the assistant speaks: the text of the last message of the role `assistant`."""
    return [message["content"] for message in answer["messages"] if message["role"] == "assistant"][-1]


def told(org: Org, agent_id: str, session: str) -> list[tuple[str, str]]:
    """Role and text of what is kept of a session."""
    answer = org.http.get(f"/api/agents/{agent_id}/sessions/{session}")
    assert answer.status_code == 200, answer.text
    return [(message["role"], message["content"]) for message in answer.json()["messages"]]


def events(response: httpx.Response) -> list[Json]:
    """The events of a stream, which ends as such streams do."""
    *frames, last, nothing = response.text.split("\n\n")
    assert (last, nothing) == ("data: [DONE]", "")
    return [json.loads(frame.removeprefix("data: ")) for frame in frames if not frame.startswith(":")]
