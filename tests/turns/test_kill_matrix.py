"""The power fails at any wait of a turn that calls a tool; afterwards everything goes on (DESIGN, laws 1 and 2)."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx
import pytest

from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.server import Server
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.messages.talking import Json, agent, of_agent, say, texts
from tests.turns.listening import MODERN, user

HOOK = Path(__file__).parents[1] / "harness" / "killing"
LINE = "Likes tea."
CALL = 'CALL memory_insert {"label": "notes", "new_string": "Likes tea."}'
TYPES = {
    "native": {"tools": ["memory_insert"]},
    "heartbeats": {"agent_type": "memgpt_v2_agent", "tools": ["memory_insert", "send_message"]},
}
MOST_POINTS = 200
FEW = (2, 4, 6)
"""The waits that the default suite tries; the soak tries all."""


@dataclass(frozen=True)
class Scene:
    """A server that has had one turn, and an agent that is about to have the one in which the power fails."""

    server: Server
    org: Org
    agent_id: str
    before: list[str]
    background: bool

    def kill_at(self, point: int) -> bool:
        """Have the turn with a server that dies at that wait; False when it had no such wait."""
        deadly = {"PYTHONPATH": str(HOOK), "KILL_AT": str(point)}
        self.server.process.env = {**self.server.env, **deadly}
        self.server.restart()
        try:
            self._send()
            until(lambda: not self.active() or not self.server.process.running, "the end of the turn or the server")
        except httpx.TransportError:
            self.server.process.wait()
        died = not self.server.process.running
        self.server.process.env = self.server.env
        self.server.restart()
        return died

    def _send(self) -> None:
        body = {**user(CALL), "streaming": self.background, "background": self.background}
        path = f"/v1/agents/{self.agent_id}/messages"
        with self.org.http.stream("POST", path, json=body, headers=MODERN) as answer:
            for _ in answer.iter_bytes():
                pass

    def active(self) -> list[Json]:
        found = self.org.http.get("/v1/runs/", params={"agent_id": self.agent_id, "active": True})
        return found.raise_for_status().json()

    def check(self, models: OpenAIServer) -> None:
        """What was stored is there, nothing happened twice, and the agent answers with a transcript that is whole."""
        until(lambda: not self.active(), "the end of what was left", 12)
        last = self.org.http.get("/v1/runs/", params={"agent_id": self.agent_id, "limit": 1}).json()[0]
        notes = self.org.http.get(f"/v1/agents/{self.agent_id}/core-memory/blocks/notes").json()["value"]
        listed = of_agent(self.org, self.agent_id, order="asc", limit=500)
        assert [m["id"] for m in listed][: len(self.before)] == self.before
        returned = [m for m in listed if m["message_type"] == "tool_return_message"]
        assert notes.count(LINE) == len(returned), "an effect without its record, or twice"
        if self.background:
            assert last["status"] == "completed"
            assert notes.count(LINE) == 1
        said = say(self.org, f"agents/{self.agent_id}", "REPLY still here")["messages"]
        assert "still here" in texts(said)
        assert is_whole(models.chats[-1].body["messages"])


def is_whole(sent: list[Json]) -> bool:
    """Is every call directly followed by its return, and every return preceded by its call?"""
    waiting = set[str]()
    for message in sent:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                return False
            waiting.discard(message["tool_call_id"])
        elif waiting:
            return False
        waiting |= {call["id"] for call in message.get("tool_calls") or ()}
    return not waiting


@pytest.fixture(params=TYPES)
def kind(request: pytest.FixtureRequest) -> str:
    return cast(str, request.param)


@pytest.fixture(params=[False, True], ids=["foreground", "background"])
def scene(request: pytest.FixtureRequest, kind: str, fresh_server: FreshServer, models: OpenAIServer) -> Scene:
    server = fresh_server()
    return scene_on(new_org(server), server, kind, background=cast(bool, request.param))


def scene_on(org: Org, server: Server, kind: str, *, background: bool) -> Scene:
    made = agent(org, memory_blocks=[{"label": "notes", "value": ""}], **TYPES[kind])
    say(org, f"agents/{made}", "REPLY hello")
    before = [m["id"] for m in of_agent(org, made, order="asc", limit=500)]
    return Scene(server, org, made, before, background)


@pytest.mark.contract("turns.kill")
def test_a_few_waits(scene: Scene, models: OpenAIServer, kind: str) -> None:
    for point in FEW[1:2] if kind == "heartbeats" else FEW[::2]:
        fresh = scene_on(scene.org, scene.server, kind, background=scene.background)
        assert fresh.kill_at(point), f"the turn has fewer than {point} waits"
        fresh.check(models)


@pytest.mark.soak
def test_every_wait(scene: Scene, models: OpenAIServer, kind: str) -> None:
    for point in range(1, MOST_POINTS):
        fresh = scene_on(scene.org, scene.server, kind, background=scene.background)
        if not fresh.kill_at(point):
            print(f"{kind}, {'background' if scene.background else 'foreground'}: {point - 1} waits")
            assert point > max(FEW)
            return
        fresh.check(models)
    raise AssertionError("the turn never ended")
