"""Many clients that write at once, and the proof that nothing which they were told is done got lost."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.harness import clients
from tests.harness.models import MODEL
from tests.harness.server import Server

SHARED = "shared"
TURN_EVERY = 8


@dataclass
class Storm:
    """What the clients share, and what was acknowledged to them."""

    server: Server
    agents: list[str]
    requests: int = 0
    faults: list[str] = field(default_factory=list[str])
    clients: list["Client"] = field(default_factory=list["Client"])
    is_over: threading.Event = field(default_factory=threading.Event)
    seconds: float = 0.0

    @property
    def summary(self) -> str:
        turns = sum(len(client.said) for client in self.clients)
        count = f"{len(self.clients)} clients, {self.requests} requests ({turns} turns)"
        return f"{count} in {self.seconds:.1f} s: {self.requests / self.seconds:.0f}/s"


class Client:
    """Writes to blocks of its own, one of them at an agent that others write to as well, makes agents, and talks."""

    def __init__(self, storm: Storm, number: int) -> None:
        self.storm = storm
        self.http = clients.raw(storm.server.url, timeout=60)
        self.number = number
        self.agent = storm.agents[number % len(storm.agents)]
        self.label = f"notes-{number}"
        self.values: dict[str, str] = {}
        self.made: list[str] = []
        self.said: list[str] = []

    def prepare(self) -> None:
        block = self._send("POST", "/v1/blocks/", {"label": self.label, "value": ""})
        attached = self._send("POST", "/v1/blocks/", {"label": self.label, "value": ""})
        self._send("PATCH", f"/v1/agents/{self.agent}/core-memory/blocks/attach/{attached['id']}", None)
        self.paths = [f"/v1/blocks/{block['id']}", f"/v1/agents/{self.agent}/core-memory/blocks/{self.label}"]
        self.values = dict.fromkeys(self.paths, "")

    def work(self) -> None:
        for round in range(10**9):
            if self.storm.is_over.is_set():
                return
            for path in self.paths:
                value = f"{self.values[path]}{round};"
                if self._send("PATCH", path, {"value": value}) is not None:
                    self.values[path] = value
            made = self._send("POST", "/v1/agents/", {"name": f"made-{self.number}-{round}", "model": MODEL})
            if made is not None:
                self.made.append(made["id"])
            if round % TURN_EVERY == self.number % TURN_EVERY:
                self._talk(f"message {round} of client {self.number}")

    def _talk(self, text: str) -> None:
        body = {"messages": [{"role": "user", "content": text}]}
        if self._send("POST", f"/v1/agents/{self.agent}/messages", body) is not None:
            self.said.append(text)

    def _send(self, method: str, path: str, body: Any) -> Any:
        """The answer; None when it was not one."""
        self.storm.requests += 1
        try:
            answer = self.http.request(method, path, json=body)
        except httpx.TransportError as lost:
            self.storm.faults.append(f"{method} {path}: {lost!r}")
            return None
        if answer.status_code != 200:
            self.storm.faults.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
            return None
        return answer.json()

    def check(self) -> None:
        """After a crash a write may be there that was not acknowledged; none that was may be missing."""
        for path, value in self.values.items():
            found: str = self.http.get(path).raise_for_status().json()["value"]
            assert found.startswith(value), path
        said = set(_said(self.http, self.agent))
        assert said >= set(self.said), self.agent


def begin(server: Server, clients: int) -> Storm:
    bodies = ({"name": f"shared-{number}", "model": MODEL} for number in range(max(1, clients // 5)))
    agents = [server.http.post("/v1/agents/", json=body).raise_for_status().json()["id"] for body in bodies]
    storm = Storm(server, agents)
    storm.clients = [Client(storm, number) for number in range(clients)]
    for client in storm.clients:
        client.prepare()
    return storm


def rage(storm: Storm, seconds: float) -> None:
    """Let all of them work that long."""
    threads = [threading.Thread(target=client.work, daemon=True) for client in storm.clients]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    storm.is_over.wait(seconds)
    storm.is_over.set()
    for thread in threads:
        thread.join(120)
    storm.seconds = time.monotonic() - started


def check(storm: Storm) -> None:
    for client in storm.clients:
        assert client.made
        client.check()
    made = {id for client in storm.clients for id in client.made}
    assert made <= set(_agents(storm.server.http))


def _agents(http: httpx.Client) -> Iterator[str]:
    """The ids of all agents, page by page."""
    query: dict[str, Any] = {"limit": 500}
    while page := http.get("/v1/agents/", params=query).raise_for_status().json():
        yield from (agent["id"] for agent in page)
        query["after"] = page[-1]["id"]


def _said(http: httpx.Client, agent: str) -> Iterator[str]:
    """What users said to an agent, page by page."""
    query: dict[str, Any] = {"limit": 200, "order": "asc"}
    while page := http.get(f"/v1/agents/{agent}/messages", params=query).raise_for_status().json():
        yield from (message["content"] for message in page if message["message_type"] == "user_message")
        query["after"] = page[-1]["id"]
