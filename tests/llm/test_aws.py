"""Signed requests and the binary event stream, against AWS's published values and its own description."""

import json
import random
import struct
from contextlib import suppress
from datetime import UTC, datetime
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.llm.aws import EventStream, Signer
from holdfast.llm.framing import BrokenFrame
from tests.fakes.aws_frames import event, exception, frame

MOMENT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"  # the example in AWS's documentation
MODEL = "https://bedrock-runtime.us-east-1.amazonaws.com/model"


def signature(service: str, method: str, url: str, body: bytes = b"", token: str | None = None) -> str:
    signer = Signer("AKIDEXAMPLE", SECRET, "us-east-1", service, token)
    return signer.headers(method, url, body, MOMENT)["authorization"]


@pytest.mark.parametrize(
    ("method", "url", "expected"),
    [
        ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
    ],
    ids=["get-vanilla", "post-vanilla", "get-vanilla-query-order-key-case"],
)
def test_the_published_values(method: str, url: str, expected: str) -> None:
    assert signature("service", method, f"https://example.amazonaws.com{url}") == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={expected}"
    )


@pytest.mark.parametrize(
    ("url", "body", "token", "expected"),
    [
        (
            f"{MODEL}/global.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke-with-response-stream",
            b'{"a":1}',
            None,
            "7e7e1c3f01ddeb94aa225193e4bdc3b38b60f7c72b88c563034a22fbcac738d9",
        ),
        (
            f"{MODEL}/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.anthropic.claude-x/converse-stream",
            b"{}",
            "TOKEN",
            "f8fce3f5172792f4ab2d0e7740cff86f3d309ffa0c8e24c122103549f8721d86",
        ),
    ],
    ids=["a colon in the path", "an ARN and a session"],
)
def test_what_botocore_makes_of_the_same(url: str, body: bytes, token: str | None, expected: str) -> None:
    assert signature("bedrock", "POST", url, body, token).endswith(f"Signature={expected}")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Bedrock.Example:443/x", "bedrock.example"),
        ("http://127.0.0.1:8080/x", "127.0.0.1:8080"),
        ("http://[::1]:80/x", "[::1]"),
    ],
)
def test_the_host_is_signed_as_it_is_sent(url: str, host: str) -> None:
    assert Signer("a", "b", "c", "d").headers("GET", url, b"", MOMENT)["host"] == host


def test_keys_do_not_show() -> None:
    shown = repr(Signer("AKID", SECRET, "us-east-1", "bedrock", "TOKEN"))
    assert SECRET not in shown
    assert "TOKEN" not in shown


def read(*chunks: bytes) -> list[object]:
    stream = EventStream()
    return [json.loads(piece) for chunk in chunks for piece in stream.feed(chunk)] + stream.rest()


TOLD = event("metadata", {"usage": {"inputTokens": 1}}) + event("messageStop", {}) + exception("oopsException", "no")
READ: list[object] = [
    {"metadata": {"usage": {"inputTokens": 1}}},
    {"messageStop": {}},
    {"exception": {"type": "oopsException", "message": "no"}},
]


@pytest.mark.parametrize("size", [1, 3, 11, 12, 64, 10_000])
def test_frames_however_they_are_cut(size: int) -> None:
    assert read(*(TOLD[start : start + size] for start in range(0, len(TOLD), size))) == READ


def test_an_error_without_a_payload() -> None:
    told = frame({":message-type": "error", ":error-code": "InternalError", ":error-message": "broken"}, b"")
    assert read(told) == [{"exception": {"type": "InternalError", "message": "broken"}}]


def test_headers_of_every_kind_are_passed_over() -> None:
    odd = b"".join(
        struct.pack(">B1sB", 1, b"x", kind) + b"\0" * size
        for kind, size in ((0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16))
    )
    odd += struct.pack(">B1sBH3s", 1, b"y", 6, 3, b"abc")
    named = odd + struct.pack(">B11sBH5s", 11, b":event-type", 7, 5, b"hello")
    prelude = struct.pack(">II", 16 + len(named) + 2, len(named))
    body = prelude + struct.pack(">I", crc32(prelude)) + named + b"{}"
    assert read(body + struct.pack(">I", crc32(body))) == [{"hello": {}}]


@pytest.mark.parametrize("at", range(len(event("messageStop", {"a": 1}))))
def test_a_damaged_byte_is_noticed(at: int) -> None:
    told = bytearray(event("messageStop", {"a": 1}))
    told[at] ^= 0x55
    with pytest.raises(BrokenFrame):
        read(bytes(told))


def test_a_frame_of_absurd_length_is_refused_at_once() -> None:
    for total, headers in ((15, 0), (2**31, 0), (100, 90)):
        prelude = struct.pack(">II", total, headers)
        with pytest.raises(BrokenFrame):
            read(prelude + struct.pack(">I", crc32(prelude)))


@pytest.mark.parametrize("payload", [b"{", b"\xff", b"text"])
def test_a_payload_that_is_no_json(payload: bytes) -> None:
    with pytest.raises(BrokenFrame):
        read(frame({":event-type": "chunk", ":message-type": "event"}, payload))
    told = frame({":exception-type": "x", ":message-type": "exception"}, payload)
    assert read(told) == [{"exception": {"type": "x", "message": payload.decode(errors="replace")}}]


def test_a_frame_that_never_ends_says_nothing() -> None:
    assert read(TOLD[:-1]) == READ[:-1]


@given(st.binary(max_size=60))
def test_headers_of_garbage_are_refused_or_read(named: bytes) -> None:
    prelude = struct.pack(">II", 16 + len(named) + 2, len(named))
    body = prelude + struct.pack(">I", crc32(prelude)) + named + b"{}"
    with suppress(BrokenFrame):
        assert len(read(body + struct.pack(">I", crc32(body)))) == 1


def test_garbage_is_refused() -> None:
    with pytest.raises(BrokenFrame):
        read(random.Random(7).randbytes(64))
