"""The tools with which an agent edits its own memory blocks (CONTRACT §6.3)."""

from holdfast.tools.builtin.context import ToolContext
from holdfast.tools.builtin.editing import (
    create,
    editable,
    insert,
    labels,
    refuse_absent,
    refuse_line_numbers,
    replace_once,
    write,
)
from holdfast.tools.builtin.tool import tool


@tool("letta_memory_core")
def core_memory_append(ctx: ToolContext, label: str, content: str) -> str:
    """Add text to the end of a memory block, on a new line.

    Args:
        label: The block to add to, such as "human" or "persona".
        content: What to add.
    """
    refuse_line_numbers({"content": content})
    block = editable(ctx, label)
    return write(ctx, block, f"{block.value}\n{content}" if block.value else content)


@tool("letta_memory_core")
def core_memory_replace(ctx: ToolContext, label: str, old_content: str, new_content: str) -> str:
    """Replace text in a memory block, everywhere it occurs there. To delete text, replace it with "".

    Args:
        label: The block to edit.
        old_content: The text as it is now, exactly.
        new_content: The text to put in its place.
    """
    refuse_line_numbers({"old_content": old_content, "new_content": new_content})
    block = editable(ctx, label)
    refuse_absent(block, "old_content", old_content)
    return write(ctx, block, block.value.replace(old_content, new_content))


@tool("letta_sleeptime_core")
def memory_replace(ctx: ToolContext, label: str, old_string: str, new_string: str) -> str:
    """Replace one piece of text in a memory block. To delete text, replace it with "".

    Args:
        label: The block to edit.
        old_string: The text as it is now, exactly, white space included. It must occur once in the block:
            take in more of the surrounding text if it would occur more often.
        new_string: The text to put in its place.
    """
    return replace_once(ctx, label, old_string, new_string)


@tool("letta_sleeptime_core")
def memory_insert(ctx: ToolContext, label: str, new_string: str, insert_line: int = -1) -> str:
    """Insert text into a memory block as new lines.

    Args:
        label: The block to edit.
        new_string: The text to insert.
        insert_line: The line after which to insert: 0 is the beginning, -1 (when left out) the end of the block.
    """
    return insert(ctx, label, new_string, insert_line)


@tool("letta_sleeptime_core")
def memory_rethink(ctx: ToolContext, label: str, new_memory: str) -> str:
    """Rewrite a whole memory block: for reorganising much at once. A block that does not exist is made.

    Args:
        label: The block to rewrite.
        new_memory: The complete new text: what is old and should stay, with what is new worked into it.
    """
    refuse_line_numbers({"new_memory": new_memory})
    if label not in labels(ctx):
        return create(ctx, label, new_memory).value
    return write(ctx, editable(ctx, label), new_memory)


@tool("letta_sleeptime_core")
def memory_finish_edits(ctx: ToolContext) -> None:
    """Say that all edits of the memory are done."""
