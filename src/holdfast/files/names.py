"""What files may be called: one line, no directories, of a length that every list can show."""

import re
from pathlib import PurePosixPath

LONGEST = 255
UNNAMED = "upload"

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Also what turns the direction of writing, which makes `exe.txt` of `txt.exe`."""


def named(text: str) -> str:
    """A name from what a client sent: of a path its last part, which is neither empty nor made of dots."""
    last = _CONTROL.sub("", text).replace("\\", "/").rstrip("/").rpartition("/")[2].strip()
    if not last.strip("."):
        return UNNAMED
    return shortened(last)


def numbered(name: str, number: int) -> str:
    """`report.pdf` as `report_(1).pdf`."""
    return shortened(name, f"_({number})")


def shortened(name: str, addition: str = "") -> str:
    """The name with something before its extension, cut where it does no harm."""
    suffix = PurePosixPath(name).suffix
    suffix = suffix if len(suffix) <= 16 else ""
    stem = name[: len(name) - len(suffix)]
    return f"{stem[: LONGEST - len(addition) - len(suffix)]}{addition}{suffix}"
