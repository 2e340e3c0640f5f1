"""
title: Letta memory
description: Gives every model a memory of each user, by the memory service on port 8888.
version: 1.0.0
requirements: requests
"""

import asyncio
from typing import Any, cast

import requests
from pydantic import BaseModel, Field

HEADING = "What is remembered of this user, and may matter now:"


class Filter:
    """Shows the model what fits a message, and keeps what was said."""

    class Valves(BaseModel):
        url: str = Field(default="http://127.0.0.1:8888", description="Where the memory service is.")
        key: str = Field(default="", description="Its password or an API key, if it has one.")
        limit: int = Field(default=3, description="How many memories are shown at most.")
        threshold: float = Field(default=0.4, description="How near a memory must be, from 0 to 1.")
        seconds: float = Field(default=10, description="How long the service may take; the chat goes on without it.")

    def __init__(self) -> None:
        self.valves = self.Valves()

    async def inlet(
        self, body: dict[str, Any], __user__: dict[str, Any] | None = None, __task__: str | None = None
    ) -> dict[str, Any]:
        """Before the model: memories are put in front of the conversation."""
        said = text_of(last(body, "user"))
        if __task__ or not said:
            return body
        asked = {"query": said, "limit": self.valves.limit, "user_id": user_of(__user__)}
        told = await asyncio.to_thread(self._ask, "/memory/search", asked)
        near = [each["text"] for each in told.get("results", []) if each["score"] >= self.valves.threshold]
        if near:
            shown = "\n".join([HEADING, *(f"- {text}" for text in near)])
            body["messages"] = [{"role": "system", "content": shown}, *body["messages"]]
        return body

    async def outlet(self, body: dict[str, Any], __user__: dict[str, Any] | None = None) -> dict[str, Any]:
        """After the model: the exchange is remembered."""
        said, answered = text_of(last(body, "user")), text_of(last(body, "assistant"))
        if said and answered:
            told = {"message": said, "response": answered, "user_id": user_of(__user__)}
            await asyncio.to_thread(self._ask, "/webhook/log", told)
        return body

    def _ask(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        """What the service says; nothing when it does not, for a chat does not depend on it."""
        headers = {"Authorization": f"Bearer {self.valves.key}"} if self.valves.key else {}
        try:
            answer = requests.post(self.valves.url + path, json=asked, headers=headers, timeout=self.valves.seconds)
            answer.raise_for_status()
            return answer.json()
        except (requests.RequestException, ValueError) as failed:
            print(f"The memory service at {self.valves.url} was of no help: {failed}")
            return {}


def user_of(user: dict[str, Any] | None) -> str:
    return str((user or {}).get("id") or "openwebui")


def last(body: dict[str, Any], role: str) -> Any:
    return next((each.get("content") for each in reversed(body["messages"]) if each.get("role") == role), "")


def text_of(content: Any) -> str:
    """The text of a message, without its pictures."""
    parts = cast("list[Any]", content) if isinstance(content, list) else [{"text": content or ""}]
    return "\n".join(part["text"] for part in parts if part.get("text"))
