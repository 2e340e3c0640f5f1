"""Clients that misbehave, in every mode: nothing is held up, nothing is lost, and the agent can be used."""

import json
import socket
import struct
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from io import BufferedReader

import orjson
import psutil
import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.harness.waiting import until
from tests.messages.talking import Json, agent, of_agent, say, texts
from tests.turns.listening import MODERN, active, user

LIMIT_S = 15
"""How long a run may take that waits for nothing; a bound for hangs, not a measurement."""

WORDS = "one two three four five six seven eight"


@contextmanager
def _connection(org: Org, owner: str, **body: bool) -> Generator[tuple[socket.socket, BufferedReader]]:
    """A stream as a client sees it that speaks HTTP with its own hands, through a window of a few kilobytes."""
    content = orjson.dumps({**user("hello"), "streaming": True, **body})
    lines = {
        "host": "localhost",
        "authorization": f"Bearer {org.key}",
        "content-type": "application/json",
        "content-length": str(len(content)),
        "connection": "close",
        **MODERN,
    }
    head = f"POST /v1/agents/{owner}/messages HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items())
    with socket.socket() as connection:
        connection.settimeout(LIMIT_S)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", org.server.port))
        connection.sendall(head.encode() + b"\r\n" + content)
        with connection.makefile("rb") as received:
            yield connection, received


def _closes(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def _resets(connection: socket.socket) -> None:
    """The cable is pulled: what comes next is refused."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _closes_its_half(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_WR)


LEAVES: Mapping[str, Callable[[socket.socket], None]] = {
    "closes": _closes,
    "resets": _resets,
    "closes its half": _closes_its_half,
}

STREAMS: Mapping[str, dict[str, bool]] = {
    "steps": {},
    "tokens": {"stream_tokens": True},
    "background steps": {"background": True},
    "background tokens": {"background": True, "stream_tokens": True},
}


@pytest.mark.contract("turns.faults.client")
@pytest.mark.parametrize("leaves", LEAVES)
def test_a_client_that_leaves_does_not_stop_the_run(org: Org, models: OpenAIServer, leaves: str) -> None:
    owners = {name: agent(org) for name in STREAMS}
    models.queue(*[Reply(WORDS, chunk_delay=0.1)] * len(STREAMS))
    for name, body in STREAMS.items():
        with _connection(org, owners[name], **body) as (connection, received):
            assert received.readline().startswith(b"HTTP/1.1 200")
            until(lambda: received.readline().startswith(b"data:"), "the first event")
            LEAVES[leaves](connection)
            if leaves == "closes its half":
                received.read()
    for owner in owners.values():
        until(lambda: not active(org, owner), "the run's end", LIMIT_S)  # noqa: B023 -- called at once
        assert texts(of_agent(org, owner, order="asc")) == ["hello", WORDS]
        (run,) = org.http.get("/v1/runs/", params={"agent_id": owner}).json()
        assert (run["status"], run["stop_reason"]) == ("completed", "end_turn")
        assert say(org, f"agents/{owner}", "REPLY on")["messages"][-1]["content"] == "on"


LONG: Mapping[str, int] = {"tokens": 400_000, "background tokens": 50_000}
"""How many fragments a model sends; those of background runs are kept in the database, one by one."""

THOUGHT, FRAGMENT = "many thoughts — of 茶 and 😀 ", "word "
MOST_MB = 75
"""How much memory a reader may cost who does not read, and the turn itself; the events one by one would take more."""


@pytest.mark.contract("turns.faults.slow-reader")
@pytest.mark.parametrize("mode", ["tokens", "background tokens"])
def test_a_client_that_does_not_read_holds_nothing_up(org: Org, models: OpenAIServer, mode: str) -> None:
    """The run ends without it, others are served, memory stays small; when it reads at last, it gets everything."""
    thought, said = (json.dumps(_delta(**delta)) for delta in ({"reasoning_content": THOUGHT}, {"content": FRAGMENT}))
    models.queue(Reply(chunks=(*[thought] * 1000, *[said] * LONG[mode], json.dumps(_delta(content="end")), "[DONE]")))
    owner = agent(org)
    server = psutil.Process(org.server.pid)
    before = server.memory_info().rss
    with _connection(org, owner, **STREAMS[mode]) as (_, received):
        assert received.readline().startswith(b"HTTP/1.1 200")
        until(lambda: not active(org, owner), "the run's end", 150, pause=0.5)
        grown = (server.memory_info().rss - before) / 2**20
        assert say(org, f"agents/{owner}", "REPLY on")["messages"][-1]["content"] == "on"
        assert _said(received) == {"reasoning": THOUGHT * 1000, "content": FRAGMENT * LONG[mode] + "end"}
    assert grown < MOST_MB, f"{grown:.0f} MB"


def _delta(**delta: str) -> Json:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def _said(received: BufferedReader) -> Mapping[str, str]:
    """What the assistant thinks and says in a stream that came in chunks."""
    said: Mapping[str, list[str]] = {"reasoning": [], "content": []}
    for line in received:
        event: Json = orjson.loads(line[6:]) if line.startswith(b"data: {") else {}
        for name in said.keys() & event.keys():
            said[name].append(event[name])
    return {name: "".join(found) for name, found in said.items()}
