"""Minutes of turns with the power cut again and again: nothing acknowledged is lost, every agent still answers."""

import os
import threading
import time
from dataclasses import dataclass, field

import httpx
import pytest

from tests.harness.fleet import FreshServer
from tests.harness.models import MODEL
from tests.harness.server import Server

SECONDS = float(os.environ.get("HOLDFAST_SOAK_SECONDS", "120"))
CUT_EVERY = 8.0
AGENTS = 4


@dataclass
class Talker:
    """Talks to one agent until told to stop, and remembers what was acknowledged."""

    server: Server
    agent: str
    acknowledged: list[str] = field(default_factory=list[str])

    def talk(self, stop: threading.Event) -> None:
        with httpx.Client(base_url=self.server.url, timeout=20, trust_env=False) as http:
            number = 0
            while not stop.is_set():
                number += 1
                if not self._say(http, f"turn {number} of {self.agent}"):
                    stop.wait(0.2)

    def _say(self, http: httpx.Client, text: str) -> bool:
        try:
            answer = http.post(
                f"/v1/agents/{self.agent}/messages", json={"messages": [{"role": "user", "content": text}]}
            )
        except httpx.TransportError:
            return False
        if answer.status_code == 200:
            self.acknowledged.append(text)
        return answer.status_code == 200


@pytest.mark.soak
def test_power_cuts(fresh_server: FreshServer) -> None:
    server = fresh_server()
    talkers = [Talker(server, _agent(server, number)) for number in range(AGENTS)]
    stop = threading.Event()
    threads = [threading.Thread(target=talker.talk, args=(stop,), daemon=True) for talker in talkers]
    for thread in threads:
        thread.start()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        stop.wait(CUT_EVERY)
        server.kill9()
        server.start()
    stop.set()
    for thread in threads:
        thread.join(30)
    for talker in talkers:
        _check(server, talker)


def _check(server: Server, talker: Talker) -> None:
    assert talker.acknowledged
    missing = set(talker.acknowledged) - _said(server, talker.agent)
    assert not missing, f"{len(missing)} acknowledged messages are gone, such as {min(missing)!r}"
    body = {"messages": [{"role": "user", "content": "REPLY still here"}]}
    answer = server.http.post(f"/v1/agents/{talker.agent}/messages", json=body, timeout=90)
    assert "still here" in answer.text


def _said(server: Server, agent: str) -> set[str]:
    """What the user said, over all pages of the history."""
    said: set[str] = set()
    after = None
    while True:
        query = {"limit": 200, "order": "asc", **({"after": after} if after else {})}
        page = server.http.get(f"/v1/agents/{agent}/messages", params=query).raise_for_status().json()
        said |= {message["content"] for message in page if message["message_type"] == "user_message"}
        if not page or page[-1]["id"] == after:
            return said
        after = page[-1]["id"]


def _agent(server: Server, number: int) -> str:
    body = {"name": f"soak-{number}", "model": MODEL}
    return server.http.post("/v1/agents/", json=body).raise_for_status().json()["id"]
