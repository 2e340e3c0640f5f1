"""Sandboxes of bubblewrap: namespaces of their own, a file system of what is needed, and a filter of system calls."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from holdfast.sandbox import seccomp, walls
from holdfast.sandbox.model import SOCKET, Level, Limits
from holdfast.sandbox.stage import Stage
from holdfast.sandbox.walls import Needs, Started

CODE, HOME, PACKAGES = "/run/holdfast", "/tmp", "/run/packages"  # noqa: S108 -- a file system of its own


@dataclass(slots=True)
class Bubblewrap:
    """Starts them."""

    limits: Limits
    interpreters: walls.Interpreters
    stage: Stage | None = None

    @property
    def level(self) -> Level:
        return "bubblewrap"

    def start(self, needs: Needs) -> Started:
        program = shutil.which("bwrap")
        if program is None:
            raise FileNotFoundError("bubblewrap (bwrap) is not installed")
        if self.stage is None and os.geteuid() == 0:
            self.stage = Stage()
        packages = PACKAGES if needs.packages else None
        setup = walls.setup(self.limits, CODE, HOME, self.interpreters.node, packages)
        rules = seccomp.isolated(network=needs.network, socket=needs.socket is not None)
        reading, writing = os.pipe()
        try:
            os.write(writing, rules)
            os.close(writing)
            with walls.channel() as (ours, theirs):
                command = [*(self.stage.somebody() if self.stage else ()), program, *self._inside(needs, reading)]
                command += ["--", *walls.python(self.interpreters.python, CODE, theirs.fileno())]
                return Started(walls.spawn(command, (theirs.fileno(), reading)), ours, setup)
        finally:
            os.close(reading)

    def _places(self, needs: Needs) -> Iterator[tuple[Path, str]]:
        """What is in sight inside besides the system: where it is, and where it is seen."""
        lasting = {walls.CODE / "inside": f"{CODE}/inside"}
        lasting |= {place: str(place) for place in self.interpreters.outside_system}
        if needs.packages is not None:
            lasting[needs.packages] = PACKAGES
            if self.stage:
                needs.packages.chmod(0o755)
        for source, target in lasting.items():
            yield self.stage.place(source) if self.stage else source, target
        if needs.socket is not None:
            yield self.stage.pass_by(needs.socket) if self.stage else needs.socket, SOCKET

    def _inside(self, needs: Needs, rules: int) -> list[str]:
        said = ["--unshare-user", "--unshare-all", *(["--share-net"] if needs.network else [])]
        said += ["--new-session", "--die-with-parent", "--clearenv", "--hostname", "sandbox", "--seccomp", str(rules)]
        for path in map(Path, walls.SYSTEM):
            if path.is_symlink():
                said += ["--symlink", str(path.readlink()), str(path)]
            else:
                said += ["--ro-bind-try", str(path), str(path)]
        for path in (*walls.ALWAYS, *(walls.FOR_NETWORK if needs.network else ())):
            said += ["--ro-bind-try", path, path]
        for source, target in self._places(needs):
            said += ["--ro-bind", str(source), target]
        return [*said, *self._own()]

    def _own(self) -> list[str]:
        """What it may write, of bounded size; all else, also where bubblewrap itself would let it, is for reading."""
        size = str(self.limits.scratch_mb * 2**20)
        own = ["--proc", "/proc", "--dev", "/dev", "--size", size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108 -- a file system of its own
        return [*own, "--size", size, "--tmpfs", HOME, "--chdir", HOME, "--remount-ro", "/"]
