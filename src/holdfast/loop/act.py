"""Running the calls of a step. Built-in tools write inside the step's own transaction, so a step is all or nothing."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from holdfast.agents import directories
from holdfast.history.model import Cause
from holdfast.kit.text import clean_tree
from holdfast.loop import approve, prefill, rules
from holdfast.loop.approve import Decision
from holdfast.loop.rules import Allowed
from holdfast.loop.state import Turn
from holdfast.messages.model import ApprovalPart, ToolCallPart, ToolReturnPart
from holdfast.store.table import Tx
from holdfast.tools.builtin import run
from holdfast.tools.builtin.context import LookContext, ToolContext
from holdfast.tools.fitting import Misfit, fitted
from holdfast.tools.model import RETURN_CHAR_LIMIT, Tool


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
    waits_for: Literal["approval", "client"] | None = None
    """Who must answer before it is run."""
    is_outside: bool = False
    """It is run before the step's end is stored, and after its beginning was."""
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
    if waits_for := turn.waits_for(call.name):
        fault = _unreadable(call) or _misfit(tool, call)
        return Planned(call, tool, fault, waits_for=None if fault else waits_for)
    return _runnable(turn, tool, call)


def _misfit(tool: Tool, call: ToolCallPart) -> str:
    """Why the arguments cannot be the tool's, as far as it is known here: MCP servers and clients check their own."""
    if tool.is_builtin:
        return run.fault(call) or ""
    if tool.tool_type != "custom":
        return ""
    try:
        fitted(tool.name, tool.parameters, arguments_of(call) or {})
    except Misfit as misfit:
        return str(misfit)
    return ""


def _runnable(turn: Turn, tool: Tool, call: ToolCallPart) -> Planned:
    if tool.is_builtin:
        return Planned(call, tool, is_outside=run.reaches_out(call.name))
    if tool.tool_type not in turn.executors:
        return Planned(call, tool, f"This server cannot run {call.name}: it has no way to run {tool.tool_type} tools.")
    return Planned(call, tool, _unreadable(call), is_outside=True)


def resolve(turn: Turn, calls: Iterable[ToolCallPart], decisions: Mapping[str, Decision]) -> list[Planned]:
    """What is to be done with the calls of a request, now that there is an answer about those that waited."""
    now = turn.allowed
    attached = {tool.name: tool for tool in turn.tools}
    return [_resolved(turn, now, attached, call, decisions.get(call.id)) for call in calls]


def _resolved(
    turn: Turn, now: Allowed, attached: dict[str, Tool], call: ToolCallPart, decision: Decision | None
) -> Planned:
    if isinstance(decision, ApprovalPart) and not decision.approve:
        return Planned(call, None, approve.refusal(call, decision), broke_rule=True)
    meant = _meant(turn, call)
    if meant is not None:
        call = call.model_copy(update={"name": meant.name})
    if isinstance(decision, ToolReturnPart):
        return Planned(call, meant, returned=decision.model_copy(update={"name": call.name}))
    if meant is None and call.name in attached:
        why = f"{rules.REFUSED}another tool is named {call.name} by now. Call it again if you mean that one."
        return Planned(call, None, why, broke_rule=True)
    planned = _planned(turn, now, attached, turn.dialect.given(call, turn.own_arguments))
    if planned.waits_for is None or planned.tool is None:
        return planned
    if decision is None or planned.waits_for == "client":
        why = f"{rules.REFUSED}{call.name} needs an answer of its own by now. Call it again."
        return replace(planned, refusal=why, waits_for=None, broke_rule=True)
    return _runnable(turn, planned.tool, planned.call)


def _meant(turn: Turn, call: ToolCallPart) -> Tool | None:
    """The tool that a call meant when it was made; requests of earlier servers tell no more than its name."""
    if call.tool_id is None:
        return next((tool for tool in turn.tools if tool.name == call.name), None)
    return next((tool for tool in turn.tools if tool.id == call.tool_id), None)


async def look(turn: Turn, planned: Sequence[Planned]) -> list[Planned]:
    """Run the calls that change nothing, side by side, before the step is stored; the others may look around."""
    return list(await asyncio.gather(*(_looked(turn, each) for each in planned)))


async def _looked(turn: Turn, planned: Planned) -> Planned:
    if planned.refusal or planned.is_outside or planned.returned is not None:
        return planned
    ctx = looking(turn)
    if not run.looks(planned.call.name):
        return replace(planned, seen=await run.look_first(ctx, planned.call))
    return replace(planned, returned=await run.look(ctx, planned.call, limit(planned)))


def looking(turn: Turn) -> LookContext:
    """What a tool knows that changes nothing here."""
    return LookContext(
        find=turn.finder,
        outside=turn.outside,
        who=turn.who,
        agent_id=turn.agent.id,
        thread_id=turn.thread.id,
        agent_name=turn.agent.name,
        run_id=turn.run.id,
        chain=turn.chain,
        timezone=turn.agent.timezone,
    )


def changing(tx: Tx, turn: Turn, step_id: str | None) -> ToolContext:
    """What a tool knows that changes something in this transaction."""
    return ToolContext(
        tx=tx,
        who=turn.who,
        agent_id=turn.agent.id,
        thread_id=turn.thread.id,
        agent_name=turn.agent.name,
        embedding={"embedding": turn.agent.embedding, "embedding_config": turn.agent.embedding_config},
        cause=Cause(run_id=turn.run.id, step_id=step_id),
        timezone=turn.agent.timezone,
        isolated_block_ids=turn.thread.isolated_block_ids,
        in_view=[*turn.window, *turn.inputs],
        most_files_open=directories.most_open(turn.agent),
        file_view_characters=directories.view_characters(turn.agent),
    )


def act(ctx: ToolContext, planned: Sequence[Planned]) -> list[ToolReturnPart]:
    """One return for each call, in order; what goes wrong is a return that says so."""
    return [_returned(ctx, each) for each in planned]


def _returned(ctx: ToolContext, planned: Planned) -> ToolReturnPart:
    call = planned.call
    if planned.refusal:
        return ToolReturnPart(call_id=call.id, name=call.name, output=planned.refusal, status="error")
    if planned.returned is not None:
        return planned.returned
    return run.run(replace(ctx, seen=planned.seen), call, limit(planned))


def limit(planned: Planned) -> int:
    return planned.tool.return_char_limit if planned.tool else RETURN_CHAR_LIMIT


def arguments_of(call: ToolCallPart) -> dict[str, Any] | None:
    """The arguments of a call; None when they are no JSON object."""
    try:
        sent: Any = clean_tree(json.loads(call.arguments or "{}", strict=False))
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, Any], sent) if isinstance(sent, dict) else None


def _unreadable(call: ToolCallPart) -> str:
    if arguments_of(call) is not None:
        return ""
    return f"{call.name} was not run: its arguments are not valid JSON. Send one JSON object."
