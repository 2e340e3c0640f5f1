"""What every service of AWS has in common: signed requests (Signature Version 4) and its binary event stream."""

import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit
from zlib import crc32

import orjson

from holdfast.llm.framing import BrokenFrame

ALGORITHM = "AWS4-HMAC-SHA256"
UNRESERVED = "-_.~"
DEFAULT_PORTS = {"http": 80, "https": 443}

PRELUDE = 12
SMALLEST_FRAME = 16
LARGEST_FRAME = 17 * 1024 * 1024
TEXT_HEADERS = (6, 7)
HEADER_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Kinds of header values other than text and bytes, by their length."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A pair of keys, and what they sign for."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str
    service: str
    session_token: str | None = field(default=None, repr=False)

    def headers(self, method: str, url: str, body: bytes, moment: datetime) -> dict[str, str]:
        """The headers that make a request acceptable, sent with exactly this body, within minutes."""
        parts = urlsplit(url)
        stamp = moment.strftime("%Y%m%dT%H%M%SZ")
        digest = sha256(body).hexdigest()
        sent = {"host": _host(url), "x-amz-date": stamp}
        if self.session_token:
            sent["x-amz-security-token"] = self.session_token
        names = ";".join(sent)
        listed = "".join(f"{name}:{value.strip()}\n" for name, value in sent.items())
        canonical = "\n".join((method, _path(parts.path), _query(parts.query), listed, names, digest))
        scope = f"{stamp[:8]}/{self.region}/{self.service}/aws4_request"
        to_sign = "\n".join((ALGORITHM, stamp, scope, sha256(canonical.encode()).hexdigest()))
        signature = hmac.new(self._key(stamp[:8]), to_sign.encode(), sha256).hexdigest()
        credential = f"Credential={self.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        return {**sent, "authorization": f"{ALGORITHM} {credential}"}

    def _key(self, day: str) -> bytes:
        key = f"AWS4{self.secret_key}".encode()
        for part in (day, self.region, self.service, "aws4_request"):
            key = hmac.new(key, part.encode(), sha256).digest()
        return key


def _host(url: str) -> str:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def _path(path: str) -> str:
    """The path as it is signed: what is escaped already is escaped once more."""
    return quote(path or "/", safe=f"/{UNRESERVED}")


def _query(query: str) -> str:
    pairs = [(quote(k, safe=UNRESERVED), quote(v, safe=UNRESERVED)) for k, v in parse_qsl(query, True)]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


class EventStream:
    """Frames of an event stream, each as JSON: `{"<event>": payload}`, or `{"exception": {"type", "message"}}`."""

    __slots__ = ("_broken", "_pending", "done")

    def __init__(self) -> None:
        self._pending = b""
        self._broken: BrokenFrame | None = None
        self.done = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The frames that are whole now; those before a damaged one come first."""
        self._check()
        self._pending += chunk
        found: list[bytes] = []
        try:
            found.extend(self._whole())
        except BrokenFrame as broken:
            if not found:
                raise
            self._broken = broken
        return found

    def rest(self) -> list[bytes]:
        """Nothing: a frame that has no end says nothing, and the answer will be found to have no end either."""
        self._check()
        return []

    def _check(self) -> None:
        if self._broken:
            raise self._broken

    def _whole(self) -> Iterator[bytes]:
        while len(self._pending) >= PRELUDE:
            total, headers, check = struct.unpack_from(">III", self._pending)
            if check != crc32(self._pending[:8]) or not _is_plausible(total, headers):
                raise BrokenFrame("the beginning of a frame is damaged")
            if len(self._pending) < total:
                return
            frame, self._pending = self._pending[:total], self._pending[total:]
            if struct.unpack_from(">I", frame, total - 4)[0] != crc32(frame[:-4]):
                raise BrokenFrame("a frame is damaged")
            yield _said(_headers(frame[PRELUDE : PRELUDE + headers]), frame[PRELUDE + headers : -4])


def _is_plausible(total: int, headers: int) -> bool:
    return SMALLEST_FRAME <= total <= LARGEST_FRAME and headers <= total - SMALLEST_FRAME


def _headers(block: bytes) -> dict[str, str]:
    """The headers that are text."""
    found: dict[str, str] = {}
    try:
        at = 0
        while at < len(block):
            end = at + 1 + block[at]
            name, kind = block[at + 1 : end].decode(), block[end]
            start = end + (3 if kind in TEXT_HEADERS else 1)
            size = struct.unpack_from(">H", block, end + 1)[0] if kind in TEXT_HEADERS else HEADER_SIZES[kind]
            at = start + size
            if kind in TEXT_HEADERS and at <= len(block):
                found[name] = block[start:at].decode(errors="replace")
    except (IndexError, KeyError, UnicodeDecodeError, struct.error) as error:
        raise BrokenFrame("the headers of a frame cannot be read") from error
    return found


def _said(headers: dict[str, str], payload: bytes) -> bytes:
    match headers.get(":message-type"):
        case "exception":
            return _exception(headers.get(":exception-type", ""), _message(payload))
        case "error":
            return _exception(headers.get(":error-code", ""), headers.get(":error-message", ""))
        case _:
            name = headers.get(":event-type", "unnamed")
    try:
        return orjson.dumps({name: orjson.loads(payload or b"{}")})
    except orjson.JSONDecodeError as error:
        raise BrokenFrame("a frame holds no JSON") from error


def _exception(kind: str, said: str) -> bytes:
    return orjson.dumps({"exception": {"type": kind, "message": said}})


def _message(payload: bytes) -> str:
    try:
        found: Any = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload[:300].decode(errors="replace")
    match found:
        case {"message": str(said)} | {"Message": str(said)}:
            return said
        case _:
            return payload[:300].decode(errors="replace")
