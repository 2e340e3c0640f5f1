"""One tool for everything that can be done with memory blocks, which it shows as files (CONTRACT §6.3)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from typing_extensions import TypedDict, Unpack

from holdfast.blocks import store as blocks
from holdfast.tools.builtin.context import ToolContext
from holdfast.tools.builtin.editing import (
    check_label,
    create,
    insert,
    labels,
    own,
    refuse_line_numbers,
    replace_once,
)
from holdfast.tools.builtin.tool import ToolError, tool

ROOT = "/memories/"


class Given(TypedDict, total=False):
    """What a call may give besides its command."""

    path: str | None
    file_text: str | None
    description: str | None
    old_string: str | None
    new_string: str | None
    insert_line: int | None
    insert_text: str | None
    old_path: str | None
    new_path: str | None


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be done, and with what."""

    name: str
    given: Given

    def need(self, name: str) -> str:
        """An argument that this command cannot do without."""
        value: str | None = self.given.get(name)
        if value is None:
            raise ToolError(f"The command {self.name!r} needs `{name}`; nothing was done.")
        return value

    def label(self, name: str = "path") -> str:
        """The label of the block that a path names."""
        return self.need(name).strip().removeprefix(ROOT.rstrip("/")).strip("/")


@tool("letta_memory_core")
def memory(
    ctx: ToolContext,
    command: Literal["create", "str_replace", "insert", "delete", "rename"],
    **given: Unpack[Given],
) -> str:
    """Work on your memory blocks. Each is a text at /memories/ and its label.

    Args:
        command: "create" makes a block (path, description, file_text), "str_replace" replaces a text that occurs once
            (path, old_string, new_string), "insert" adds lines (path, insert_text, insert_line), "delete" takes a
            block out of your memory (path), "rename" gives it another label (old_path, new_path) or another
            description (path, description).
        path: The block, such as /memories/human.
        file_text: The text of a new block; empty when left out.
        description: What the block is for.
        old_string: The text as it is now, exactly.
        new_string: The text to put in its place; left out, the old text is deleted.
        insert_line: The line after which to insert: 0 is the beginning; left out, the end.
        insert_text: The lines to insert.
        old_path: The block to rename.
        new_path: Its new path.
    """
    return COMMANDS[command](ctx, Command(command, given))


def _create(ctx: ToolContext, asked: Command) -> str:
    label, value = asked.label(), asked.given.get("file_text") or ""
    about = asked.need("description").strip()
    if not about:
        raise ToolError("The command 'create' needs a `description` that says what the block is for.")
    refuse_line_numbers({"file_text": value})
    if label in labels(ctx):
        raise ToolError(f"There is a block at {ROOT}{label} already; edit it with str_replace or insert.")
    create(ctx, label, value, about)
    return f"Created {ROOT}{label}."


def _replace(ctx: ToolContext, asked: Command) -> str:
    return replace_once(ctx, asked.label(), asked.need("old_string"), asked.given.get("new_string") or "")


def _insert(ctx: ToolContext, asked: Command) -> str:
    line = asked.given.get("insert_line")
    return insert(ctx, asked.label(), asked.need("insert_text"), -1 if line is None else line, "insert_text")


def _delete(ctx: ToolContext, asked: Command) -> str:
    label = asked.label()
    blocks.detach(ctx.tx, ctx.who, ctx.agent_id, own(ctx, label).id, ctx.cause)
    return f"Deleted {ROOT}{label}."


def _rename(ctx: ToolContext, asked: Command) -> str:
    if asked.given.get("old_path") is None and asked.given.get("new_path") is None:
        label = asked.label()
        blocks.change(ctx.tx, ctx.who, own(ctx, label).id, {"description": asked.need("description")}, ctx.cause)
        return f"Changed the description of {ROOT}{label}."
    label, new = asked.label("old_path"), asked.label("new_path")
    check_label(new)
    blocks.change(ctx.tx, ctx.who, own(ctx, label).id, {"label": new}, ctx.cause)
    return f"Renamed {ROOT}{label} to {ROOT}{new}."


COMMANDS: Mapping[str, Callable[[ToolContext, Command], str]] = {
    "create": _create,
    "str_replace": _replace,
    "insert": _insert,
    "delete": _delete,
    "rename": _rename,
}
