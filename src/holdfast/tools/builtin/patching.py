"""The tool that changes several places, or several blocks, at once (CONTRACT §6.3)."""

from holdfast.blocks import store as blocks
from holdfast.tools.builtin.context import ToolContext
from holdfast.tools.builtin.editing import check_label, create, editable, labels, own, refuse_line_numbers, write
from holdfast.tools.builtin.patch import PatchPart, added, hunks, patched, sections
from holdfast.tools.builtin.tool import ToolError, tool


@tool("letta_memory_core")
def memory_apply_patch(ctx: ToolContext, label: str, patch: str) -> str:
    """Change several places of a memory block at once, or several blocks: all changes are made, or none.

    Args:
        label: The block to patch. What the patch itself names counts more.
        patch: The changes, line by line: a line that stays begins with a space, one that goes with "-", one that
            comes with "+". Lines that stay or go must be exactly as the block has them, and "@@" separates places
            that are apart. Lines to add without any line that stays are added at the end. For several blocks, parts
            that begin with "*** Add Block: label", "*** Update Block: label" or "*** Delete Block: label"; the line
            "*** Move to: label" after an update's heading gives the block a new label.
    """
    parts = sections(label, patch)
    done = [_done(ctx, part) for part in parts]
    only = parts[0]
    if len(parts) == 1 and only.action == "Update" and only.move_to is None:
        return editable(ctx, only.label).value
    return "\n".join(done)


def _done(ctx: ToolContext, part: PatchPart) -> str:
    match part.action:
        case "Add":
            return _add(ctx, part)
        case "Delete":
            return _delete(ctx, part)
        case "Update":
            return _update(ctx, part)


def _add(ctx: ToolContext, part: PatchPart) -> str:
    if part.label in labels(ctx):
        raise ToolError(f"There is a block {part.label!r} already; update it. Nothing was changed.")
    value = added(part)
    refuse_line_numbers({"patch": value})
    create(ctx, part.label, value)
    return f"Added the block {part.label!r}."


def _delete(ctx: ToolContext, part: PatchPart) -> str:
    if any(line.strip() for line in part.lines):
        raise ToolError(f"Lines follow the heading that deletes the block {part.label!r}. Nothing was changed.")
    blocks.detach(ctx.tx, ctx.who, ctx.agent_id, own(ctx, part.label).id, ctx.cause)
    return f"Deleted the block {part.label!r}."


def _update(ctx: ToolContext, part: PatchPart) -> str:
    changes = hunks(part.lines)
    if not changes and part.move_to is None:
        raise ToolError(f"The patch changes nothing in the block {part.label!r}; give lines that begin with - or +.")
    for hunk in changes:
        refuse_line_numbers({"patch": "\n".join((*hunk.old, *hunk.new))})
    if changes:
        block = editable(ctx, part.label)
        write(ctx, block, patched(block.value, changes, part.label))
    if part.move_to is None:
        return f"Updated the block {part.label!r}."
    check_label(part.move_to)
    blocks.change(ctx.tx, ctx.who, own(ctx, part.label).id, {"label": part.move_to}, ctx.cause)
    return f"Updated the block {part.label!r}, which is {part.move_to!r} now."
