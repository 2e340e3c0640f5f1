"""A call as the body of a request to Claude: the same for Anthropic's own service and for Bedrock."""

from collections.abc import Sequence
from typing import Any, cast

import orjson

from holdfast.llm.anthropic_messages import (
    Json,
    begins_with_thought,
    called,
    text_block,
    tool_name,
    turns,
)
from holdfast.llm.claude import UNKNOWN, Traits, traits
from holdfast.llm.model import Call, ModelCard, ToolSchema

USUAL_OUTPUT = 16_384
"""The longest answer when nobody set one: the API wants a number, and reserves that much of the window."""
SMALLEST_BUDGET = 1024
BINDING_CONTROLS = "thinking-binding-controls-2026-08-01"
MARK: Json = {"type": "ephemeral"}
_CLOSING = "Answer with {what} and nothing else: no introduction, no code fence."
_UNSUPPORTED = frozenset(
    (
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems"),
        *("minProperties", "maxProperties", "patternProperties", "propertyNames"),
        *("not", "if", "then", "else", "default", "examples", "title", "$schema", "$id"),
    )
)
"""What the API refuses in the schema of an answer, or does not need."""


def body_of(call: Call, card: ModelCard) -> Json:
    """The request but for what says where it goes: model, stream, version."""
    known = traits(card.name)
    system, rest = _split(call)
    limit = _limit(call, card)
    thinking = _thinking(call, card, known, limit)
    conversation = turns(rest, card, thoughts=_is_on(thinking))
    if thinking and thinking["type"] == "enabled" and not begins_with_thought(conversation):
        # The API refuses to begin thinking in the middle of a turn.
        thinking = None
        conversation = turns(rest, card, thoughts=False)
    body: Json = {"max_tokens": limit, "messages": conversation}
    body |= _tools(call, card, known, conversation)
    if thinking:
        body["thinking"] = thinking
    if known.sampling and not _is_on(thinking) and call.temperature is not None:
        body["temperature"] = min(max(call.temperature, 0.0), 1.0)
    if output := _output(call, known, thinking):
        body["output_config"] = output
    if said := [*system, *_format_in_words(call, known)]:
        body["system"] = said
    _mark(body)
    if _is_forced(call) and not known.forced and card.tools:
        conversation[-1]["content"].append(text_block(_demand(call.tool_choice)))
    return body


def betas(body: Json) -> list[str]:
    """The features of a request that the API wants to be told of."""
    return [BINDING_CONTROLS] if "block_binding" in body.get("thinking", {}) else []


def own_names(call: Call) -> dict[str, str]:
    """The names of the offered tools by those that are sent."""
    return {tool_name(tool.name): tool.name for tool in call.tools}


def _split(call: Call) -> tuple[list[Json], Sequence[Any]]:
    """The system text that the messages start with, and the rest of them."""
    count = next((n for n, message in enumerate(call.messages) if message.role != "system"), len(call.messages))
    said = [text_block(message.text) for message in call.messages[:count] if message.text.strip()]
    return said, call.messages[count:]


def _limit(call: Call, card: ModelCard) -> int:
    largest = card.max_output_tokens
    wanted = call.max_tokens if call.max_tokens and call.max_tokens > 0 else USUAL_OUTPUT
    return min(wanted, largest) if largest else wanted


def _is_on(thinking: Json | None) -> bool:
    return thinking is not None and thinking["type"] in ("enabled", "adaptive")


def _thinking(call: Call, card: ModelCard, known: Traits, limit: int) -> Json | None:
    """How the model is told to think, or not to. With a tool that it must call it cannot."""
    if known.thinking is None or (known is UNKNOWN and not card.reasoning):
        return None
    budget = _budget(call.settings)
    is_off = budget is None or (known.forced and _is_forced(call))
    if known.thinking == "budget":
        fitting = 0 if budget is None or is_off else min(budget, limit - limit // 4)
        return {"type": "enabled", "budget_tokens": fitting} if fitting >= SMALLEST_BUDGET else None
    if is_off and known.off:
        return {"type": known.off}
    thinking: Json = {"type": "adaptive", "display": "omitted" if budget is None else "summarized"}
    if known.bound:
        # The prompt changes with the agent's memory: thoughts from before that are dropped, not refused.
        thinking["block_binding"] = {"prefix_mismatch_behavior": "drop_block"}
    return thinking


def _budget(settings: Json) -> int | None:
    """How many tokens the model may think, in either generation's words; None when it shall not."""
    thinking: Json | None = settings.get("thinking")
    if thinking is None:
        is_on, budget = settings.get("enable_reasoner", True), settings.get("max_reasoning_tokens")
    else:
        is_on, budget = thinking.get("type") != "disabled", thinking.get("budget_tokens")
    return max(budget or SMALLEST_BUDGET, SMALLEST_BUDGET) if is_on else None


def _is_forced(call: Call) -> bool:
    return bool(call.tools) and call.tool_choice not in ("auto", "none")


def _tools(call: Call, card: ModelCard, known: Traits, conversation: list[Json]) -> Json:
    """The tools and which of them to call. Calls in the conversation are refused without any tools."""
    if not card.tools:
        return {}
    if not call.tools:
        past = [{"name": name, "input_schema": _schema({})} for name in called(conversation)]
        return {"tools": past, "tool_choice": {"type": "none"}} if past else {}
    tools = [_tool(tool) for tool in call.tools]
    if call.tool_choice == "none":
        return {"tools": tools, "tool_choice": {"type": "none"}}
    choice: Json = _choice(call) if known.forced else {"type": "auto"}
    if not call.parallel_tool_calls:
        choice["disable_parallel_tool_use"] = True
    return {"tools": tools, "tool_choice": choice}


def _choice(call: Call) -> Json:
    """Which tools may be called, in the API's words."""
    match call.tool_choice:
        case "auto":
            return {"type": "auto"}
        case "required":
            return {"type": "any"}
        case name:
            return {"type": "tool", "name": tool_name(name)}


def _demand(choice: str) -> str:
    """What a model that cannot be made to call a tool is told."""
    what = "one of the tools" if choice == "required" else f"the tool {tool_name(choice)}"
    return f"[Answer by calling {what}.]"


def _tool(tool: ToolSchema) -> Json:
    body: Json = {"name": tool_name(tool.name), "input_schema": _schema(tool.parameters)}
    return {**body, "description": tool.description} if tool.description.strip() else body


def _schema(parameters: Json) -> Json:
    if parameters.get("type") == "object":
        return parameters
    return {"properties": {}, **parameters, "type": "object"}


def _output(call: Call, known: Traits, thinking: Json | None) -> Json:
    output: Json = {}
    effort: Any = call.settings.get("effort") or call.settings.get("reasoning_effort")
    if known.efforts and effort and effort != "none":
        output["effort"] = _effort(effort, known, is_off=thinking is not None and not _is_on(thinking))
    if (schema := _wanted_schema(call)) is not None and known.formats:
        output["format"] = {"type": "json_schema", "schema": closed(schema)}
    return output


def _effort(wanted: str, known: Traits, *, is_off: bool) -> str:
    """The nearest level that the model has; without thinking none is above "high"."""
    if wanted not in known.efforts:
        wanted = "low" if wanted == "minimal" else "high"
    return "high" if is_off and wanted in ("xhigh", "max") else wanted


def _wanted_schema(call: Call) -> Json | None:
    wanted = call.response_format or {}
    named: Json = wanted.get("json_schema") or {}
    schema: Any = named.get("schema", named)
    return cast(Json, schema) if wanted.get("type") == "json_schema" and schema and isinstance(schema, dict) else None


def _format_in_words(call: Call, known: Traits) -> list[Json]:
    """What the API has no field for: JSON without a schema, or a schema for a model that is older than they are."""
    schema = _wanted_schema(call)
    if schema is not None and not known.formats:
        return [text_block(_CLOSING.format(what=f"JSON that fits this schema: {orjson.dumps(schema).decode()}"))]
    if schema is None and (call.response_format or {}).get("type") in ("json_object", "json_schema"):
        return [text_block(_CLOSING.format(what="one JSON object"))]
    return []


def closed(schema: Any) -> Any:
    """A schema as the API takes it: every object closed, without the limits that it cannot enforce."""
    if isinstance(schema, list):
        return [closed(each) for each in cast(list[Any], schema)]
    if not isinstance(schema, dict):
        return schema
    node = {name: value for name, value in cast(Json, schema).items() if name not in _UNSUPPORTED}
    for name in ("properties", "$defs", "definitions"):
        if isinstance(named := cast(Json, schema).get(name), dict):
            node[name] = {key: closed(value) for key, value in cast(Json, named).items()}
    for name in ("items", "anyOf", "allOf"):
        if name in node:
            node[name] = closed(node[name])
    if "oneOf" in node:
        node["anyOf"] = closed(node.pop("oneOf"))
    if node.get("type") == "object" or "properties" in node:
        node |= {"type": "object", "additionalProperties": False}
    return node


def _mark(body: Json) -> None:
    """Say what may be kept between requests: the tools, the system text, and the conversation up to its last turns."""
    if tools := body.get("tools"):
        tools[-1] = {**tools[-1], "cache_control": MARK}
    if system := body.get("system"):
        system[-1] = {**system[-1], "cache_control": MARK}
    for turn in [turn for turn in body["messages"] if turn["role"] == "user"][-2:]:
        turn["content"][-1] = {**turn["content"][-1], "cache_control": MARK}
