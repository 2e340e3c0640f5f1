"""Clients that misbehave below HTTP: too much, too slow, half, or gone."""

import json
import socket
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.models import MODEL
from tests.harness.server import Server
from tests.harness.waiting import until

SECONDS = 10
GET = b"GET /v1/agents/ HTTP/1.1\r\nhost: localhost\r\n"
POST = b"POST /v1/blocks/ HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"


@contextmanager
def _connection(server: Server, sent: bytes) -> Generator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), SECONDS) as connection:
        connection.sendall(sent)
        yield connection


def _rest(connection: socket.socket) -> bytes:
    """Everything until the server closes; a `TimeoutError` when it never does."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionError:
        pass
    return received


def _answers(server: Server) -> bool:
    return server.http.get("/v1/agents/").status_code == 200


def test_a_body_that_is_announced_too_large(fresh_server: FreshServer) -> None:
    server = fresh_server({"HOLDFAST_MAX_BODY_MB": "1"})
    announced = b"connection: close\r\ncontent-length: 1099511627776\r\n\r\n"
    with _connection(server, POST + announced) as connection:
        head, _, body = _rest(connection).partition(b"\r\n\r\n")
    assert b" 413 " in head
    assert "HOLDFAST_MAX_BODY_MB" in json.loads(body)["detail"]
    assert _answers(server)


def test_a_body_that_turns_out_too_large(fresh_server: FreshServer) -> None:
    server = fresh_server({"HOLDFAST_MAX_BODY_MB": "1"})
    chunks = (b'{"label": "x", "value": "', *[b"y" * 65536] * 32, b'"}')
    for more in ({}, {"idempotency-key": "large"}):
        headers = {"content-type": "application/json", **more}
        answer = server.http.post("/v1/blocks/", content=iter(chunks), headers=headers)
        assert answer.status_code == 413
        assert "1 MB" in answer.json()["detail"]
    fits = server.http.post("/v1/blocks/", json={"label": "x", "value": "y" * 900_000})
    assert fits.status_code == 200
    assert _answers(server)


@pytest.mark.parametrize(
    "sent",
    [
        GET,
        GET + b"x: " + b"y" * 1_000,
        POST + b'content-length: 1000\r\n\r\n{"label": "x", ',
        POST + b'transfer-encoding: chunked\r\n\r\n5\r\n{"lab\r\n',
        POST + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        POST + b"content-length: -5\r\n\r\n",
        POST + b"content-length: 1\r\ncontent-length: 2\r\n\r\n{}",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n" * 1_000,
        b"\x00" * 1_000,
    ],
    ids=["headers", "long", "body", "chunk", "no-chunk", "negative", "two-lengths", "tls", "version", "blank", "nul"],
)
def test_half_a_request(target: Server, sent: bytes) -> None:
    """The client stops in the middle: the connection ends, nothing else happens."""
    with _connection(target, sent) as connection:
        connection.shutdown(socket.SHUT_WR)
        received = _rest(connection)
    assert not received or received.startswith(b"HTTP/1.1 4")
    assert _answers(target)


def test_a_client_that_only_closes_its_half(target: Server) -> None:
    """`nc` does that after the last byte; whether or not it still gets its answer, nothing hangs."""
    with _connection(target, GET + b"connection: close\r\n\r\n") as connection:
        connection.shutdown(socket.SHUT_WR)
        received = _rest(connection)
    assert not received or received.startswith(b"HTTP/1.1 200")
    assert _answers(target)


def test_slow_clients_keep_nobody_waiting(target: Server) -> None:
    slow = [socket.create_connection(("127.0.0.1", target.port), SECONDS) for _ in range(100)]
    for number, connection in enumerate(slow):
        connection.sendall(GET if number % 2 else POST + b'content-length: 1000\r\n\r\n{"label": ')
    assert all(_answers(target) for _ in range(20))
    for connection in slow:
        connection.close()
    assert _answers(target)


def test_requests_in_one_packet(target: Server) -> None:
    with _connection(target, (GET + b"\r\n") * 20 + GET + b"connection: close\r\n\r\n") as connection:
        received = _rest(connection)
    assert received.count(b"HTTP/1.1 200") == 21


def test_a_listener_that_leaves_in_the_middle(target: Server, models: OpenAIServer) -> None:
    """The turn goes on without it, and the thread is free again."""
    agent = target.http.post("/v1/agents/", json={"model": MODEL}).raise_for_status().json()["id"]
    models.queue(Reply("one two three four five six", chunk_delay=0.05))
    body = json.dumps({"messages": [{"role": "user", "content": "count"}], "stream_tokens": True}).encode()
    head = f"POST /v1/agents/{agent}/messages/stream HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
    with _connection(target, head.encode() + b"content-type: application/json\r\n\r\n" + body) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    until(lambda: "five six" in target.http.get(f"/v1/agents/{agent}/messages").text, "the whole answer")
    again = target.http.post(f"/v1/agents/{agent}/messages", json={"input": "REPLY still here"})
    assert "still here" in again.text


def test_a_listener_that_does_not_listen(target: Server, models: OpenAIServer) -> None:
    """Megabytes that nobody reads: others are served, and the connection's end is the end of it."""
    agent = target.http.post("/v1/agents/", json={"model": MODEL}).raise_for_status().json()["id"]
    models.queue(Reply("word " * 400_000))
    body = json.dumps({"messages": [{"role": "user", "content": "much"}], "stream_tokens": True}).encode()
    head = f"POST /v1/agents/{agent}/messages/stream HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
    with _connection(target, head.encode() + b"content-type: application/json\r\n\r\n" + body) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        assert all(_answers(target) for _ in range(5))
    assert _answers(target)
