"""A server that is asked to stop with turns of every mode at work (DESIGN §10)."""

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.server import Server
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.messages.talking import Json, agent, of_agent, say, texts
from tests.turns.backgrounds import over, read, said
from tests.turns.listening import MODERN, Event, Later, active, asked, kinds, streamed, user
from tests.turns.test_tool_calls import INSERT, NOTES

FIRST, LAST = "I write it down.", "Done."
PATIENCE_S = 20

SENT: Mapping[str, tuple[str, Json]] = {
    "json": ("messages", {"streaming": False}),
    "steps": ("messages", {"streaming": True}),
    "tokens": ("messages", {"streaming": True, "stream_tokens": True}),
    "background steps": ("messages", {"streaming": True, "background": True}),
    "background tokens": ("messages", {"streaming": True, "stream_tokens": True, "background": True}),
    "async": ("messages/async", {}),
}
FOREGROUND = ("json", "steps", "tokens")


@dataclass(frozen=True, slots=True)
class AtWork:
    """A turn that has stored its first step, and waits for the model."""

    owner: str
    run: str
    told: Later


@contextmanager
def _at_work(org: Org, models: OpenAIServer) -> Generator[tuple[Mapping[str, AtWork], Callable[[], None]]]:
    """One turn of each mode; and what makes the model go on."""
    goes_on = threading.Event()
    found: dict[str, AtWork] = {}
    for mode in SENT:
        models.queue(Reply(FIRST, calls=(INSERT,)), Reply(LAST, waits=goes_on))
        owner, before = agent(org, **NOTES), len(models.chats)
        told = Later(lambda mode=mode, owner=owner: _told(org, mode, owner))
        until(lambda: len(models.chats) == before + 2, f"the second step of {mode}")  # noqa: B023 -- called at once
        found[mode] = AtWork(owner, active(org, owner)[0]["id"], told)
    try:
        yield found, goes_on.set
    finally:
        goes_on.set()


def _told(org: Org, mode: str, owner: str) -> Any:
    path, body = SENT[mode]
    if body.get("streaming"):
        return streamed(org, f"agents/{owner}", "note it", **body)
    return org.http.post(f"/v1/agents/{owner}/{path}", json={**user("note it"), **body}).raise_for_status().json()


@contextmanager
def _stopping(server: Server) -> Generator[None]:
    """The server is asked to stop and is at it; at the end it has stopped, by itself and in peace."""
    stopped = Later(lambda: server.process.stop(patience=PATIENCE_S))
    until(lambda: httpx.get(f"{server.url}/v1/ready/", trust_env=False).status_code == 503, "the drain")
    yield
    assert stopped.result() == 0
    assert "Traceback" not in server.log
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/v1/health/", trust_env=False)


def _texts(told: list[Event] | Json) -> list[str]:
    return texts(told["messages"]) if isinstance(told, dict) else said(told)


def _check_after(org: Org, models: OpenAIServer, owner: str, stored: list[str]) -> None:
    """Nothing is lost, nothing was done twice, and the next turn is like any other."""
    assert texts(of_agent(org, owner, order="asc")) == ["note it", *stored]
    assert org.http.get(f"/v1/agents/{owner}/core-memory/blocks/notes").json()["value"] == "Likes tea."
    assert not active(org, owner)
    assert say(org, f"agents/{owner}", "REPLY on")["messages"][-1]["content"] == "on"
    answers = ["assistant"] if LAST in stored else []
    assert [message["role"] for message in asked(models)] == ["system", "user", "assistant", "tool", *answers, "user"]


@pytest.mark.contract("turns.drain")
def test_turns_of_every_mode_end_before_the_server_does(fresh_server: FreshServer, models: OpenAIServer) -> None:
    server = fresh_server({"HOLDFAST_DRAIN_SECONDS": str(PATIENCE_S)})
    org = new_org(server)
    with _at_work(org, models) as (turns, go_on), _stopping(server):
        go_on()
        for mode, turn in turns.items():
            told = turn.told.result()
            assert mode == "async" or _texts(told) == [FIRST, LAST]
    server.start()
    for turn in turns.values():
        run = org.http.get(f"/v1/runs/{turn.run}").json()
        assert (run["status"], run["stop_reason"]) == ("completed", "end_turn")
        _check_after(org, models, turn.owner, [FIRST, LAST])


@pytest.mark.contract("turns.drain.refuses")
def test_a_server_that_drains_starts_no_turns_and_says_so(fresh_server: FreshServer, models: OpenAIServer) -> None:
    server = fresh_server({"HOLDFAST_DRAIN_SECONDS": str(PATIENCE_S)})
    org = new_org(server)
    owner = agent(org)
    with _at_work(org, models) as (turns, go_on), _stopping(server):
        for path, body in SENT.values():
            refused = org.http.post(f"/v1/agents/{owner}/{path}", json={**user("hello"), **body}, headers=MODERN)
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) >= 1
            assert "repeat this request" in refused.json()["detail"]
        assert org.http.get(f"/v1/runs/{turns['json'].run}").json()["status"] == "running"
        go_on()
    server.start()
    assert texts(of_agent(org, owner)) == []
    assert say(org, f"agents/{owner}", "REPLY on")["messages"][-1]["content"] == "on"


@pytest.mark.contract("turns.drain.too-long")
@pytest.mark.contract("turns.drain.background")
def test_what_takes_too_long_is_cancelled_or_handed_over(fresh_server: FreshServer, models: OpenAIServer) -> None:
    """Whoever waits for the answer is told what there is of it; in the background the next server goes on."""
    server = fresh_server({"HOLDFAST_DRAIN_SECONDS": "1"})
    org = new_org(server)
    with _at_work(org, models) as (turns, _), _stopping(server):
        told = {mode: turn.told.result() for mode, turn in turns.items()}
        for mode, turn in turns.items():
            _check_left(mode, turn, told[mode])
    models.reset()
    models.always = Reply(LAST)
    server.start()
    in_background = [turn for mode, turn in turns.items() if mode not in FOREGROUND]
    for turn in in_background:
        assert over(org, turn.run)["status"] == "completed"
        assert said(read(org, turn.run)) == [FIRST, LAST]
    assert len(models.chats) == len(in_background)
    models.always = None
    for mode, turn in turns.items():
        _check_after(org, models, turn.owner, [FIRST] if mode in FOREGROUND else [FIRST, LAST])
        ended = org.http.get(f"/v1/runs/{turn.run}").json()
        assert (ended["status"] == "cancelled") == (mode in FOREGROUND)


def _check_left(mode: str, turn: AtWork, told: Any) -> None:
    """What a client was told whose turn did not end in time."""
    if mode == "json":
        assert (told["stop_reason"]["stop_reason"], _texts(told)) == ("cancelled", [FIRST])
    elif mode in FOREGROUND:
        assert (kinds(told)[-3:], _texts(told)) == (["stop_reason", "usage_statistics", "[DONE]"], [FIRST])
        assert told[-3].json["stop_reason"] == "cancelled"
    elif mode != "async":
        last: Event = told[-2]
        assert (last.name, last.json["error_type"], _texts(told)) == ("error", "stream_incomplete", [FIRST])
        assert turn.run in last.json["message"]
