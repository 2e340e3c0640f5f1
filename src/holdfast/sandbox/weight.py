"""How much memory a process holds together with all that it started."""

from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
OWN = ("Pss_Anon:", "Pss_Shmem:")
"""What a process shares with others counts in equal parts for each of them."""
SHARED = ("RssAnon:", "RssShmem:")
"""The same where only this can be read of another's process: what is shared counts more than once."""


def held(pid: int) -> int:
    """Bytes of memory that is no file's, of a process and all its descendants."""
    return sum(map(_held_alone, _tree(pid)))


def _tree(pid: int) -> Iterator[int]:
    waiting = [pid]
    while waiting:
        yield (each := waiting.pop())
        waiting += _children(each)


def _children(pid: int) -> Iterator[int]:
    for thread in _listed(PROC / str(pid) / "task"):
        yield from map(int, _read(thread / "children").split())


def _listed(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []


def _held_alone(pid: int) -> int:
    own = _read(PROC / str(pid) / "smaps_rollup")
    return _sum(own, OWN) if own else _sum(_read(PROC / str(pid) / "status"), SHARED)


def _sum(text: str, names: tuple[str, ...]) -> int:
    lines = (line.split() for line in text.splitlines())
    return sum(int(words[1]) * 1024 for words in lines if len(words) > 1 and words[0] in names)


def _read(path: Path) -> str:
    """What a file says; nothing when its process has ended, or is none of ours."""
    try:
        return path.read_text()
    except OSError:
        return ""
