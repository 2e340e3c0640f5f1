"""What clients do most: each operation is a function that does it once."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx

LISTED = 100

Operation = Callable[[], object]


@dataclass(frozen=True)
class Workload:
    """One client of one server, with the agents that its operations use."""

    http: httpx.Client
    model: str
    agent: str

    def operations(self) -> dict[str, tuple[Operation, int]]:
        """By name: what to do, and how often in a round."""
        return {
            "agent create": (self.create, 60),
            "agent retrieve": (self.retrieve, 300),
            f"agent list of {LISTED}": (self.list, 20),
            "block update": (self.update_block, 200),
            "turn": (self.turn, 60),
            "streamed turn": (self.stream, 60),
        }

    def create(self) -> None:
        create_agent(self.http, self.model)

    def retrieve(self) -> None:
        self.http.get(f"/v1/agents/{self.agent}").raise_for_status()

    def list(self) -> None:
        listed = self.http.get("/v1/agents/", params={"limit": LISTED}).raise_for_status()
        assert len(listed.json()) == LISTED

    def update_block(self) -> None:
        path = f"/v1/agents/{self.agent}/core-memory/blocks/human"
        self.http.patch(path, json={"value": f"Likes the number {next(_numbers)}."}).raise_for_status()

    def turn(self) -> None:
        answer = self.http.post(f"/v1/agents/{self.agent}/messages", json=_message()).raise_for_status()
        assert any(message["message_type"] == "assistant_message" for message in answer.json()["messages"])

    def stream(self) -> None:
        body = {**_message(), "stream_tokens": True}
        with self.http.stream("POST", f"/v1/agents/{self.agent}/messages/stream", json=body) as answer:
            assert answer.read().rstrip().endswith(b"[DONE]")


def prepare(http: httpx.Client, model: str) -> Workload:
    agents = [create_agent(http, model) for _ in range(LISTED)]
    return Workload(http, model, agents[0])


def create_agent(http: httpx.Client, model: str) -> str:
    blocks = [{"label": "human", "value": "Ada."}, {"label": "persona", "value": "A plain assistant."}]
    body: dict[str, Any] = {"name": f"bench-{next(_numbers)}", "model": model, "memory_blocks": blocks}
    return http.post("/v1/agents/", json=body).raise_for_status().json()["id"]


def _message() -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"Number {next(_numbers)}?"}]}


_numbers = count(1)
