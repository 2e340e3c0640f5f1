"""What clients do most: each operation is a function that does it once."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count, cycle
from typing import Any

import httpx

LISTED = 100
CROWD = 16
LONG = 200
"""How many turns a long thread holds before it is measured."""

TOOL = "bench_add"
ARGUMENTS = '{"a": 1, "b": 2}'
SOURCE = f'''
def {TOOL}(a: int, b: int) -> int:
    """Add two numbers.

    Args:
        a: One.
        b: The other.
    """
    return a + b
'''

Operation = Callable[[], object]


@dataclass(frozen=True)
class Workload:
    """One client of one server, with the agents that its operations use: short threads in turn, and a long one."""

    http: httpx.Client
    model: str
    short: Iterator[str]
    long: str
    handy: Sequence[str]
    """Agents that have a custom tool."""
    crowd: Executor

    def operations(self) -> dict[str, tuple[Operation, int]]:
        """By name: what to do, and how often in a round."""
        return {
            "agent create": (self.create, 60),
            "agent retrieve": (self.retrieve, 300),
            f"agent list of {LISTED}": (self.list, 20),
            "block update": (self.update_block, 200),
            "turn": (self.turn, 60),
            "streamed turn": (self.stream, 60),
            f"turn after {LONG}": (self.turn_of_long_thread, 30),
            "turn with a built-in tool": (self.turn_with_builtin, 60),
            "turn with a custom tool": (self.turn_with_custom, 40),
            f"{CROWD} turns with custom": (self.crowd_with_custom, 5),
        }

    def create(self) -> None:
        create_agent(self.http, self.model)

    def retrieve(self) -> None:
        self.http.get(f"/v1/agents/{next(self.short)}").raise_for_status()

    def list(self) -> None:
        listed = self.http.get("/v1/agents/", params={"limit": LISTED}).raise_for_status()
        assert len(listed.json()) == LISTED

    def update_block(self) -> None:
        path = f"/v1/agents/{next(self.short)}/core-memory/blocks/human"
        self.http.patch(path, json={"value": f"Likes the number {next(_numbers)}."}).raise_for_status()

    def turn(self) -> None:
        take_turn(self.http, next(self.short))

    def turn_of_long_thread(self) -> None:
        take_turn(self.http, self.long)

    def turn_with_builtin(self) -> None:
        call = f'{{"label": "human", "new_string": "Likes the number {next(_numbers)}."}}'
        take_turn(self.http, next(self.short), f"CALL memory_insert {call}")

    def turn_with_custom(self) -> None:
        take_turn(self.http, self.handy[0], f"CALL {TOOL} {ARGUMENTS}")

    def crowd_with_custom(self) -> None:
        say = [self.crowd.submit(take_turn, self.http, agent, f"CALL {TOOL} {ARGUMENTS}") for agent in self.handy]
        for each in say:
            each.result()

    def stream(self) -> None:
        body = {**_message(), "stream_tokens": True}
        with self.http.stream("POST", f"/v1/agents/{next(self.short)}/messages/stream", json=body) as answer:
            assert answer.read().rstrip().endswith(b"[DONE]")


def prepare(http: httpx.Client, model: str) -> Workload:
    long, *short = [create_agent(http, model) for _ in range(LISTED)]
    for _ in range(LONG):
        take_turn(http, long)
    tool = http.put("/v1/tools/", json={"source_code": SOURCE}).raise_for_status().json()["id"]
    handy = [create_agent(http, model) for _ in range(CROWD)]
    for agent in handy:
        http.patch(f"/v1/agents/{agent}/tools/attach/{tool}").raise_for_status()
    return Workload(http, model, cycle(short), long, handy, ThreadPoolExecutor(CROWD))


def create_agent(http: httpx.Client, model: str) -> str:
    blocks = [{"label": "human", "value": "Ada."}, {"label": "persona", "value": "A plain assistant."}]
    body: dict[str, Any] = {"name": f"bench-{next(_numbers)}", "model": model, "memory_blocks": blocks}
    return http.post("/v1/agents/", json=body).raise_for_status().json()["id"]


def take_turn(http: httpx.Client, agent: str, text: str | None = None) -> None:
    answer = http.post(f"/v1/agents/{agent}/messages", json=_message(text)).raise_for_status()
    assert any(message["message_type"] == "assistant_message" for message in answer.json()["messages"])


def _message(text: str | None = None) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text or f"Number {next(_numbers)}?"}]}


_numbers = count(1)
