"""Edits of memory blocks, as calls of whichever memory tools an agent has, and back."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

Arguments = dict[str, Any]


@dataclass(frozen=True)
class Edit:
    """`old` becomes `new` in the block; without `old`, `new` is added at the end; `whole` sets the block's text."""

    label: str
    old: str
    new: str
    whole: bool = False

    def apply(self, value: str) -> str:
        if self.whole:
            return self.new
        if self.old:
            return value.replace(self.old, self.new, 1)
        return f"{value.rstrip()}\n{self.new}" if value.strip() else self.new

    def shown_in(self, value: str) -> bool:
        if self.whole:
            return value.strip() == self.new.strip()
        gone = not self.old or self.old.strip() not in value or self.old.strip() in self.new
        return gone and self.new.strip() in value

    @property
    def added(self) -> list[str]:
        return [line for line in self.new.splitlines() if line.strip() and line not in self.old.splitlines()]

    @property
    def removed(self) -> list[str]:
        return [line for line in self.old.splitlines() if line.strip() and line not in self.new.splitlines()]


def _path(label: str) -> str:
    return f"/memories/{label}"


INSERT: dict[str, Callable[[str, str], Arguments]] = {
    "memory_insert": lambda label, text: {"label": label, "new_string": text},
    "core_memory_append": lambda label, text: {"label": label, "content": text},
    "memory": lambda label, text: {"command": "insert", "path": _path(label), "insert_line": -1, "insert_text": text},
}
REPLACE: dict[str, Callable[[str, str, str], Arguments]] = {
    "memory_replace": lambda label, old, new: {"label": label, "old_string": old, "new_string": new},
    "core_memory_replace": lambda label, old, new: {"label": label, "old_content": old, "new_content": new},
    "memory": lambda label, old, new: {
        "command": "str_replace",
        "path": _path(label),
        "old_string": old,
        "new_string": new,
    },
}
WRITERS = {*INSERT, *REPLACE, "memory_rethink"}


def call_for(edit: Edit, value: str, tools: Collection[str]) -> tuple[str, Arguments] | None:
    """The tool call that makes the edit, or None when none of the tools can."""
    if edit.old:
        old, new = _unique(edit, value)
        for name, build in REPLACE.items():
            if name in tools:
                return name, build(edit.label, old, new)
    else:
        for name, build in INSERT.items():
            if name in tools:
                return name, build(edit.label, edit.new)
    if "memory_rethink" in tools:
        return "memory_rethink", {"label": edit.label, "new_memory": edit.apply(value)}
    if not edit.old and "memory_replace" in tools and value.strip():
        last = value.rstrip().splitlines()[-1]
        old, new = _unique(Edit(edit.label, last, f"{last}\n{edit.new}"), value)
        return "memory_replace", REPLACE["memory_replace"](edit.label, old, new)
    return None


def _unique(edit: Edit, value: str) -> tuple[str, str]:
    """The edit's strings, widened until the old one occurs exactly once in the block."""
    old, new = edit.old, edit.new
    if not new:
        for wider in (f"{old}\n", f"\n{old}"):
            if value.count(wider) == 1:
                return wider, ""
    if value.count(old) == 1:
        return old, new
    lines = value.splitlines()
    whole = next((index for index, line in enumerate(lines) if line == old), None)
    if whole is None:
        return value, value.replace(old, new, 1)
    for before, after in ((1, 0), (0, 1), (1, 1), (2, 2)):
        start, end = max(0, whole - before), whole + after + 1
        wide = "\n".join(lines[start:end])
        if value.count(wide) == 1:
            kept = [*lines[start:whole], *([new] if new else []), *lines[whole + 1 : end]]
            return wide, "\n".join(kept)
    return value, value.replace(old, new, 1)


def edit_of(name: str, arguments: Arguments) -> Edit | None:
    """The edit that a call of a memory tool makes."""
    text = {key: value for key, value in arguments.items() if isinstance(value, str)}
    label = text.get("label") or text.get("path", "").removeprefix("/memories/")
    if name not in WRITERS or not label:
        return None
    if name == "memory_rethink":
        return Edit(label, "", text.get("new_memory", ""), whole=True)
    if name in {"memory_insert", "core_memory_append"} or text.get("command") == "insert":
        new = text.get("new_string") or text.get("content") or text.get("insert_text") or ""
        return Edit(label, "", new)
    old = text.get("old_string") or text.get("old_content") or ""
    return Edit(label, old, text.get("new_string") or text.get("new_content") or "") if old else None
