"""One process owns an SQLite data directory (DESIGN §4): the lock that says so, and who holds it."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from holdfast.errors import Conflict


@contextmanager
def owned(directory: Path) -> Generator[None]:
    """Hold the directory for as long as the block runs; the kernel lets go when the process ends, however it does."""
    directory.mkdir(0o700, parents=True, exist_ok=True)
    with (directory / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Conflict(
                f"The data directory {directory} is in use by process {file.read().strip() or 'unknown'}. "
                "Stop it first, or use another directory (HOLDFAST_DATA)."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
