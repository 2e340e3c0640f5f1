"""What the model is asked: the prompt, the window, what was just sent, the tools, and the chosen settings."""

from collections.abc import Sequence
from typing import Any

from holdfast.llm.model import Call, ToolSchema
from holdfast.loop import small
from holdfast.loop.repair import sendable
from holdfast.loop.rules import Allowed
from holdfast.loop.state import Turn
from holdfast.messages.model import Message, TextPart
from holdfast.messages.wire import envelope
from holdfast.prompt.skills import render_skills
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
    "return_logprobs",
    "top_logprobs",
    "return_token_ids",
)

SUMMARY = "[The conversation up to here is out of view. This is a summary of it, not a message of the user.]\n\n"


def build(turn: Turn) -> Call:
    llm, settings = turn.agent.llm, turn.agent.model_settings or {}
    if turn.thread.model_settings:
        settings = {**settings, **turn.thread.model_settings}
    now = turn.allowed
    offered = small.offered(turn.tools, now, turn.agent.tool_rules) if turn.is_small else now.names
    return Call(
        model=turn.card.name,
        messages=[_prompt(turn), *_transcript(turn)],
        tools=[turn.dialect.schema(schema_of(tool), thinks=turn.thinks) for tool in turn.tools if tool.name in offered],
        tool_choice=_choice(turn, now),
        temperature=settings.get("temperature", llm.get("temperature")),
        max_tokens=settings.get("max_output_tokens", llm.get("max_tokens")),
        parallel_tool_calls=allows_parallel_calls(turn),
        response_format=turn.agent.response_format or settings.get("response_format") or llm.get("response_format"),
        rendered=turn.transcript.rendered,
        settings={
            **{name: llm[name] for name in SETTINGS if llm.get(name) is not None},
            **further(settings),
            **turn.options.tokens,
        },
        context_window=min(turn.context_window, turn.card.context_window),
    )


def shown(turn: Turn, messages: Sequence[Message]) -> list[Message]:
    """Stored messages as the model sees them."""
    return sendable([_shown(turn, message) for message in messages])


def _transcript(turn: Turn) -> list[Message]:
    seen = [*turn.window[1:], *turn.inputs]
    sent = turn.transcript.of(seen, lambda message: _shown(turn, message), (turn.dialect.forces, turn.thinks))
    return turn.recalled.put_into(sent) if turn.recalled else sent


def _shown(turn: Turn, message: Message) -> Message:
    return turn.dialect.shown(_framed(message), thinks=turn.thinks)


def _prompt(turn: Turn) -> Message:
    """The system message, with what is true for this request alone at its end."""
    prompt, options = turn.window[0], turn.options
    compiled = small.prompt(prompt.text, turn.agent) if turn.is_small else prompt.text
    text = compiled if options.override_system is None else options.override_system
    if options.skills:
        text = f"{text}\n\n{render_skills(options.skills)}"
    if options.instructions:
        text = f"{text}\n\n{options.instructions}"
    return prompt if text == prompt.text else prompt.model_copy(update={"content": [TextPart(text=text)]})


def _choice(turn: Turn, now: Allowed) -> str:
    """Whether a tool must be called, and which when there is only one."""
    if not now.names or not (now.is_forced or turn.dialect.forces):
        return "auto"
    return now.names[0] if len(now.names) == 1 else "required"


def _framed(message: Message) -> Message:
    """A summary as the model sees it: not to be taken for something that the user said."""
    if message.role != "summary" or envelope(message.text, '{"type":', "system_alert"):
        return message
    return message.model_copy(update={"content": [TextPart(text=SUMMARY + message.text)]})


def allows_parallel_calls(turn: Turn) -> bool:
    """Several calls in one step: only when chosen, and when no rule depends on their order (CONTRACT §4.1)."""
    ordered = any(rule.type != "requires_approval" for rule in turn.agent.tool_rules)
    return bool(turn.agent.llm.get("parallel_tool_calls")) and not ordered and not turn.dialect.forces


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
