"""The tools with which an agent edits its own memory blocks (CONTRACT §6.3)."""

import re
from collections.abc import Mapping

from holdfast.blocks import store as blocks
from holdfast.blocks.model import LINE_NUMBERS_WARNING, Block, NewBlock
from holdfast.tools.builtin.context import ToolContext
from holdfast.tools.builtin.tool import ToolError, tool

NUMBERED = re.compile(r"^\s*\d+→", re.MULTILINE)


@tool("letta_memory_core")
def core_memory_append(ctx: ToolContext, label: str, content: str) -> str:
    """Add text to the end of a memory block, on a new line.

    Args:
        label: The block to add to, such as "human" or "persona".
        content: What to add.
    """
    _refuse_line_numbers({"content": content})
    block = _editable(ctx, label)
    return _write(ctx, block, f"{block.value}\n{content}" if block.value else content)


@tool("letta_memory_core")
def core_memory_replace(ctx: ToolContext, label: str, old_content: str, new_content: str) -> str:
    """Replace text in a memory block, everywhere it occurs there. To delete text, replace it with "".

    Args:
        label: The block to edit.
        old_content: The text as it is now, exactly.
        new_content: The text to put in its place.
    """
    _refuse_line_numbers({"old_content": old_content, "new_content": new_content})
    block = _editable(ctx, label)
    _refuse_absent(block, "old_content", old_content)
    return _write(ctx, block, block.value.replace(old_content, new_content))


@tool("letta_sleeptime_core")
def memory_replace(ctx: ToolContext, label: str, old_string: str, new_string: str) -> str:
    """Replace one piece of text in a memory block. To delete text, replace it with "".

    Args:
        label: The block to edit.
        old_string: The text as it is now, exactly, white space included. It must occur once in the block:
            take in more of the surrounding text if it would occur more often.
        new_string: The text to put in its place.
    """
    _refuse_line_numbers({"old_string": old_string, "new_string": new_string})
    block = _editable(ctx, label)
    _refuse_absent(block, "old_string", old_string)
    matches = block.value.count(old_string)
    if matches > 1:
        raise ToolError(
            f"`old_string` occurs {matches} times in the block {label!r} (it starts in the lines "
            f"{_lines_of(block.value, old_string)}) and must occur once; take in more of the surrounding text."
        )
    return _write(ctx, block, block.value.replace(old_string, new_string))


@tool("letta_sleeptime_core")
def memory_insert(ctx: ToolContext, label: str, new_string: str, insert_line: int = -1) -> str:
    """Insert text into a memory block as new lines.

    Args:
        label: The block to edit.
        new_string: The text to insert.
        insert_line: The line after which to insert: 0 is the beginning, -1 (when left out) the end of the block.
    """
    _refuse_line_numbers({"new_string": new_string})
    block = _editable(ctx, label)
    lines = block.value.split("\n") if block.value else []
    if not -1 <= insert_line <= len(lines):
        raise ToolError(
            f"`insert_line` is {insert_line}, but the block {label!r} has {len(lines)} lines: "
            f"give 0 (beginning) to {len(lines)}, or -1 (end)."
        )
    at = len(lines) if insert_line == -1 else insert_line
    return _write(ctx, block, "\n".join([*lines[:at], new_string, *lines[at:]]))


@tool("letta_sleeptime_core")
def memory_rethink(ctx: ToolContext, label: str, new_memory: str) -> str:
    """Rewrite a whole memory block: for reorganising much at once. A block that does not exist is made.

    Args:
        label: The block to rewrite.
        new_memory: The complete new text: what is old and should stay, with what is new worked into it.
    """
    _refuse_line_numbers({"new_memory": new_memory})
    if label not in _labels(ctx):
        return _create(ctx, label, new_memory)
    return _write(ctx, _editable(ctx, label), new_memory)


@tool("letta_sleeptime_core")
def memory_finish_edits(ctx: ToolContext) -> None:
    """Say that all edits of the memory are done."""


def _editable(ctx: ToolContext, label: str) -> Block:
    block = blocks.held_for_edit(ctx.tx, ctx.who, ctx.agent_id, label, ctx.isolated_block_ids)
    if block is None:
        held = ", ".join(map(repr, _labels(ctx))) or "none"
        raise ToolError(f"You have no memory block labelled {label!r}; the labels of your blocks: {held}.")
    if block.read_only:
        raise ToolError(f"The memory block {label!r} is read-only: it cannot be edited with tools.")
    return block


def _labels(ctx: ToolContext) -> list[str]:
    return [block.label or "" for block in blocks.of_agent(ctx.tx, ctx.who, ctx.agent_id)]


def _write(ctx: ToolContext, block: Block, value: str) -> str:
    """Store the new value; one above the limit must at least be shorter than what it replaces."""
    if len(value) > block.limit and len(value) >= len(block.value):
        raise ToolError(
            f"The memory block {block.label!r} would hold {len(value)} characters and {block.limit} are allowed "
            f"({len(block.value)} are used now); shorten the text, or make room in the block first."
        )
    if value != block.value:
        blocks.change(ctx.tx, ctx.who, block.id, {"value": value}, ctx.cause)
    return value


def _create(ctx: ToolContext, label: str, value: str) -> str:
    new = NewBlock(value=value, label=label)
    if not label or len(label) > 500:
        raise ToolError("`label` must have 1 to 500 characters.")
    if len(value) > new.limit:
        raise ToolError(f"`new_memory` has {len(value)} characters and a block may hold {new.limit}; shorten it.")
    made = blocks.create(ctx.tx, ctx.who, new)
    blocks.attach(ctx.tx, ctx.who, ctx.agent_id, [made])
    return value


def _refuse_absent(block: Block, argument: str, text: str) -> None:
    if not text:
        raise ToolError(
            f"`{argument}` is empty; give the text that is to be replaced, or use memory_insert to add text."
        )
    if text not in block.value:
        raise ToolError(
            f"`{argument}` does not occur in the block {block.label!r}; copy the text exactly as the block has it, "
            "upper and lower case and white space included."
        )


def _refuse_line_numbers(texts: Mapping[str, str]) -> None:
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
