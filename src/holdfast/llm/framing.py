"""How an answer that arrives in pieces of any size is cut into what its protocol calls one piece."""

from typing import Protocol

LONGEST = 32 * 1024 * 1024
DONE = b"[DONE]"


class Framing(Protocol):
    """The state of one body. Too much without an end, or what cannot be read, is a `BrokenFrame`."""

    done: bool
    """Nothing that follows belongs to the answer."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The pieces that are whole now."""
        ...

    def rest(self) -> list[bytes]:
        """What the body's end makes whole."""
        ...


class BrokenFrame(Exception):
    """The body is not framed as its protocol says."""


class Events:
    """Finds the data of events in a body that arrives in pieces; a body that is no event stream is one item."""

    __slots__ = ("_found", "_pending", "_plain", "done")

    def __init__(self) -> None:
        self._pending = b""
        self._plain: bool | None = None
        self._found = False
        self.done = False

    def feed(self, chunk: bytes) -> list[bytes]:
        self._pending = pending = self._pending + chunk if self._pending else chunk
        if self._plain is None:
            self._plain = _is_plain(pending)
        if self._plain is not False or b"\n" not in chunk:
            check_length(pending)
            return []
        *lines, self._pending = pending.split(b"\n")
        found = [line[5:].strip() for line in lines if line.startswith(b"data:")]
        self._found = self._found or bool(found)
        self.done = DONE in found
        return found

    def rest(self) -> list[bytes]:
        """What stood after the last line break; of a body that is neither events nor JSON, so that it is refused."""
        rest = self._pending.strip()
        if rest.startswith(b"data:"):
            return [rest[5:].strip()]
        is_odd = not self._found and not rest.startswith((b":", b"event:", b"id:", b"retry:"))
        return [rest] if rest and (self._plain or is_odd) else []


class Lines:
    """One piece for each line, as newline-delimited JSON is sent."""

    __slots__ = ("_pending", "done")

    def __init__(self) -> None:
        self._pending = b""
        self.done = False

    def feed(self, chunk: bytes) -> list[bytes]:
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        check_length(self._pending)
        return [line for line in map(bytes.strip, lines) if line]

    def rest(self) -> list[bytes]:
        """The last line, when no line break ends it."""
        rest = self._pending.strip()
        return [rest] if rest else []


def _is_plain(start: bytes) -> bool | None:
    """Whether a body is JSON or a page rather than events; None until its first character is known."""
    first = start.lstrip()[:1]
    return first in b"{[<" if first else None


def check_length(pending: bytes) -> None:
    if len(pending) > LONGEST:
        raise BrokenFrame(f"more than {LONGEST} bytes without an end")
