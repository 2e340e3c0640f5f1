"""What the model is asked: the prompt, the window, what was just sent, the tools, and the chosen settings."""

from typing import Any

from holdfast.llm.model import Call, ToolSchema
from holdfast.loop.repair import sendable
from holdfast.loop.state import Turn
from holdfast.messages.model import Message, TextPart
from holdfast.messages.wire import envelope
from holdfast.tools.model import Tool

SETTINGS = (
    "enable_reasoner",
    "max_reasoning_tokens",
    "reasoning_effort",
    "verbosity",
    "effort",
    "frequency_penalty",
    "tool_call_parser",
    "strict",
)

SUMMARY = "[The conversation up to here is out of view. This is a summary of it, not a message of the user.]\n\n"


def build(turn: Turn) -> Call:
    prompt, *rest = [*turn.window, *turn.inputs]
    if turn.options.override_system is not None:
        prompt = prompt.model_copy(update={"content": [TextPart(text=turn.options.override_system)]})
    llm, settings = turn.agent.llm, turn.agent.model_settings or {}
    if turn.thread.model_settings:
        settings = {**settings, **turn.thread.model_settings}
    return Call(
        model=turn.card.name,
        messages=[prompt, *sendable(list(map(framed, rest)))],
        tools=[schema_of(tool) for tool in turn.tools],
        temperature=settings.get("temperature", llm.get("temperature")),
        max_tokens=settings.get("max_output_tokens", llm.get("max_tokens")),
        parallel_tool_calls=allows_parallel_calls(turn),
        response_format=turn.agent.response_format or settings.get("response_format") or llm.get("response_format"),
        settings={**{name: llm[name] for name in SETTINGS if llm.get(name) is not None}, **further(settings)},
    )


def framed(message: Message) -> Message:
    """A summary as the model sees it: not to be taken for something that the user said."""
    if message.role != "summary" or envelope(message.text, '{"type":', "system_alert"):
        return message
    return message.model_copy(update={"content": [TextPart(text=SUMMARY + message.text)]})


def allows_parallel_calls(turn: Turn) -> bool:
    """Several calls in one step: only when chosen, and when no rule depends on their order (CONTRACT §4.1)."""
    ordered = any(rule.type != "requires_approval" for rule in turn.agent.tool_rules)
    return bool(turn.agent.llm.get("parallel_tool_calls")) and not ordered


def schema_of(tool: Tool) -> ToolSchema:
    schema = tool.json_schema or {}
    return ToolSchema(
        name=tool.name,
        description=schema.get("description") or tool.description or "",
        parameters=schema.get("parameters") or {"type": "object", "properties": {}},
    )


def further(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings that a call has no field of its own for."""
    taken = ("provider_type", "temperature", "max_output_tokens", "parallel_tool_calls", "response_format")
    return {name: value for name, value in settings.items() if name not in taken and value is not None}
