"""What tool rules allow, force and demand, worked out from the calls of one run (CONTRACT §4.3). Pure."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from typing_extensions import TypeIs

from holdfast.messages.model import Message
from holdfast.prompt.rules import sentence
from holdfast.tools.rules import (
    ChildToolRule,
    ConditionalToolRule,
    ContinueToolRule,
    InitToolRule,
    MaxCountPerStepToolRule,
    ParentToolRule,
    RequiredBeforeExitToolRule,
    TerminalToolRule,
    ToolRule,
)

REFUSED = "Not called: "
"""How the return of a call begins that a rule did not allow; such a call is no part of the history."""

NUMBER = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Past:
    """A call that was made in this run, and what it returned."""

    name: str
    output: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """Which of the agent's tools can be called now."""

    names: Sequence[str]
    is_forced: bool = False
    """Some of them must be called."""
    prefilled: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """Arguments that override the model's, by tool."""


def past(messages: Iterable[Message]) -> list[Past]:
    """The calls of a run in order, as its stored messages tell."""
    return [
        Past(part.name, part.output)
        for message in messages
        if message.role == "tool"
        for part in message.returns
        if not (part.status == "error" and part.output.startswith(REFUSED))
    ]


def allowed(rules: Sequence[ToolRule], attached: Sequence[str], history: Sequence[Past]) -> Allowed:
    """What can be called now; when the rules leave nothing, they give way, except that a used-up tool stays away."""
    if not rules:
        return Allowed(attached)
    first = {rule.tool_name: rule.args or {} for rule in rules if isinstance(rule, InitToolRule)}
    if not history and (names := [name for name in attached if name in first]):
        return Allowed(names, is_forced=True, prefilled={name: first[name] for name in names if first[name]})
    last = history[-1] if history else Past("", "")
    used_up = _used_up(rules, history)
    left = [name for name in attached if name not in used_up]
    demanded, barred = list(_demanded(rules, last)), _barred(rules, last)
    names = [name for name in left if name not in barred and all(name in these for these in demanded)]
    if not names:
        return Allowed(left)
    return Allowed(names, is_forced=bool(demanded), prefilled=_prefilled(rules, last))


def refusal(rules: Sequence[ToolRule], now: Allowed, name: str, history: Sequence[Past]) -> str:
    """Why a tool cannot be called now, for the model that called it."""
    reasons = dict.fromkeys(sentence(rule) for rule in rules if _concerns(rule, name, history))
    can = ", ".join(now.names) or "none"
    return " ".join([f"{REFUSED}the tool rules do not allow {name} now.", *reasons, f"You can call: {can}."])


def outstanding(rules: Sequence[ToolRule], attached: Collection[str], history: Sequence[Past]) -> list[str]:
    """The tools that must be called before the turn can end, and were not yet."""
    called = {each.name for each in history}
    wanted = (rule.tool_name for rule in rules if isinstance(rule, RequiredBeforeExitToolRule))
    return [name for name in dict.fromkeys(wanted) if name in attached and name not in called]


def ends(rules: Sequence[ToolRule], name: str) -> bool:
    """Is the turn over after this tool?"""
    return any(isinstance(rule, TerminalToolRule) and rule.tool_name == name for rule in rules)


def goes_on(rules: Sequence[ToolRule], name: str) -> bool:
    """Must there be another step after this tool?"""
    kinds = (ContinueToolRule, ChildToolRule, ConditionalToolRule, ParentToolRule)
    return any(isinstance(rule, kinds) and rule.tool_name == name for rule in rules)


def _used_up(rules: Sequence[ToolRule], history: Sequence[Past]) -> set[str]:
    counts = Counter(each.name for each in history)
    limits = [rule for rule in rules if isinstance(rule, MaxCountPerStepToolRule)]
    return {rule.tool_name for rule in limits if counts[rule.tool_name] >= rule.max_count_limit}


def _demanded(rules: Sequence[ToolRule], last: Past) -> Iterator[Collection[str]]:
    """For each rule that the last call sets off, the tools that may follow it."""
    children = [name for rule in rules if _is_parent(rule, last) for name in rule.children]
    if children:
        yield children
    for rule in rules:
        if rule.tool_name != last.name:
            continue
        if isinstance(rule, ChildToolRule):
            yield rule.children
        elif isinstance(rule, ConditionalToolRule) and (following := _following(rule, last.output)) is not None:
            yield following


def _is_parent(rule: ToolRule, last: Past) -> TypeIs[ParentToolRule]:
    return isinstance(rule, ParentToolRule) and rule.tool_name == last.name


def _barred(rules: Sequence[ToolRule], last: Past) -> set[str]:
    """The tools that can only follow others than the last one."""
    parents = [rule for rule in rules if isinstance(rule, ParentToolRule)]
    freed = {name for rule in parents if rule.tool_name == last.name for name in rule.children}
    return {name for rule in parents for name in rule.children} - freed


def _following(rule: ConditionalToolRule, output: str) -> Collection[str] | None:
    """The tools that may follow a return; None for any."""
    said = _value(output)
    for key, child in rule.child_output_mapping.items():
        if _value(key) == said:
            return (child,)
    if rule.default_child is not None:
        return (rule.default_child,)
    return () if rule.require_output_mapping else None


def _value(text: str) -> str | Decimal:
    """A return or a key as what it stands for, so that 1 is 1.0 and True is true."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if NUMBER.fullmatch(text):
        return Decimal(text)
    return text.lower() if text.lower() in ("true", "false") else text


def _prefilled(rules: Sequence[ToolRule], last: Past) -> dict[str, Mapping[str, Any]]:
    nodes = (
        node
        for rule in rules
        if isinstance(rule, ChildToolRule) and rule.tool_name == last.name
        for node in rule.child_arg_nodes or ()
    )
    return {node.name: node.args for node in nodes if node.args}


def _concerns(rule: ToolRule, name: str, history: Sequence[Past]) -> bool:
    match rule:
        case InitToolRule():
            return not history
        case ChildToolRule() | ConditionalToolRule():
            return bool(history) and rule.tool_name == history[-1].name
        case ParentToolRule():
            return name in rule.children or (bool(history) and rule.tool_name == history[-1].name)
        case MaxCountPerStepToolRule():
            return rule.tool_name == name
        case _:
            return False
