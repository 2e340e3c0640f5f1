"""Where the chat is, an agent's own thread or a conversation of it, and what the server does there."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import quote

from holdfast.cli.client import Client
from holdfast.errors import NotFound

OWN = "default"
"""The agent's own thread, as paths name it."""

LOOKED_THROUGH = 12
"""So many stored messages are read to find the last one that says something."""


@dataclass
class Place:
    """One thread of one agent."""

    client: Client
    agent: dict[str, Any]
    conversation: dict[str, Any] | None = None
    """None for the agent's own thread."""

    @property
    def agent_id(self) -> str:
        return self.agent["id"]

    @property
    def id(self) -> str:
        return self.conversation["id"] if self.conversation else OWN

    @property
    def title(self) -> str:
        if self.conversation is None:
            return "the agent's own thread"
        return self.conversation.get("summary") or f"conversation {self.id}"

    @property
    def model(self) -> str:
        own = self.conversation.get("model") if self.conversation else None
        return own or self.agent.get("model") or "the server's default model"

    @property
    def sending(self) -> str:
        """The path of messages; requests to an agent's own thread wait in line behind others."""
        return f"/v1/conversations/{self.id}/messages" if self.conversation else f"{self._of_agent}/messages/stream"

    @property
    def _of_agent(self) -> str:
        return f"/v1/agents/{self.agent_id}"

    def blocks(self) -> dict[str, dict[str, Any]]:
        """The memory blocks by label; those that the conversation has to itself instead of the agent's."""
        found = self.client.call("GET", f"{self._of_agent}/core-memory/blocks")
        isolated: list[str] = (self.conversation or {}).get("isolated_block_ids") or []
        found += [self.client.call("GET", f"/v1/blocks/{id}") for id in isolated]
        return {block["label"]: block for block in found}

    def values(self) -> dict[str, str]:
        """What the blocks say."""
        return {label: block["value"] for label, block in self.blocks().items()}

    def write_block(self, block: dict[str, Any], value: str) -> None:
        self.client.call("PATCH", f"/v1/blocks/{block['id']}", {"value": value})

    def running(self) -> str | None:
        """The id of the run that this thread is working on, if its events can be read."""
        where = {"agent_id": self.agent_id, "conversation_id": self.id, "active": True, "background": True}
        found = self.client.call("GET", "/v1/runs/", limit=1, order="asc", **where)
        return found[0]["id"] if found else None

    def holds(self, run: dict[str, Any]) -> bool:
        """Is the run one of this thread?"""
        return run.get("agent_id") == self.agent_id and (run.get("conversation_id") or OWN) == self.id

    def cancel(self, run_id: str | None) -> None:
        """Stop one run, or whatever this thread is working on."""
        if run_id is not None:
            self.client.call("POST", f"{self._of_agent}/messages/cancel", {"run_ids": [run_id]})
        else:
            self.client.call("POST", f"/v1/conversations/{self.id}/cancel", agent_id=self.agent_id)

    def set_model(self, handle: str) -> None:
        """Have the agent use another model; a conversation that has a model to itself keeps being apart."""
        if self.conversation and self.conversation.get("model"):
            self.conversation = self.client.call("PATCH", f"/v1/conversations/{self.id}", {"model": handle})
        else:
            self.agent = self.client.call("PATCH", self._of_agent, {"model": handle})

    def messages(self, count: int) -> list[dict[str, Any]]:
        """The newest messages of the thread, oldest first; what was thought and said at once keeps its order."""
        path = f"/v1/conversations/{self.id}/messages"
        found = self.client.call("GET", path, limit=count, order="desc", agent_id=self.agent_id)
        at_once = [list(parts) for _, parts in groupby(found, key=lambda message: message["id"])]
        return [part for parts in reversed(at_once) for part in parts]

    def last_words(self) -> str:
        """What was said last in this thread."""
        found = reversed(self.messages(LOOKED_THROUGH))
        texts = (each.get("content") for each in found if each["message_type"] in ("user_message", "assistant_message"))
        return next((text for text in texts if isinstance(text, str) and text), "")

    def conversations(self, count: int) -> list["Place"]:
        """The agent's threads: its own, then the conversations last used."""
        where = {"agent_id": self.agent_id, "order_by": "last_message_at", "limit": count}
        found = self.client.call("GET", "/v1/conversations/", **where)
        return [Place(self.client, self.agent), *(Place(self.client, self.agent, each) for each in found)]

    def to(self, conversation_id: str) -> "Place":
        """Another thread of the same agent."""
        if conversation_id == OWN:
            return Place(self.client, self.agent)
        found = self.client.call("GET", f"/v1/conversations/{quote(conversation_id, safe='')}")
        if found["agent_id"] != self.agent_id:
            raise NotFound(f"{conversation_id} is no conversation of {self.agent['name']}; /conversations lists those.")
        return Place(self.client, self.agent, found)

    def new(self, summary: str) -> "Place":
        """A further conversation of the same agent."""
        body = {"summary": summary} if summary else {}
        made = self.client.call("POST", "/v1/conversations/", body, agent_id=self.agent_id)
        return Place(self.client, self.agent, made)

    def compact(self) -> dict[str, Any]:
        path = f"/v1/conversations/{self.id}/compact"
        return self.client.call("POST", path, {"agent_id": self.agent_id})

    def reset(self) -> None:
        """Empty what the model sees of the agent's own thread."""
        self.client.call("PATCH", f"{self._of_agent}/reset-messages", {})
