"""Writes the frames of AWS's event stream, as Bedrock answers."""

import json
import struct
from base64 import b64encode
from collections.abc import Iterable
from typing import Any
from zlib import crc32

from tests.fakes.scripted_http import Answer

Json = dict[str, Any]
STREAM = {"content-type": "application/vnd.amazon.eventstream"}


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    named = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(named) + len(payload), len(named))
    body = prelude + struct.pack(">I", crc32(prelude)) + named + payload
    return body + struct.pack(">I", crc32(body))


def event(name: str, payload: Json) -> bytes:
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, json.dumps(payload).encode())


def exception(name: str, said: str) -> bytes:
    headers = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return frame(headers, json.dumps({"message": said}).encode())


def chunk(told: Json) -> bytes:
    """An event of Anthropic's protocol as Bedrock wraps it."""
    return event("chunk", {"bytes": b64encode(json.dumps(told).encode()).decode(), "p": "abcdefgh"})


def invoked(told: Iterable[Json], **options: Any) -> Answer:
    return Answer(tuple(map(chunk, told)), headers=STREAM, **options)


def conversed(*told: tuple[str, Json], **options: Any) -> Answer:
    return Answer(tuple(event(name, payload) for name, payload in told), headers=STREAM, **options)


def _header(name: str, value: str) -> bytes:
    return struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
