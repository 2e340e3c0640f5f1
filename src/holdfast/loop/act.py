"""Running the calls of a step. Built-in tools write inside the step's own transaction, so a step is all or nothing."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from holdfast.loop import prefill, rules
from holdfast.loop.rules import Allowed
from holdfast.loop.state import Turn
from holdfast.messages.model import ToolCallPart, ToolReturnPart
from holdfast.tools.builtin import run
from holdfast.tools.builtin.context import LookContext, ToolContext
from holdfast.tools.model import RETURN_CHAR_LIMIT, Tool
from holdfast.tools.rules import ToolRule


@dataclass(frozen=True, slots=True)
class Planned:
    """What is to be done with a call."""

    call: ToolCallPart
    """As its tool gets it, which is not always as the model wrote it."""
    tool: Tool | None
    refusal: str = ""
    """Why it is not run; empty for one that is."""
    broke_rule: bool = False
    is_impossible: bool = False
    """A rule demands what the tool cannot do: the turn cannot go on."""
    returned: ToolReturnPart | None = None
    """What it has come to already, if its tool only looks."""
    seen: Any = None
    """What its tool has found out, if it looks before it changes something."""


def plan(turn: Turn, now: Allowed, calls: Iterable[ToolCallPart]) -> list[Planned]:
    """What is to be done with each call; `now` is what the rules allow."""
    attached = {tool.name: tool for tool in turn.tools}
    own = turn.own_arguments
    return [_planned(turn, now, attached, turn.dialect.given(call, own)) for call in calls]


def _planned(turn: Turn, now: Allowed, attached: dict[str, Tool], call: ToolCallPart) -> Planned:
    tool, ruled = attached.get(call.name), turn.agent.tool_rules
    if tool is None:
        have = ", ".join(sorted(attached)) or "none"
        refusal = f"{rules.REFUSED}you have no tool named {call.name!r}. Your tools: {have}."
        return Planned(call, None, refusal, broke_rule=True)
    if call.name not in now.names:
        return Planned(call, tool, rules.refusal(ruled, now, call.name, turn.past), broke_rule=True)
    if args := now.prefilled.get(call.name):
        if fault := prefill.fault(tool, args):
            return Planned(call, tool, fault, is_impossible=True)
        call = prefill.filled(call, args)
    if _needs_approval(ruled, call.name):
        return Planned(call, tool, f"{call.name} needs a person's approval for each call, and nobody has given it.")
    if not tool.is_builtin:
        return Planned(call, tool, f"This server cannot run {call.name}: it only runs the tools that it brings itself.")
    return Planned(call, tool)


async def look(turn: Turn, planned: Sequence[Planned]) -> list[Planned]:
    """Run the calls that change nothing, side by side, before the step is stored; the others may look around."""
    return list(await asyncio.gather(*(_looked(turn, each) for each in planned)))


async def _looked(turn: Turn, planned: Planned) -> Planned:
    if planned.refusal:
        return planned
    ctx = LookContext(turn.finder, turn.who, turn.agent.id, turn.thread.id, turn.agent.timezone)
    if not run.looks(planned.call.name):
        return replace(planned, seen=await run.look_first(ctx, planned.call))
    return replace(planned, returned=await run.look(ctx, planned.call, _limit(planned)))


def act(ctx: ToolContext, planned: Sequence[Planned]) -> list[ToolReturnPart]:
    """One return for each call, in order; what goes wrong is a return that says so."""
    return [_returned(ctx, each) for each in planned]


def _returned(ctx: ToolContext, planned: Planned) -> ToolReturnPart:
    call = planned.call
    if planned.refusal:
        return ToolReturnPart(call_id=call.id, name=call.name, output=planned.refusal, status="error")
    if planned.returned is not None:
        return planned.returned
    return run.run(replace(ctx, seen=planned.seen), call, _limit(planned))


def _limit(planned: Planned) -> int:
    return planned.tool.return_char_limit if planned.tool else RETURN_CHAR_LIMIT


def _needs_approval(ruled: Iterable[ToolRule], name: str) -> bool:
    return any(rule.type == "requires_approval" and rule.tool_name == name for rule in ruled)
