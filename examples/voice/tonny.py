"""A voice assistant: it finds or makes its agent, speaks sentence by sentence, runs a tool of its own, is interrupted.

Instead of a microphone it takes lines from its arguments; it needs nothing but httpx.
"""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import httpx

KEY = os.environ.get("LETTA_API_KEY")
HTTP = httpx.Client(
    base_url=os.environ.get("LETTA_BASE_URL", "http://127.0.0.1:8283"),
    headers={"Authorization": f"Bearer {KEY}"} if KEY else {},
    timeout=60,
)
SESSION = "kitchen"
CONFIG: dict[str, Any] = {
    "name": "tonny-voice-assistant",
    "persona": "You are Tonny, a helpful voice assistant. Keep responses brief: users are speaking, not typing.",
    "human": "The user is speaking to you via voice transcription.",
    "tools": [
        {
            "name": "get_weather",
            "description": "Get current weather for a location",
            "parameters": {
                "type": "object",
                "properties": {"location": {"type": "string", "description": "City name"}},
                "required": ["location"],
            },
        }
    ],
}


def get_weather(location: str) -> str:
    """Get current weather for a location."""
    return f"Weather in {location}: Sunny, 72°F"


def agent_id() -> str:
    """The agent of this name; it is made once."""
    for agent in HTTP.get("/api/agents").raise_for_status().json():
        if agent["name"] == CONFIG["name"]:
            return agent["id"]
    return HTTP.post("/api/agents", json=CONFIG).raise_for_status().json()["id"]


def say(agent: str, **body: Any) -> Iterator[dict[str, Any]]:
    """The events of an answer."""
    sent = {"session_id": SESSION, "sentences": True, **body}
    with HTTP.stream("POST", f"/api/agents/{agent}/messages/stream", json=sent) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                yield json.loads(line[6:])


def speak(agent: str, **body: Any) -> None:
    """Speak an answer as it comes, and run the tools that it asks for."""
    for event in say(agent, **body):
        if event["type"] == "sentence":
            print(f"Tonny: {event['content']}", flush=True)
        elif event["type"] == "error":
            print(f"error: {event['detail']}", file=sys.stderr)
        elif event["type"] == "done" and event["tool_calls"]:
            results = [
                {"tool_call_id": call["id"], "content": get_weather(**call["arguments"])}
                for call in event["tool_calls"]
            ]
            speak(agent, tool_results=results)


def main() -> None:
    agent = agent_id()
    for line in sys.argv[1:] or ["My name is Ada. Please remember that."]:
        print(f"you: {line}")
        speak(agent, message=line)
    session = f"/api/agents/{agent}/sessions/{SESSION}"
    cut = HTTP.post(f"{session}/cancel", json={"spoken": ""}).raise_for_status().json()
    last = HTTP.get(session).raise_for_status().json()["messages"][-1]
    print(f"interrupted: {last.get('interrupted', False)}, kept: {cut['kept']!r}")


if __name__ == "__main__":
    main()
