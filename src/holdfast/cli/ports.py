"""The port that the server listens on: taken before anything else is done, or a sentence about who has it."""

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from holdfast.config import ConfigError

BACKLOG = 2048
LISTENING = "0A"
"""The state LISTEN in /proc/net/tcp."""


ELSEWHERE = "`holdfast serve --port {port}` or HOLDFAST_PORT"
"""How `serve` is told another port."""


def listening(host: str, port: int, elsewhere: str = ELSEWHERE) -> socket.socket:
    """A socket bound to the address; raises `ConfigError` when that is impossible."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as unknown:
        raise ConfigError(
            f"There is no address {host!r} to listen on ({unknown.strerror}); set HOLDFAST_HOST."
        ) from unknown
    family, kind, protocol, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
        made.listen(BACKLOG)
    except OSError as failed:
        made.close()
        raise ConfigError(_problem(host, port, failed, elsewhere)) from failed
    made.setblocking(False)
    return made


def _problem(host: str, port: int, failed: OSError, elsewhere: str) -> str:
    if failed.errno == errno.EADDRINUSE:
        another = elsewhere.format(port=port + 1 if port < 65535 else 8284)
        return f"Port {port} on {host} is in use{_by(holder(port))}. Stop that, or choose another port: {another}."
    if failed.errno == errno.EACCES:
        return f"Port {port} is reserved for the system; choose one from 1024 (HOLDFAST_PORT)."
    return f"{host}:{port} cannot be listened on: {failed.strerror}. Set HOLDFAST_HOST to an address of this machine."


def _by(found: str | None) -> str:
    return f" by {found}" if found else ""


def holder(port: int) -> str | None:
    """The process that listens on a port, as far as /proc lets us see."""
    inodes = set(_inodes(port))
    if not inodes:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        if inodes & set(_sockets(process)):
            return f"process {process.name} ({_command(process)})"
    return None


def _inodes(port: int) -> Iterator[str]:
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        try:
            lines = table.read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            if words[3] == LISTENING and int(words[1].rsplit(":", 1)[1], 16) == port:
                yield f"socket:[{words[9]}]"


def _sockets(process: Path) -> Iterator[str]:
    try:
        for descriptor in (process / "fd").iterdir():
            yield os.readlink(descriptor)  # noqa: PTH115 -- Path.readlink would parse `socket:[1]` for nothing
    except OSError:
        return


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()[:80]
    except OSError:
        return "unknown"
