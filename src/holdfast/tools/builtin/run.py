"""Running a call of a built-in tool: arguments checked, all or nothing, and every fault a readable answer."""

import logging
from dataclasses import replace
from typing import Any

from holdfast.errors import AppError
from holdfast.kit.reply import encode
from holdfast.messages.model import ToolCallPart, ToolReturnPart
from holdfast.store.prepared import savepoint
from holdfast.tools.builtin import arguments, registry
from holdfast.tools.builtin.context import LookContext, ToolContext
from holdfast.tools.builtin.tool import Builtin, ToolError
from holdfast.tools.model import RETURN_CHAR_LIMIT
from holdfast.tools.outside import cut

log = logging.getLogger("holdfast.tools")


def run(ctx: ToolContext, call: ToolCallPart, return_char_limit: int = RETURN_CHAR_LIMIT) -> ToolReturnPart:
    """Run a call in a savepoint: a tool that fails leaves nothing half done."""
    try:
        builtin = _known(call.name)
        given = arguments.read(builtin, call.arguments)
        with savepoint(ctx.tx):
            value = builtin.function(replace(ctx, cause=replace(ctx.cause, tool_call_id=call.id)), **given)
    except (ToolError, AppError) as refused:
        return _answer(call, str(refused), "error", return_char_limit)
    return _answer(call, _text(value), "success", return_char_limit)


async def look(ctx: LookContext, call: ToolCallPart, return_char_limit: int = RETURN_CHAR_LIMIT) -> ToolReturnPart:
    """Run a call of a tool that changes nothing."""
    try:
        builtin = _known(call.name)
        value = await builtin.function(ctx, **arguments.read(builtin, call.arguments))
    except (ToolError, AppError) as refused:
        return _answer(call, str(refused), "error", return_char_limit)
    return _answer(call, _text(value), "success", return_char_limit)


async def look_first(ctx: LookContext, call: ToolCallPart) -> Any:
    """What a tool wants to know before it changes something; faults are told when it is run."""
    builtin = registry.find(call.name)
    if builtin is None or builtin.first is None:
        return None
    try:
        return await builtin.first(ctx, **arguments.read(builtin, call.arguments))
    except (ToolError, AppError) as refused:
        log.warning("%s is run without having looked first: %s", call.name, refused)
        return None


def looks(name: str) -> bool:
    """Does the tool of this name change nothing?"""
    found = registry.find(name)
    return found is not None and found.looks


def reaches_out(name: str) -> bool:
    """Does the tool of this name do its work elsewhere?"""
    found = registry.find(name)
    return found is not None and found.reaches_out


def fault(call: ToolCallPart) -> str | None:
    """Why a call would fail before it did anything; None when its tool would begin."""
    try:
        arguments.read(_known(call.name), call.arguments)
    except ToolError as wrong:
        return str(wrong)
    return None


def _known(name: str) -> Builtin:
    found = registry.find(name)
    if found is None:
        raise ToolError(f"This server brings no tool named {name}; nothing was done. Go on without it.")
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "None" if value is None else encode(value).decode()


def _answer(call: ToolCallPart, text: str, status: Any, limit: int) -> ToolReturnPart:
    return ToolReturnPart(call_id=call.id, name=call.name, output=cut(text, limit), status=status)
