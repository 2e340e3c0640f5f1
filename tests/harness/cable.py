"""The network between a client and its server, which can be cut, for a moment or for longer."""

import re
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

COMMIT = b"COMMIT\0"
"""How a transaction of PostgreSQL ends, as its client says it and as its server answers."""

PLANNED = re.compile(rb"P.{4}(\w+)\0(COMMIT|ROLLBACK)\0", re.DOTALL)
"""How a client gives one of these a name, by which it says it from then on."""


@dataclass
class Trap:
    """Breaks the connection at one of the commits of the transactions that name something."""

    name: bytes
    at: int
    loses: Literal["commit", "answer", "patience"]
    """What does not arrive; without patience the connection breaks before the server can have an answer."""
    seen: int = 0
    """How many commits there have been."""

    @property
    def is_sprung(self) -> bool:
        return self.seen >= self.at


class Cable:
    """Relays connections to a port of this machine; `cut` breaks those that are open, new ones work again."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.is_unplugged = False
        """New connections are closed at once, as long as this is so."""
        self.cut_before = b""
        """Cut, once, instead of passing on an answer that holds this."""
        self.trap: Trap | None = None

    @property
    def port(self) -> int:
        return self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _close(self._listener)
        self.cut()

    def cut(self) -> None:
        for end in self._open:
            _close(end)
        self._open.clear()

    def unplug(self) -> None:
        self.is_unplugged = True
        self.cut()

    def plug(self) -> None:
        self.is_unplugged = False

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self.is_unplugged:
                    _close(near)
                    continue
                far = socket.create_connection(("127.0.0.1", self._port))
                self._open += [near, far]
                wire = _Wire(self, near, far)
                for source in (near, far):
                    threading.Thread(target=wire.relay, args=(source,), daemon=True).start()


@dataclass
class _Wire:
    """One connection, and what is known of the transaction on it."""

    cable: Cable
    near: socket.socket
    far: socket.socket
    named: bool = field(default=False, init=False)
    caught: bool = field(default=False, init=False)
    commits: list[bytes] = field(default_factory=lambda: [COMMIT], init=False)
    ends: list[bytes] = field(default_factory=lambda: [COMMIT, b"ROLLBACK\0"], init=False)
    """The words of this connection."""

    def relay(self, source: socket.socket) -> None:
        sink, breaks = (self.far, self._breaks_on) if source is self.near else (self.near, self._breaks_back)
        with suppress(OSError):
            while data := source.recv(65_536):
                if breaks(data):
                    break
                sink.sendall(data)
                if self.caught and self.cable.trap and self.cable.trap.loses == "patience":
                    break
        _close(source)
        _close(sink)

    def _breaks_on(self, data: bytes) -> bool:
        """On the way to the server."""
        for name, word in PLANNED.findall(data):
            self.ends.append(b"\0%b\0" % name)
            self.commits += self.ends[-1:] if word == b"COMMIT" else []
        trap = self.cable.trap
        if trap is None:
            return False
        self.named = self.named or trap.name in data
        if self.named and any(word in data for word in self.commits):
            trap.seen += 1
            self.caught = trap.seen == trap.at
        self.named = self.named and not any(word in data for word in self.ends)
        return self.caught and trap.loses == "commit"

    def _breaks_back(self, data: bytes) -> bool:
        """On the way to the client."""
        if self.cable.cut_before and self.cable.cut_before in data:
            self.cable.cut_before = b""
            return True
        return self.caught and COMMIT in data


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
