"""What the memory tools have in common: finding a block, checking what is to change, and storing it."""

import re
from collections.abc import Mapping

from holdfast.blocks import store as blocks
from holdfast.blocks.model import LINE_NUMBERS_WARNING, Block, NewBlock
from holdfast.tools.builtin.context import ToolContext
from holdfast.tools.builtin.tool import ToolError

LONGEST_LABEL = 500
NUMBERED = re.compile(r"^\s*\d+→", re.MULTILINE)


def editable(ctx: ToolContext, label: str) -> Block:
    """The agent's block of this label, which tools may edit."""
    block = blocks.held_for_edit(ctx.tx, ctx.who, ctx.agent_id, label, ctx.isolated_block_ids)
    if block is None:
        held = ", ".join(map(repr, labels(ctx))) or "none"
        raise ToolError(f"You have no memory block labelled {label!r}; the labels of your blocks: {held}.")
    if block.read_only:
        raise ToolError(f"The memory block {label!r} is read-only: it cannot be edited with tools.")
    return block


def own(ctx: ToolContext, label: str) -> Block:
    """An editable block that is not this conversation's own copy: what the agent holds of it may change too."""
    block = editable(ctx, label)
    if block.id in ctx.isolated_block_ids:
        raise ToolError(
            f"This conversation has a copy of the block {label!r} of its own; only its text can be changed."
        )
    return block


def labels(ctx: ToolContext) -> list[str]:
    """The labels of the agent's blocks."""
    return [block.label or "" for block in blocks.of_agent(ctx.tx, ctx.who, ctx.agent_id)]


def replace_once(ctx: ToolContext, label: str, old_string: str, new_string: str) -> str:
    """Replace a text that occurs once in a block; the block's new value."""
    refuse_line_numbers({"old_string": old_string, "new_string": new_string})
    block = editable(ctx, label)
    refuse_absent(block, "old_string", old_string)
    matches = block.value.count(old_string)
    if matches > 1:
        raise ToolError(
            f"`old_string` occurs {matches} times in the block {label!r} (it starts in the lines "
            f"{_lines_of(block.value, old_string)}) and must occur once; take in more of the surrounding text."
        )
    return write(ctx, block, block.value.replace(old_string, new_string))


def insert(ctx: ToolContext, label: str, text: str, insert_line: int, argument: str = "new_string") -> str:
    """Insert lines after a line of a block, 0 being its beginning and -1 its end; the block's new value."""
    refuse_line_numbers({argument: text})
    block = editable(ctx, label)
    lines = block.value.split("\n") if block.value else []
    if not -1 <= insert_line <= len(lines):
        raise ToolError(
            f"`insert_line` is {insert_line}, but the block {label!r} has {len(lines)} lines: "
            f"give 0 (beginning) to {len(lines)}, or -1 (end)."
        )
    at = len(lines) if insert_line == -1 else insert_line
    return write(ctx, block, "\n".join([*lines[:at], text, *lines[at:]]))


def write(ctx: ToolContext, block: Block, value: str) -> str:
    """Store the new value; one above the limit must at least be shorter than what it replaces."""
    if len(value) > block.limit and len(value) >= len(block.value):
        raise ToolError(
            f"The memory block {block.label!r} would hold {len(value)} characters and {block.limit} are allowed "
            f"({len(block.value)} are used now); shorten the text, or make room in the block first."
        )
    if value != block.value:
        blocks.change(ctx.tx, ctx.who, block.id, {"value": value}, ctx.cause)
    return value


def create(ctx: ToolContext, label: str, value: str, description: str | None = None) -> Block:
    """Make a block and attach it."""
    new = NewBlock(value=value, label=label, description=description)
    check_label(label)
    if len(value) > new.limit:
        raise ToolError(f"The text has {len(value)} characters and a block may hold {new.limit}; shorten it.")
    made = blocks.create(ctx.tx, ctx.who, new, ctx.cause)
    blocks.attach(ctx.tx, ctx.who, ctx.agent_id, [made])
    return made


def check_label(label: str) -> None:
    if not 1 <= len(label) <= LONGEST_LABEL:
        raise ToolError(f"The label of a block must have 1 to {LONGEST_LABEL} characters.")


def refuse_absent(block: Block, argument: str, text: str) -> None:
    if not text:
        raise ToolError(
            f"`{argument}` is empty; give the text that is to be replaced, or use memory_insert to add text."
        )
    if text not in block.value:
        raise ToolError(
            f"`{argument}` does not occur in the block {block.label!r}; copy the text exactly as the block has it, "
            "upper and lower case and white space included."
        )


def refuse_line_numbers(texts: Mapping[str, str]) -> None:
    """Line numbers and the warning about them are part of how a block is shown, never of its text."""
    for argument, text in texts.items():
        if found := NUMBERED.search(text):
            raise ToolError(
                f"`{argument}` contains the line number {found[0].strip()!r}, which only shows where the line is; "
                "leave line numbers out."
            )
        if LINE_NUMBERS_WARNING in text:
            raise ToolError(
                f"`{argument}` contains the note about line numbers, which is not part of the block; leave it out."
            )


def _lines_of(value: str, text: str) -> str:
    starts = (match.start() for match in re.finditer(re.escape(text), value))
    return ", ".join(str(value.count("\n", 0, start) + 1) for start in starts)
