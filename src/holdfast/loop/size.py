"""How many tokens a request takes: an estimate, near enough to know in time that it will not fit."""

from collections.abc import Iterable

from holdfast.llm.model import Call, ToolSchema
from holdfast.llm.tokens import estimate
from holdfast.messages.model import ImagePart, Message, Part, ReasoningPart, TextPart, ToolCallPart, ToolReturnPart
from holdfast.store.jsontext import to_json

REQUEST, MESSAGE, TOOL, TOOL_CALL, IMAGE = 50, 10, 20, 30, 1000
"""What a request, and each thing in it, takes besides its text."""


def of_call(call: Call) -> int:
    return of_fixed(call) + of_messages(call.messages[1:])


def of_fixed(call: Call) -> int:
    """What no compaction can shorten: the prompt and the tools."""
    return REQUEST + of_messages(call.messages[:1]) + sum(map(_tool, call.tools))


def of_messages(messages: Iterable[Message]) -> int:
    return sum(map(of_message, messages))


def of_message(message: Message) -> int:
    return MESSAGE + sum(map(_part, message.content))


def _part(part: Part) -> int:
    match part:
        case TextPart():
            return estimate(part.text)
        case ToolCallPart():
            return TOOL_CALL + estimate(part.name) + estimate(part.arguments)
        case ToolReturnPart():
            return MESSAGE + estimate(part.output)
        case ReasoningPart():
            return estimate(part.reasoning)
        case ImagePart():
            return IMAGE
        case _:
            return 0


def _tool(tool: ToolSchema) -> int:
    return TOOL + estimate(tool.name) + estimate(tool.description) + estimate(to_json(tool.parameters))
