"""
title: Letta
description: A model that remembers each user, by the memory service on port 8888.
version: 1.0.0
requirements: requests
"""

import asyncio
from typing import Any, cast

import requests
from pydantic import BaseModel, Field


class Pipe:
    """Appears among Open WebUI's models; each user talks to an agent of their own."""

    class Valves(BaseModel):
        url: str = Field(default="http://127.0.0.1:8888", description="Where the memory service is.")
        key: str = Field(default="", description="Its password or an API key, if it has one.")
        seconds: float = Field(default=300, description="How long the model may take for an answer.")

    def __init__(self) -> None:
        self.valves = self.Valves()

    async def pipe(
        self, body: dict[str, Any], __user__: dict[str, Any] | None = None, __task__: str | None = None
    ) -> str:
        """The answer to the last message; titles and tags are not worth a memory, and get none."""
        if __task__:
            return ""
        asked = {"message": last_said(body), "user_id": user_of(__user__), "include_memory_search": True}
        try:
            return await asyncio.to_thread(self._answer, asked)
        except (requests.RequestException, ValueError, KeyError) as failed:
            return f"The memory service at {self.valves.url} did not answer: {failed}"

    def _answer(self, asked: dict[str, Any]) -> str:
        headers = {"Authorization": f"Bearer {self.valves.key}"} if self.valves.key else {}
        answer = requests.post(f"{self.valves.url}/chat", json=asked, headers=headers, timeout=self.valves.seconds)
        told = answer.json()
        return told["message"] if answer.ok else str(told["detail"])


def user_of(user: dict[str, Any] | None) -> str:
    return str((user or {}).get("id") or "openwebui")


def last_said(body: dict[str, Any]) -> str:
    """The last message of the user, without its pictures."""
    content = next((each["content"] for each in reversed(body["messages"]) if each["role"] == "user"), "")
    parts = cast("list[Any]", content) if isinstance(content, list) else [{"text": content}]
    return "\n".join(part["text"] for part in parts if part.get("text"))
