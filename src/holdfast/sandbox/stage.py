"""For a server of root's: sandboxes run as somebody else, and what only root may look into is put where they may."""

import ctypes
import os
import shutil
from collections import deque
from pathlib import Path

NEW_MOUNTS = 0x00020000
BIND, RECURSIVE, PRIVATE, DETACH = 0x1000, 0x4000, 0x40000, 2
HERE = Path("/mnt")
KEPT = 64
"""So many sockets at most are in place: each is looked for within milliseconds, by a sandbox that starts."""
SOMEBODY, HOW_MANY = 61184, 4000
"""User ids that no package and no person has."""


class Stage:
    """A view of the file system that one thread and the processes it starts have: in it, /mnt is the stage.

    The kernel counts the processes of every user but root, so that only others can be kept from starting too many.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._places = dict[Path, Path]()
        self._passing = deque[Path]()
        self._made = 0
        self._done(self._libc.unshare(NEW_MOUNTS), "a view of the file system of its own")
        self._done(self._libc.mount(None, b"/", None, RECURSIVE | PRIVATE, None), "/")
        self._done(self._libc.mount(b"stage", bytes(HERE), b"tmpfs", 0, b"size=1m,mode=755"), str(HERE))

    def place(self, source: Path) -> Path:
        """Where a directory can be found from now on."""
        if source not in self._places:
            self._places[source] = self._put(source)
        return self._places[source]

    def pass_by(self, source: Path) -> Path:
        """Where a socket can be found by the sandbox that is started next."""
        source.chmod(0o666)
        self._passing.append(self._put(source))
        if len(self._passing) > KEPT:
            oldest = self._passing.popleft()
            self._done(self._libc.umount2(bytes(oldest), DETACH), str(oldest))
            oldest.unlink()
        return self._passing[-1]

    def somebody(self) -> list[str]:
        """Become nobody in particular, each time another, and die with the server all the same."""
        user = str(SOMEBODY + self._made % HOW_MANY)
        self._made += 1
        least = ["--ambient-caps=-all", "--inh-caps=-all", "--no-new-privs", "--pdeathsig", "KILL"]
        program = shutil.which("setpriv") or "setpriv"
        return [program, "--reuid", user, "--regid", user, "--clear-groups", *least, "--"]

    def _put(self, source: Path) -> Path:
        self._made += 1
        target = HERE / str(self._made)
        if source.is_dir():
            target.mkdir()
        else:
            target.touch()
        self._done(self._libc.mount(bytes(source), bytes(target), None, BIND | RECURSIVE, None), str(source))
        return target

    def _done(self, answer: int, what: str) -> None:
        if answer != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), what)
