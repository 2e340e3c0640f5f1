"""`Letta`: agents, messages and health, under the names that programs expect."""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Literal, Self, overload
from urllib.parse import quote

from letta.answers import Listed, Thing, Turn, message, was_said
from letta.exceptions import APIError
from letta.wire import Wire

SECONDS = 300.0
"""A model may take its time."""


class Letta:
    """A client of the server at `base_url`; `token` is an API key or the server's password."""

    def __init__(self, base_url: str | None = None, token: str | None = None, timeout: float = SECONDS) -> None:
        self._wire = Wire(base_url, token, timeout)
        self.messages = Messages(self._wire)
        self.agents = Agents(self._wire, self.messages)
        self.health = Health(self._wire)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._wire.close()


class Agents:
    """Agents: made, found and removed."""

    def __init__(self, wire: Wire, messages: "Messages") -> None:
        self._wire = wire
        self.messages = messages

    def list(self, name: str | None = None, limit: int | None = None) -> Listed:
        """The agents with a name, or all."""
        query = {key: value for key, value in (("name", name), ("limit", limit)) if value is not None}
        return Listed([Thing(agent) for agent in self._wire.ask("GET", "/v1/agents/", query=query)])

    def create(
        self,
        name: str | None = None,
        persona: str | None = None,
        human: str | None = None,
        model: str | None = None,
        embedding_model: str | None = None,
        **more: Any,
    ) -> Thing:
        """A new agent; `more` are further fields of the server's API."""
        chosen = {"name": name, "persona": persona, "human": human, "model": model, "embedding_model": embedding_model}
        body = {key: value for key, value in {**chosen, **more}.items() if value is not None}
        return Thing(self._wire.ask("POST", "/v1/agents/", body))

    def get(self, agent_id: str) -> Thing:
        return Thing(self._wire.ask("GET", agent_path(agent_id)))

    def delete(self, agent_id: str) -> None:
        self._wire.ask("DELETE", agent_path(agent_id))


class Messages:
    """What is said to agents and by them."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @overload
    def create(self, agent_id: str, content: str, role: str = "user", stream: Literal[False] = False) -> Turn: ...
    @overload
    def create(self, agent_id: str, content: str, role: str = "user", *, stream: Literal[True]) -> Iterator[Thing]: ...
    def create(self, agent_id: str, content: str, role: str = "user", stream: bool = False) -> Turn | Iterator[Thing]:
        """Say something, and have the answer; with `stream`, message by message as they are made."""
        body: dict[str, Any] = {"messages": [{"role": role, "content": content}]}
        path = f"{agent_path(agent_id)}/messages"
        if stream:
            return self._streamed(f"{path}/stream", body)
        answer = self._wire.ask("POST", path, body)
        return Turn([message(each) for each in answer["messages"]])

    def list(self, agent_id: str, limit: int = 100) -> Listed:
        """The newest of what was said, oldest first."""
        query: dict[str, Any] = {"limit": limit, "order": "desc"}
        sent = [message(each) for each in self._wire.ask("GET", f"{agent_path(agent_id)}/messages", query=query)]
        return Listed([each for each in reversed(sent) if was_said(each)])

    def _streamed(self, path: str, body: Any) -> Iterator[Thing]:
        for event in self._wire.events(path, body):
            if event.get("message_type") == "error_message":
                raise APIError(str(event.get("message") or event), 500)
            if "message_type" in event:
                yield message(event)


class Health:
    """Whether the server is there."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def check(self) -> Thing:
        return Thing(self._wire.ask("GET", "/v1/health/"))


def agent_path(agent_id: str) -> str:
    """Ids come from anywhere; one that is empty or none must not become another address."""
    return f"/v1/agents/{quote(agent_id, safe='') or '-'}"
