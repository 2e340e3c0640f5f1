"""What sandboxes of every kind have in common: what is in sight inside, and how their process is started."""

import contextlib
import shutil
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from holdfast.sandbox import node
from holdfast.sandbox.model import Level, Limits
from holdfast.sandbox.node import Node

CODE = Path(__file__).parent
ENTRY = "import sys; sys.path.insert(0, sys.argv[1]); from inside import main; main.main(int(sys.argv[2]))"
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
ALWAYS = ("/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/openssl.cnf")
FOR_NETWORK = (
    *("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services"),
    *("/etc/ssl/certs", "/etc/ca-certificates", "/etc/pki"),
)


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be known of a program when its sandbox is started."""

    packages: Path | None = None
    network: bool = False
    socket: Path | None = None


@dataclass(slots=True)
class Started:
    """A process that waits, as whoever started it, for what its setup says."""

    process: subprocess.Popen[bytes]
    channel: socket.socket
    setup: dict[str, Any]
    scratch: Path | None = None
    """A directory of this machine that is the program's own."""

    def discard(self) -> None:
        """End it and leave nothing behind; it is not waited for."""
        self.process.kill()
        self.channel.close()
        if self.scratch is not None:
            shutil.rmtree(self.scratch, ignore_errors=True)


class Walls(Protocol):
    """One way to keep programs apart."""

    @property
    def level(self) -> Level: ...

    def start(self, needs: Needs) -> Started:
        """Start a sandbox; `OSError` where that cannot work."""
        ...


@dataclass(frozen=True, slots=True)
class Interpreters:
    """The programs that run programs, and where they are."""

    python: Path
    prefix: Path
    node: Node

    @property
    def outside_system(self) -> Iterator[Path]:
        """Directories they need besides the system's own."""
        for place in (self.prefix, self.node.path and self.node.path.parent.parent):
            if place is not None and place != Path("/") and not place.is_relative_to("/usr"):
                yield place


def interpreters() -> Interpreters:
    """Python is the one that the server runs on; Node is whatever there is."""
    return Interpreters(Path(sys.executable).resolve(), Path(sys.base_prefix).resolve(), node.found())


def setup(limits: Limits, code: str, home: str, node: Node, packages: str | None) -> dict[str, Any]:
    """What the inside is told before it knows its program."""
    return {
        "limits": asdict(limits),
        "code": code,
        "home": home,
        "node": {"path": str(node.path), "flags": node.flags, "fault": node.fault},
        "packages": packages,
        "lock": None,
    }


@contextlib.contextmanager
def channel() -> Generator[tuple[socket.socket, socket.socket]]:
    """The two ends of a connection: the server's, and the one that is closed here once the other side has it."""
    ours, theirs = socket.socketpair()
    try:
        yield ours, theirs
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()


def spawn(command: Sequence[str], descriptors: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start a process that inherits these and nothing else of the server's."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=descriptors,
        env={},
        cwd="/",
        start_new_session=True,
    )


def python(interpreter: Path, code: str, number: int) -> list[str]:
    """How the inside is run."""
    return [str(interpreter), "-I", "-S", "-B", "-X", "utf8", "-c", ENTRY, code, str(number)]
