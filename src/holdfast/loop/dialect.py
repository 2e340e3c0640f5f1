"""The two ways in which a model acts (CONTRACT §4): by native tool calls, or by a forced call in every step.

One loop serves both. What differs is here: what the model is shown, what is kept of its answer, and when it goes on.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from typing_extensions import TypeIs

from holdfast.kit.text import clean, clean_tree
from holdfast.llm.model import FinishReason, ToolSchema
from holdfast.loop.rules import ends, goes_on
from holdfast.messages.model import Message, Part, ReasoningPart, TextPart, ToolCallPart
from holdfast.runs.model import StopReason
from holdfast.tools.rules import ToolRule

THINKING, HEARTBEAT = "thinking", "request_heartbeat"

THINKING_SCHEMA = {"type": "string", "description": "What you think before you act. The user does not see it."}
HEARTBEAT_SCHEMA = {
    "type": "boolean",
    "description": "true to take a further step right after this call, false to end your turn with it.",
}

Arguments = Mapping[str, Collection[str]]
"""The names of the arguments that each tool has of its own."""

_FIRST = re.compile(r'\s*\{\s*"' + THINKING + r'"\s*:\s*')
_NEXT = re.compile(r"\s*,?\s*")


@dataclass(frozen=True, slots=True)
class Made:
    """A call as far as it decides whether the loop goes on."""

    name: str
    failed: bool = False
    broke_rule: bool = False
    asks: bool = False
    """The model asked for another step."""


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What a step came to."""

    calls: Sequence[Made]
    rules: Sequence[ToolRule] = ()
    outstanding: Sequence[str] = ()
    """Tools that must be called before the end, and were not."""
    finish: FinishReason | None = None
    said_nothing: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the turn is over, and if not, what the model is told."""

    stop: StopReason | None = None
    heartbeat: str = ""
    """Why there is another step; empty when the model need not be told."""


class LoopDialect(Protocol):
    """How an agent's model acts. `thinks` says whether it must be given a place to think before it acts."""

    forces: bool
    """Must the model call a tool in every step?"""

    def schema(self, tool: ToolSchema, *, thinks: bool) -> ToolSchema:
        """A tool as the model is told of it."""
        ...

    def shown(self, message: Message, *, thinks: bool) -> Message:
        """A stored message as the model sees it."""
        ...

    def kept(self, parts: Sequence[Part], calls: Sequence[ToolCallPart], own: Arguments) -> list[Part]:
        """What is stored of an answer that makes these calls; `parts` are what it said besides."""
        ...

    def given(self, call: ToolCallPart, own: Arguments) -> ToolCallPart:
        """A call as its tool gets it."""
        ...

    def asks(self, call: ToolCallPart) -> bool:
        """Does the model want another step after this call?"""
        ...

    def verdict(self, outcome: StepOutcome) -> Verdict:
        """Whether the loop goes on."""
        ...


class Native:
    """The model says something, or calls tools until it has something to say."""

    forces = False

    def schema(self, tool: ToolSchema, *, thinks: bool) -> ToolSchema:
        return tool

    def shown(self, message: Message, *, thinks: bool) -> Message:
        return message

    def kept(self, parts: Sequence[Part], calls: Sequence[ToolCallPart], own: Arguments) -> list[Part]:
        return [*parts, *calls]

    def given(self, call: ToolCallPart, own: Arguments) -> ToolCallPart:
        return call

    def asks(self, call: ToolCallPart) -> bool:
        return True

    def verdict(self, outcome: StepOutcome) -> Verdict:
        if outcome.calls:
            is_over = any(ends(outcome.rules, call.name) and not call.failed for call in outcome.calls)
            if is_over and outcome.outstanding:
                return Verdict(heartbeat=_demand(outcome.outstanding))
            return Verdict("tool_rule" if is_over else None)
        if outcome.outstanding and not outcome.said_nothing:
            return Verdict(heartbeat=_demand(outcome.outstanding))
        return Verdict("max_tokens_exceeded" if outcome.finish == "length" else "end_turn")


class Heartbeat:
    """The model calls one tool in each step, and says in the call whether it wants another."""

    forces = True

    def schema(self, tool: ToolSchema, *, thinks: bool) -> ToolSchema:
        properties = _dict(tool.parameters.get("properties"))
        required = _list(tool.parameters.get("required"))
        first = {THINKING: THINKING_SCHEMA} if thinks and THINKING not in properties else {}
        parameters = {
            **tool.parameters,
            "properties": {**first, **properties, HEARTBEAT: HEARTBEAT_SCHEMA},
            "required": [*first, *(name for name in required if name != HEARTBEAT), HEARTBEAT],
        }
        return replace(tool, parameters=parameters)

    def shown(self, message: Message, *, thinks: bool) -> Message:
        """With its inner thoughts where the model wrote them: in the arguments of its call."""
        inner = [part.reasoning for part in message.content if _is_inner(part)]
        if not inner:
            return message
        parts = [part for part in message.content if not _is_inner(part)]
        if not message.calls:
            return message.model_copy(update={"content": [*parts, TextPart(text="\n".join(inner))]})
        at = next((number for number, part in enumerate(parts) if isinstance(part, ToolCallPart)), None)
        if thinks and at is not None:
            parts[at] = _with_thought(cast(ToolCallPart, parts[at]), "\n".join(inner))
        return message.model_copy(update={"content": parts})

    def kept(self, parts: Sequence[Part], calls: Sequence[ToolCallPart], own: Arguments) -> list[Part]:
        """Words outside of a call are thoughts, as is the argument that was made for them."""
        said = [_inner(part.text) if isinstance(part, TextPart) else part for part in parts]
        split = [
            ("", call.arguments) if THINKING in own.get(call.name, ()) else without_thinking(call.arguments)
            for call in calls
        ]
        thoughts = [_inner(thought) for thought, _ in split if thought]
        bare = [
            call if rest == call.arguments else call.model_copy(update={"arguments": rest})
            for call, (_, rest) in zip(calls, split, strict=True)
        ]
        return [*said, *thoughts, *bare]

    def given(self, call: ToolCallPart, own: Arguments) -> ToolCallPart:
        sent = _object(call.arguments)
        added = {THINKING, HEARTBEAT}.difference(own.get(call.name, ()))
        if sent is None or not added & sent.keys():
            return call
        kept = {name: value for name, value in sent.items() if name not in added}
        return call.model_copy(update={"arguments": json.dumps(kept, ensure_ascii=False)})

    def asks(self, call: ToolCallPart) -> bool:
        wanted = (_object(call.arguments) or {}).get(HEARTBEAT)
        return wanted is True or (isinstance(wanted, str) and wanted.strip().lower() == "true")

    def verdict(self, outcome: StepOutcome) -> Verdict:
        if not outcome.calls:
            return Verdict("max_tokens_exceeded" if outcome.finish == "length" else "no_tool_call")
        call = outcome.calls[-1]
        if call.broke_rule:
            return Verdict(heartbeat=f"{call.name} was not called; its return says why.")
        is_over = ends(outcome.rules, call.name)
        if is_over and call.failed:
            return Verdict(heartbeat=f"The call of {call.name} failed; its return says why.")
        if outcome.outstanding:
            return Verdict(heartbeat=_demand(outcome.outstanding))
        if is_over:
            return Verdict("tool_rule" if call.asks else "end_turn")
        if goes_on(outcome.rules, call.name):
            return Verdict(heartbeat=f"Your turn goes on after {call.name}.")
        return Verdict(heartbeat="You asked for another step.") if call.asks else Verdict("end_turn")


NATIVE, HEARTBEATS = Native(), Heartbeat()
NATIVE_TYPES = frozenset(("letta_v1_agent", "sleeptime_agent"))


def of_type(agent_type: str) -> LoopDialect:
    return NATIVE if agent_type in NATIVE_TYPES else HEARTBEATS


def without_thinking(arguments: str) -> tuple[str, str]:
    """The thought in a call's arguments and the arguments without it, written as before."""
    first = _FIRST.match(arguments)
    if first is None:
        return _thought_elsewhere(arguments)
    try:
        thought, end = json.JSONDecoder(strict=False).raw_decode(arguments, first.end())
    except (ValueError, RecursionError):
        return "", arguments
    if not isinstance(thought, str):
        return "", arguments
    following = _NEXT.match(arguments, end)
    return clean(thought.strip()), "{" + arguments[following.end() if following else end :]


def _thought_elsewhere(arguments: str) -> tuple[str, str]:
    sent = _object(arguments) if f'"{THINKING}"' in arguments else None
    if sent is None or not isinstance(sent.get(THINKING), str):
        return "", arguments
    rest = {name: value for name, value in sent.items() if name != THINKING}
    return sent[THINKING].strip(), json.dumps(rest, ensure_ascii=False)


def _with_thought(call: ToolCallPart, thought: str) -> ToolCallPart:
    sent = _object(call.arguments)
    if sent is None or THINKING in sent:
        return call
    return call.model_copy(update={"arguments": json.dumps({THINKING: thought, **sent}, ensure_ascii=False)})


def _is_inner(part: Part) -> TypeIs[ReasoningPart]:
    return isinstance(part, ReasoningPart) and not part.is_native


def _inner(text: str) -> ReasoningPart:
    return ReasoningPart(reasoning=text, is_native=False)


def _object(text: str) -> dict[str, Any] | None:
    try:
        value: Any = clean_tree(json.loads(text, strict=False))
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, Any], value) if isinstance(value, dict) else None


def _dict(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return cast(list[Any], value) if isinstance(value, list) else []


def _demand(names: Sequence[str]) -> str:
    return f"Your turn cannot end yet: call {' and '.join(names)} first."
