"""Background runs as a client starts them and reads on."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from tests.harness.tenants import Org
from tests.harness.waiting import until
from tests.messages.talking import Json
from tests.turns.listening import Event, events, streaming


@contextmanager
def background(org: Org, path: str, text: str, **body: Any) -> Generator[Iterator[Event]]:
    with streaming(org, path, text, background=True, **body) as found:
        yield found


def started(org: Org, path: str, text: str, **body: Any) -> str:
    """The id of a background run whose client has hung up at once."""
    with background(org, path, text, **body) as found:
        return next(found).json["run_id"]


@contextmanager
def reading(org: Org, run_id: str, after: int = 0, **body: Any) -> Generator[Iterator[Event]]:
    sent = {"starting_after": after, "include_pings": False, **body}
    with org.http.stream("POST", f"/v1/runs/{run_id}/stream", json=sent) as answer:
        assert answer.status_code == 200, answer.read()
        yield events(answer)


def read(org: Org, run_id: str, after: int = 0, **body: Any) -> list[Event]:
    """Everything from a number on, to the end."""
    with reading(org, run_id, after, **body) as found:
        return list(found)


def said(found: list[Event]) -> list[str]:
    """The texts of assistant messages, without what a restarted step has made void."""
    texts: dict[str, str] = {}
    for event in found:
        if event.name == "step_restarted":
            for void in event.json["message_ids"]:
                texts.pop(void, None)
        elif event.kind == "assistant_message":
            texts[event.json["id"]] = texts.get(event.json["id"], "") + event.json["content"]
    return list(texts.values())


def run_of(org: Org, run_id: str) -> Json:
    found = org.http.get(f"/v1/runs/{run_id}")
    assert found.status_code == 200, found.text
    return found.json()


def over(org: Org, run_id: str, seconds: float = 60) -> Json:
    """The run, once it is over."""
    try:
        until(lambda: run_of(org, run_id)["status"] not in ("created", "running"), f"the end of {run_id}", seconds)
    except TimeoutError as late:
        late.add_note(f"The run: {run_of(org, run_id)}")
        late.add_note(f"Its steps: {org.http.get(f'/v1/runs/{run_id}/steps').text}")
        raise
    return run_of(org, run_id)
