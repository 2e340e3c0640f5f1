"""Many at once, and power cuts among them: nothing acknowledged is lost, nothing is locked, order is kept."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any

import httpx
import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.models import MODEL
from tests.harness.server import Server
from tests.harness.tenants import Org
from tests.harness.waiting import until
from tests.store import storm as storms


def test_many_writers_at_once(fresh_server: FreshServer) -> None:
    server = fresh_server()
    storm = storms.begin(server, 12)
    storms.rage(storm, 3)
    assert not storm.faults, storm.faults[:10]
    storms.check(storm)
    assert "locked" not in server.log
    assert "Traceback" not in server.log


def test_a_power_cut_among_writers(fresh_server: FreshServer) -> None:
    server = fresh_server()
    storm = storms.begin(server, 8)

    def cut() -> None:
        until(lambda: all(client.made for client in storm.clients), "something of each client", 60)
        server.kill9()
        storm.is_over.set()

    cutting = threading.Thread(target=cut)
    cutting.start()
    storms.rage(storm, 60)
    cutting.join()
    server.start()
    storms.check(storm)
    if fresh_server.engine == "sqlite":
        server.stop()
        with closing(sqlite3.connect(server.data / "holdfast.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_agents_that_append_to_one_block(org: Org) -> None:
    """Each appends with its memory tool, at the same time as the others; every line is there once."""
    block = org.http.post("/v1/blocks/", json={"label": "board", "value": ""}).raise_for_status().json()["id"]
    body = {"model": MODEL, "block_ids": [block], "tools": ["core_memory_append"]}
    agents = [org.http.post("/v1/agents/", json=body).raise_for_status().json()["id"] for _ in range(6)]
    lines = [(agent, f"line-{number}-{turn}.") for number, agent in enumerate(agents) for turn in range(3)]

    def append(line: tuple[str, str]) -> httpx.Response:
        agent, text = line
        return _say(org.http, agent, f'CALL core_memory_append {{"label": "board", "content": "{text}"}}')

    with ThreadPoolExecutor(6) as clients:
        answers = list(clients.map(append, lines))
    assert [answer.status_code for answer in answers] == [200] * len(lines)
    value: str = org.http.get(f"/v1/blocks/{block}").json()["value"]
    assert sorted(value.split()) == sorted(text for _, text in lines)


def test_turns_of_one_agent_queue(org: Org, models: OpenAIServer) -> None:
    """Three at once: one after the other, and the last one saw the two before."""
    agent = _agent(org.http)
    models.queue(Reply("first", delay=0.5), Reply("second", delay=0.1), Reply("third"))
    with ThreadPoolExecutor(3) as clients:
        answers = list(clients.map(partial(_say, org.http, agent), ["red", "green", "blue"]))
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    asked = [m["content"] for m in models.chats[-1].body["messages"] if m["role"] in ("user", "assistant")]
    assert asked[-2::-2][:2] == ["second", "first"]
    assert {text for text in ("red", "green", "blue") if any(text in content for content in asked[-5:])} == {
        *("red", "green", "blue")
    }
    listed = org.http.get(f"/v1/agents/{agent}/messages", params={"order": "asc", "limit": 50}).json()
    talk = [m["content"] for m in listed if m["message_type"] in ("user_message", "assistant_message")]
    assert talk[-5::2] == ["first", "second", "third"]
    _check_transcript(models.chats[-1].body["messages"])


CALL = Reply(calls=(("conversation_search", {"query": "x"}),))
LONG = Reply("too late", delay=60)

MOMENTS: dict[str, tuple[tuple[Reply, ...], int]] = {
    "before-the-model-answers": ((LONG,), 1),
    "in-the-middle-of-a-stream": ((Reply("word " * 100, chunk_delay=0.2),), 1),
    "after-a-tool-call": ((CALL, LONG), 2),
    "after-two-tool-calls": ((CALL, CALL, LONG), 3),
}
"""What the model answers, and how many requests it has had when the power is cut."""


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_turn_that_was_killed(fresh_server: FreshServer, models: OpenAIServer, moment: str) -> None:
    server = fresh_server()
    agent = _agent(server.http)
    _say(server.http, agent, "REPLY before")
    models.reset()
    replies, requests = MOMENTS[moment]
    models.queue(*replies)
    with ThreadPoolExecutor(1) as background:
        lost = background.submit(_say, server.http, agent, "this turn is killed")
        until(lambda: len(models.chats) >= requests, f"request {requests} at the model")
        server.kill9()
        assert isinstance(lost.exception(10), httpx.TransportError)
    models.reset()
    server.start()
    again = _say(server.http, agent, "REPLY still here")
    assert again.status_code == 200, again.text
    assert "still here" in again.text
    _check_transcript(models.chats[-1].body["messages"])
    runs = server.http.get("/v1/runs/", params={"agent_id": agent, "order": "asc"}).raise_for_status().json()
    assert [run["status"] for run in runs] == ["completed", "failed", "completed"]
    _check_listed(server, agent)


def test_a_turn_that_waits_is_killed(fresh_server: FreshServer, models: OpenAIServer) -> None:
    """Behind the one at work another one queues; neither keeps the thread after the restart."""
    server = fresh_server()
    agent = _agent(server.http)
    models.queue(LONG)
    with ThreadPoolExecutor(2) as background:
        lost = [background.submit(_say, server.http, agent, f"turn {number}") for number in range(2)]
        until(lambda: len(_active(server)) == 2, "two runs, one at work and one waiting")
        server.kill9()
        assert all(isinstance(each.exception(10), httpx.TransportError) for each in lost)
    models.reset()
    server.start()
    again = _say(server.http, agent, "REPLY still here")
    assert "still here" in again.text
    assert not _active(server)


def _agent(http: httpx.Client) -> str:
    return http.post("/v1/agents/", json={"model": MODEL}).raise_for_status().json()["id"]


def _active(server: Server) -> list[Any]:
    return server.http.get("/v1/runs/", params={"active": True}).raise_for_status().json()


def _say(http: httpx.Client, agent: str, text: str) -> httpx.Response:
    return http.post(f"/v1/agents/{agent}/messages", json={"messages": [{"role": "user", "content": text}]}, timeout=40)


def _check_transcript(messages: list[dict[str, Any]]) -> None:
    """What the model was sent is whole: every call has its return, right after it."""
    for number, message in enumerate(messages):
        calls = [call["id"] for call in message.get("tool_calls") or ()]
        returns = [each.get("tool_call_id") for each in messages[number + 1 : number + 1 + len(calls)]]
        assert returns == calls
    called = [call["id"] for message in messages for call in message.get("tool_calls") or ()]
    assert [m["tool_call_id"] for m in messages if m["role"] == "tool"] == called


def _check_listed(server: Server, agent: str) -> None:
    """What is kept reads as a whole, too."""
    listed = server.http.get(f"/v1/agents/{agent}/messages", params={"limit": 100}).raise_for_status().json()
    called = {m["tool_call"]["tool_call_id"] for m in listed if m["message_type"] == "tool_call_message"}
    returned = {m["tool_call_id"] for m in listed if m["message_type"] == "tool_return_message"}
    assert called == returned
