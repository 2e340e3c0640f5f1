"""Everything that can be wrong with a request, at every operation: an answer below 500 that says what was wrong."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.bad_input import world
from tests.bad_input.caller import Caller
from tests.bad_input.conftest import Share
from tests.bad_input.operations import Operation, operations, sample
from tests.harness.server import Server

HUGE = "@1e400@"
"""Becomes the bare number, which Python's JSON writer cannot write."""

VALUES: tuple[Any, ...] = (
    None,
    -1,
    2**70,
    HUGE,
    float("nan"),
    "",
    "a\x00b\ud800c",
    "x" * 100_000,
    [],
    [None],
    ["\ud800", 2**70],
    {},
    {"\x00": {"\ud800": [HUGE, {"$ref": "#"}]}},
)

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "text": b"hello",
    "half": b'{"a": ',
    "null": b"null",
    "list": b"[]",
    "number": b"1e400",
    "string": b'"x"',
    "nan": b'{"limit": NaN, "value": Infinity}',
    "not utf-8": b'{"name": "\xff\xfe"}',
    "utf-16": '{"name": "x"}'.encode("utf-16"),
    "two": b'{"name": "a"}{"name": "b"}',
    "twice": b'{"name": "a", "name": null, "name": ["b"]}',
    "deep list": b'{"metadata": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep object": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "long number": b'{"limit": ' + b"9" * 10_000 + b"}",
    "nul": b"\x00" * 100,
}

TYPES = (
    *("application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "application/xml; charset=\xff"),
    *("", "/"),
)

QUERIES = (
    *("", "-1", "0", "9" * 30, "1e400", "NaN", "%00", "%ff%fe", "%ED%A0%80", "null", "[]", "%F0%9F%A6%8A"),
    *("'%20OR%201=1;--", "x" * 5_000, "agent-00000000-0000-4000-8000-000000000000", "0001-01-01T00:00:00"),
)

SEGMENTS = (
    *("x", "%00", "%ff", "%ED%A0%80", "..%2f..%2fetc", "%20", "null", "x" * 5_000, "%F0%9F%A6%8A", "agent-%00", "-1"),
    *(f"{kind}-{world.UNKNOWN}" for kind in ("agent", "block", "run")),
)

HEADERS: tuple[tuple[str, str | bytes], ...] = (
    ("user_id", "x"),
    ("user_id", b"\xff\xfe"),
    ("user_id", f"user-{world.UNKNOWN}"),
    ("authorization", b"Bearer \xff"),
    ("authorization", "Bearer " + "x" * 5_000),
    ("authorization", "Basic !!!"),
    ("idempotency-key", "x" * 5_000),
    ("idempotency-key", b"\xff"),
    ("x-stainless-retry-count", "many"),
    ("x-api-request-log-id", b"\xff\xfe"),
    ("x-project-id", b"\xff"),
    ("last-event-id", "-1"),
    ("accept", b"\xff/\xff"),
    ("accept-encoding", "nonsense;q=x"),
    ("content-encoding", "gzip"),
    ("range", "bytes=9-1"),
    ("cookie", b"a=\xff; ="),
    ("x-forwarded-for", "nonsense"),
)


class Sweep:
    """Sends, judges, and remembers what was wrong, so that one run names every fault."""

    def __init__(self, server: Server, document: dict[str, Any], share: Share) -> None:
        self.share = share
        self.call = Caller(server)
        self.operations = operations(document)
        self.ids = world.build(server)
        self.faults: list[str] = []
        self.sent = 0
        self.accepted = 0

    def send(self, what: str, *request: Any, **more: Any) -> None:
        if not self.share.has(what):
            return
        self.sent += 1
        try:
            answer = self.call(*request, **more)
        except OSError as silent:
            self.faults.append(f"{what}: no answer: {silent!r}")
            return
        self.accepted += answer.status < 300
        if answer.fault is not None:
            self.faults.append(f"{what}: {answer.fault}")

    def check(self, at_least: int, accepted: float = 0.0) -> None:
        """`accepted` is the least share of requests that the server takes for good: only they reach all of its code."""
        assert self.sent >= 0.7 * at_least / self.share.of
        assert self.accepted >= accepted * self.sent
        assert not self.faults, f"{len(self.faults)} of {self.sent}:\n" + "\n".join(self.faults[:40])


@pytest.fixture
def sweep(target: Server, document: dict[str, Any], share: Share) -> Sweep:
    return Sweep(target, document, share)


def test_fields_of_the_wrong_kind(sweep: Sweep) -> None:
    for operation in _with_body(sweep):
        url = operation.url(sweep.ids)
        for name in operation.fields:
            for value in VALUES:
                sweep.send(
                    f"{operation} {name}={_short(value)}", operation.method, url, _body(operation, name, value), _JSON
                )
    sweep.check(500, 0.08)


def test_bodies_that_are_no_json(sweep: Sweep) -> None:
    for operation in _with_body(sweep):
        for name, body in BODIES.items():
            sweep.send(f"{operation} {name}", operation.method, operation.url(sweep.ids), body, _JSON)
        for kind in TYPES:
            body = json.dumps(sample(operation)).encode()
            headers = {"content-type": kind.encode("latin-1")}
            sweep.send(f"{operation} as {kind!r}", operation.method, operation.url(sweep.ids), body, headers)
    sweep.check(300, 0.15)


def test_queries(sweep: Sweep) -> None:
    for operation in sweep.operations:
        for name in operation.in_query:
            for value in QUERIES:
                target = operation.url(sweep.ids, {quote(name): value})
                sweep.send(f"{operation} ?{name}={value[:40]}", operation.method, target, _valid(operation), _JSON)
    sweep.check(1_000, 0.3)


def test_cursors_that_lead_nowhere(sweep: Sweep) -> None:
    for operation in sweep.operations:
        if {"before", "after"} <= set(operation.in_query):
            for cursor in (sweep.ids["block_id"], sweep.ids["message_id"], f"message-{world.UNKNOWN}"):
                page = {"before": cursor, "after": cursor, "limit": "999999999", "order": "desc"}
                target = operation.url(sweep.ids, page)
                sweep.send(f"{operation} from {cursor}", operation.method, target)
    sweep.check(40)


def test_paths(sweep: Sweep) -> None:
    for operation in sweep.operations:
        for name in operation.in_path:
            for value in SEGMENTS:
                url = operation.url({**{each: sweep.ids[each] for each in operation.in_path}, name: value})
                sweep.send(f"{operation} {name}={value[:40]}", operation.method, url, _valid(operation), _JSON)
    sweep.check(800)


def test_headers(sweep: Sweep) -> None:
    for operation in sweep.operations:
        for name, value in HEADERS:
            headers = {**_JSON, name: value}
            what = f"{operation} {name}: {value[:40]!r}"
            sweep.send(what, operation.method, operation.url(sweep.ids), _valid(operation), headers)
    sweep.check(1_500, 0.5)


PLACES = ("/", "/v1", "/v1/", "/v1/nothing", "//v1//agents//", "/v1/agents/%2e%2e/", "/%00", "/%ff", "/../x", "*")
METHODS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


def test_methods_and_places_that_do_not_exist(sweep: Sweep) -> None:
    for method in METHODS:
        for place in PLACES:
            sweep.send(f"{method} {place}", method, place)
    sweep.check(70)


_JSON = {"content-type": "application/json"}


def _with_body(sweep: Sweep) -> Iterator[Operation]:
    return (operation for operation in sweep.operations if operation.body is not None)


def _valid(operation: Operation) -> bytes | None:
    return None if operation.body is None else json.dumps(sample(operation)).encode()


def _body(operation: Operation, name: str, value: Any) -> bytes:
    return json.dumps({**sample(operation), name: value}).replace(f'"{HUGE}"', "1e400").encode()


def _short(value: Any) -> str:
    return repr(value)[:40]
