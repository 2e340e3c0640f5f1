"""What commands print: tables and styled text on a terminal, the same as plain lines in a pipe."""

import re
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE = 240
"""Columns of a pipe, where a wrapped line would only be in the way."""

FOLD = 110
"""Columns of what is folded to a line, however wide the screen."""

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal would obey instead of show (control sequences, turns of the writing direction) or could not encode:
models and tools may print anything."""

out = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False, markup=False, emoji=False)
err = Console(stderr=True, width=None if sys.stderr.isatty() else WIDE, highlight=False, markup=False, emoji=False)


def safe(text: str) -> str:
    return CONTROL.sub("", text)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    cells = [[safe("" if cell is None else str(cell)) for cell in row] for row in rows]
    if not out.is_terminal:
        _plain([list(heads), *cells])
        return
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for head in heads:
        made.add_column(head, overflow="fold")
    for row in cells:
        made.add_row(*(Text(cell) for cell in row))
    out.print(made)


def _plain(lines: list[list[str]]) -> None:
    """In a pipe nothing is wrapped or cut."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        out.print(padded.rstrip(), soft_wrap=True)


def fitted(text: str, margin: int = 0) -> str:
    """The text on one line, which ends in an ellipsis when the screen is too narrow for it."""
    line = Text(" ".join(safe(text).split()))
    line.truncate(max(min(out.width, FOLD) - margin, 8), overflow="ellipsis")
    return line.plain
