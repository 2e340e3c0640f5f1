"""What a file may make of the process that reads it, and what it may say when it is refused."""

import resource

MOST_CHARACTERS = 16_000_000
"""Of text in one file: about eight thousand pages."""
MEMORY_BYTES = 1536 * 2**20
CPU_S = 120


class Unreadable(Exception):
    """A file whose text cannot be had; the sentence says why, and what can be done."""


def confine() -> None:
    """Take from this process what it does not need to read a file that it was handed."""
    for name, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        _lower(name, most)


def _lower(name: int, most: int) -> None:
    _, hard = resource.getrlimit(name)
    if hard == resource.RLIM_INFINITY or most < hard:
        try:
            resource.setrlimit(name, (most, most))
        except (ValueError, OSError):  # macOS knows some limits by name only; the time limit of the reader remains
            return


def bounded(text: str) -> str:
    if len(text) > MOST_CHARACTERS:
        raise Unreadable(f"It holds more than {MOST_CHARACTERS:,} characters of text; split it into smaller files.")
    return text
