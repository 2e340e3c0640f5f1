"""Running the calls of a step. Built-in tools write inside the step's own transaction, so a step is all or nothing."""

from collections.abc import Iterable, Sequence

from holdfast.agents.model import Agent
from holdfast.messages.model import ToolCallPart, ToolReturnPart
from holdfast.tools.builtin.context import ToolContext
from holdfast.tools.builtin.run import run
from holdfast.tools.model import Tool
from holdfast.tools.rules import ToolRule


def act(ctx: ToolContext, agent: Agent, tools: Iterable[Tool], calls: Sequence[ToolCallPart]) -> list[ToolReturnPart]:
    """One return for each call, in order; what goes wrong is a return that says so."""
    attached = {tool.name: tool for tool in tools}
    return [_answer(ctx, agent, attached, call) for call in calls]


def _answer(ctx: ToolContext, agent: Agent, attached: dict[str, Tool], call: ToolCallPart) -> ToolReturnPart:
    tool = attached.get(call.name)
    if tool is None:
        have = ", ".join(sorted(attached)) or "none"
        return _refused(call, f"You have no tool named {call.name!r}. Your tools: {have}.")
    if _needs_approval(agent.tool_rules, call.name):
        return _refused(call, f"{call.name} needs a person's approval for each call, and nobody has given it.")
    if not tool.is_builtin:
        return _refused(call, f"This server cannot run {call.name}: it only runs the tools that it brings itself.")
    return run(ctx, call, tool.return_char_limit)


def _needs_approval(rules: Iterable[ToolRule], name: str) -> bool:
    return any(rule.type == "requires_approval" and rule.tool_name == name for rule in rules)


def _refused(call: ToolCallPart, why: str) -> ToolReturnPart:
    return ToolReturnPart(call_id=call.id, name=call.name, output=why, status="error")


def ends_turn(rules: Iterable[ToolRule], calls: Iterable[ToolCallPart]) -> bool:
    """Was a tool called after which the turn is over?"""
    ending = {rule.tool_name for rule in rules if rule.type == "exit_loop"}
    return any(call.name in ending for call in calls)
