"""Patches of memory blocks: read from a model's text, and applied to lines (CONTRACT §6.3)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from holdfast.tools.builtin.tool import ToolError

Action = Literal["Add", "Update", "Delete"]
ACTIONS: Mapping[str, Action] = {"Add": "Add", "Update": "Update", "Delete": "Delete"}

SECTION = re.compile(r"^\*\*\* (Add|Update|Delete) Block:\s*(.*?)\s*$")
MOVE = re.compile(r"^\*\*\* Move to:\s*(.*?)\s*$")
FRAMES = frozenset(("*** Begin Patch", "*** End Patch", "\\ No newline at end of file", "*** End of File"))
FILE_NAMES = ("--- ", "+++ ")
PLACE = re.compile(r"^@@(?: -(\d+))?")


@dataclass(slots=True)
class Hunk:
    """Lines that stand together in a block, and those that take their place."""

    near: int | None = None
    """In which line it begins, as far as the patch says so, counted from 0."""
    old: list[str] = field(default_factory=list[str])
    new: list[str] = field(default_factory=list[str])

    def add(self, line: str) -> None:
        """Take in a line of the patch; one without a sign is empty, because models drop the space before it."""
        sign, text = line[:1] or " ", line[1:]
        if sign not in " -+":
            raise ToolError(
                f"The line {line[:80]!r} of the patch begins with none of ' ' (stays), '-' (goes) and '+' (comes); "
                "nothing was changed."
            )
        if sign != "+":
            self.old.append(text)
        if sign != "-":
            self.new.append(text)

    @property
    def is_empty(self) -> bool:
        return not self.old and not self.new


@dataclass(slots=True)
class PatchPart:
    """What is to be done with one block."""

    action: Action
    label: str
    lines: list[str] = field(default_factory=list[str])
    move_to: str | None = None


def sections(label: str, patch: str) -> list[PatchPart]:
    """The parts of a patch; one without headings is about the block of the given label."""
    found: list[PatchPart] = []
    for line in patch.splitlines():
        if line.rstrip() in FRAMES:
            continue
        if heading := SECTION.match(line):
            found.append(_section(*heading.groups()))
        elif (move := MOVE.match(line)) and found and found[-1].action == "Update":
            found[-1].move_to = move[1]
        elif line.startswith("*** "):
            raise ToolError(
                f"The patch has a line {line[:80]!r}; known are `*** Add Block: label`, `*** Update Block: label` "
                "(which `*** Move to: label` may follow) and `*** Delete Block: label`. Nothing was changed."
            )
        elif found:
            found[-1].lines.append(line)
        elif line.strip():
            return [PatchPart("Update", label, patch.splitlines())]
    if not found:
        raise ToolError("The patch is empty; nothing was changed.")
    return found


def _section(action: str, label: str) -> PatchPart:
    if not label:
        raise ToolError(f"`*** {action} Block:` names no block; write its label behind it. Nothing was changed.")
    return PatchPart(ACTIONS[action], label)


def added(section: PatchPart) -> str:
    """The text of a new block."""
    wrong = next((line for line in section.lines if line.strip() and not line.startswith("+")), None)
    if wrong is not None:
        raise ToolError(f"All lines of the new block {section.label!r} begin with '+', but {wrong[:80]!r} does not.")
    return "\n".join(line[1:] for line in section.lines if line.startswith("+"))


def hunks(lines: Iterable[str]) -> list[Hunk]:
    """The changes that a part of a patch holds."""
    found = [Hunk()]
    for line in lines:
        if place := PLACE.match(line):
            found.append(Hunk(int(place[1]) - 1 if place[1] else None))
        elif line.rstrip() not in FRAMES and not (found[-1].is_empty and line.startswith(FILE_NAMES)):
            found[-1].add(line)
    return [hunk for each in found if not (hunk := _trimmed(each)).is_empty]


def _trimmed(hunk: Hunk) -> Hunk:
    """Without the empty lines that only separate a hunk from the next one."""
    while hunk.old and hunk.new and hunk.old[-1] == hunk.new[-1] == "":
        hunk.old.pop()
        hunk.new.pop()
    return hunk


def patched(value: str, changes: Sequence[Hunk], label: str) -> str:
    """The text with all changes made, in the order of the patch."""
    lines, begin = value.split("\n") if value else [], 0
    for hunk in changes:
        at = _place(lines, begin, hunk, label)
        lines[at : at + len(hunk.old)] = hunk.new
        begin = at + len(hunk.new)
    return "\n".join(lines)


def _place(lines: Sequence[str], begin: int, hunk: Hunk, label: str) -> int:
    """Where a change belongs: behind the one before it, or at the end when it only adds."""
    size = len(hunk.old)
    if not size:
        return len(lines)
    places = [at for at in range(begin, len(lines) - size + 1) if lines[at : at + size] == hunk.old]
    if not places:
        raise ToolError(_absent(lines, hunk, label))
    if len(places) == 1:
        return places[0]
    if hunk.near is None:
        numbers = ", ".join(str(at + 1) for at in places[:10])
        raise ToolError(
            f"The lines that begin with {hunk.old[0][:80]!r} occur {len(places)} times in the block {label!r} (lines "
            f"{numbers}); take in more of the lines around them. Nothing was changed."
        )
    near = hunk.near
    return min(places, key=lambda at: abs(at - near))


def _absent(lines: Sequence[str], hunk: Hunk, label: str) -> str:
    missing = next((line for line in hunk.old if line not in lines), None)
    if missing is None:
        what = f"The lines from {hunk.old[0][:80]!r} on do not stand together like this (or not in this order)"
    else:
        what = f"The line {missing[:80]!r} does not occur like this"
    return (
        f"{what} in the block {label!r}; copy lines that stay (' ') or go ('-') exactly as the block has them. "
        "Nothing was changed."
    )
