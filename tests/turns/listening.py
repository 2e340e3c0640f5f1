"""Streams as a client reads them, and what the scripted model was asked."""

import json
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Queue
from typing import Any

import httpx

from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org

Json = dict[str, Any]
MODERN = {"X-Stainless-Package-Version": "1.12.1"}


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; `name` is what `event:` said."""

    name: str | None
    data: str

    @property
    def json(self) -> Json:
        return json.loads(self.data)

    @property
    def kind(self) -> str:
        return self.data if self.data == "[DONE]" else self.json["message_type"]


def user(text: str) -> Json:
    return {"messages": [{"role": "user", "content": text}]}


@contextmanager
def streaming(org: Org, path: str, text: str, **body: Any) -> Generator[Iterator[Event]]:
    """An open stream, event by event; leaving early is a client that hangs up."""
    sent = {**user(text), "streaming": True, **body}
    with org.http.stream("POST", f"/v1/{path}/messages", json=sent, headers=MODERN) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer)


def events(answer: httpx.Response) -> Iterator[Event]:
    """The events of an answer; comments are left out."""
    name = None
    for line in answer.iter_lines():
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            yield Event(name, line[5:].strip())
            name = None


def streamed(org: Org, path: str, text: str, **body: Any) -> list[Event]:
    """A whole stream."""
    with streaming(org, path, text, **body) as found:
        return list(found)


def kinds(found: list[Event]) -> list[str]:
    """What came, pings left out."""
    return [event.kind for event in found if event.kind != "ping"]


def asked(models: OpenAIServer, number: int = -1) -> list[Json]:
    """The messages of one request to the model."""
    return models.chats[number].body["messages"]


class Later:
    """A request that runs beside the test; `result()` waits for it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._done: Queue[Any] = Queue()
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], Any]) -> None:
        try:
            self._done.put(work())
        except httpx.TransportError as failed:
            self._done.put(failed)

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def result(self, seconds: float = 30) -> Any:
        return self._done.get(timeout=seconds)


def sending(org: Org, path: str, text: str, **body: Any) -> Later:
    """A message that is sent while the test goes on."""
    return Later(lambda: org.http.post(f"/v1/{path}/messages", json={**user(text), "streaming": False, **body}))


def active(org: Org, agent_id: str) -> list[Json]:
    """The runs of an agent that are not over, oldest first."""
    found = org.http.get("/v1/runs/", params={"agent_id": agent_id, "active": True, "order": "asc"})
    assert found.status_code == 200, found.text
    return found.json()
