"""Sandboxes without namespaces: a process that gives up files, other processes and the network before it runs code."""

import base64
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from holdfast.sandbox import seccomp, walls
from holdfast.sandbox.model import Level, Limits
from holdfast.sandbox.walls import Needs, Started

RANDOM = ("/dev/urandom", "/dev/random")
NOTHING = ("/dev/null", "/dev/zero")


@dataclass(frozen=True, slots=True)
class Landlock:
    """Starts them."""

    limits: Limits
    interpreters: walls.Interpreters

    @property
    def level(self) -> Level:
        return "landlock"

    def start(self, needs: Needs) -> Started:
        if sys.platform != "linux" or not seccomp.is_known_machine():
            raise OSError("system calls can be filtered on Linux, on x86-64 and 64-bit ARM")
        scratch = Path(tempfile.mkdtemp(prefix="holdfast-"))
        packages = str(needs.packages) if needs.packages else None
        setup = walls.setup(self.limits, str(walls.CODE), str(scratch), self.interpreters.node, packages)
        with walls.channel() as (ours, theirs):
            command = walls.python(self.interpreters.python, str(walls.CODE), theirs.fileno())
            process = walls.spawn(command, (theirs.fileno(),))
            rules = seccomp.in_sight(process.pid, network=needs.network)
            setup["lock"] = {
                "parent": os.getpid(),
                "network": needs.network,
                "filter": base64.b64encode(rules).decode(),
                "readable": self._readable(needs),
                "writable": [str(scratch), *NOTHING],
            }
            return Started(process, ours, setup, scratch)

    def _readable(self, needs: Needs) -> list[str]:
        own = [str(walls.CODE / "inside"), *map(str, self.interpreters.outside_system)]
        given = [str(needs.packages)] if needs.packages else []
        further = walls.FOR_NETWORK if needs.network else ()
        return [*walls.SYSTEM, *walls.ALWAYS, *further, *RANDOM, *own, *given]
