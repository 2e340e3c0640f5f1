"""The difference of two texts as a unified diff, in bounded time whatever the texts are."""

import difflib
from collections.abc import Iterator, Sequence

MOST_PAIRS = 1_000_000
"""How many pairs of lines are compared at most; beyond it, all that differs is one replacement."""
CONTEXT = 3


def unified(before: str, after: str, name_before: str, name_after: str) -> str:
    """The unified diff of two texts; empty when they are the same."""
    old, new = before.split("\n") if before else [], after.split("\n") if after else []
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    first, tail = max(start - CONTEXT, 0), max(end - CONTEXT, 0)
    old, new = old[first : len(old) - tail], new[first : len(new) - tail]
    same_start, same_end = start - first, end - tail
    if (len(old) - same_start - same_end) * (len(new) - same_start - same_end) > MOST_PAIRS:
        changed = _replaced(old, new, same_start, same_end)
    else:
        changed = list(difflib.unified_diff(old, new, lineterm="", n=CONTEXT))[2:]
    if not changed:
        return ""
    moved = (_moved(line, first) if line.startswith("@@") else line for line in changed)
    return "\n".join([f"--- {name_before}", f"+++ {name_after}", *moved]) + "\n"


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    """How many lines are the same at the beginning."""
    return next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))


def _replaced(old: Sequence[str], new: Sequence[str], start: int, end: int) -> list[str]:
    head = f"@@ -1,{len(old)} +1,{len(new)} @@"
    return [head, *_marked(old, new, start, end)]


def _marked(old: Sequence[str], new: Sequence[str], start: int, end: int) -> Iterator[str]:
    yield from (f" {line}" for line in old[:start])
    yield from (f"-{line}" for line in old[start : len(old) - end])
    yield from (f"+{line}" for line in new[start : len(new) - end])
    yield from (f" {line}" for line in old[len(old) - end :])


def _moved(header: str, lines: int) -> str:
    """The header of a hunk whose text was cut off the same beginning."""
    if lines == 0:
        return header
    marks = header.split()
    return " ".join([marks[0], *(_shifted(mark, lines) for mark in marks[1:3]), marks[3]])


def _shifted(mark: str, lines: int) -> str:
    line, comma, count = mark[1:].partition(",")
    return f"{mark[0]}{int(line) + lines}{comma}{count}"
