"""What a small model is told whose answer was none, and what is said in its place when that does not help. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from holdfast.kit.ids import new_id
from holdfast.llm.model import Call, ToolSchema
from holdfast.loop.recalled import Recalled
from holdfast.messages.model import Message, TextPart

SAY = "say"
LONGEST_ECHO = 2_000
"""Characters of its own answer that the model is shown again."""
KNOWN = "I could not find the right words just now. This is what I know about it:"
UNKNOWN = "I could not find the right words just now. Please say it once more, in other words."


def corrected(call: Call, tools: Sequence[ToolSchema], said: str, fault: str) -> Call:
    """The question once more, with what was wrong; where a server can, it holds the answer to text or one call."""
    offered = {tool.name: tool for tool in call.tools}
    shown = [tool for tool in tools if tool.name in offered]
    wrong = f"That was no valid tool call: {fault}" if fault else "That answer was empty."
    names = ", ".join(map(_signature, shown)) or "none"
    told = (
        f"{wrong} Your tools: {names}. Answer with one JSON object and nothing else: "
        f'{{"{SAY}": "your text"}} to say something, or {{"name": "the tool", "arguments": {{…}}}} to call a tool.'
    )
    return replace(
        _told(call, said, told),
        tools=(),
        tool_choice="auto",
        response_format=call.response_format or {"type": "json_schema", "json_schema": form(shown)},
    )


def plain(call: Call, tools: Sequence[ToolSchema], said: str, fault: str) -> Call:
    """The question once more, for nothing but text."""
    told = "Use no tool now. Answer the message above in one or two plain sentences."
    return replace(_told(call, "", told), tools=(), tool_choice="auto")


def form(tools: Sequence[ToolSchema]) -> dict[str, Any]:
    """The schema of text or one call."""
    say = {"type": "object", "properties": {SAY: {"type": "string"}}, "required": [SAY]}
    calls = [
        {
            "type": "object",
            "properties": {"name": {"type": "string", "enum": [tool.name]}, "arguments": tool.parameters},
            "required": ["name", "arguments"],
        }
        for tool in tools
    ]
    return {"name": "answer", "schema": {"anyOf": [*calls, say]} if calls else say}


def last_words(recalled: Recalled | None) -> str:
    """What is said when the model has nothing to say."""
    if recalled is None:
        return UNKNOWN
    return "\n".join((KNOWN, *(f"- {memory.text}" for memory in recalled.memories)))


def instructed(call: Call) -> Call:
    """The call with its tools described in its system message, for a model whose server tells it of none."""
    system, *others = call.messages
    listed = "\n".join(f"- {_signature(tool)}: {tool.description}" for tool in call.tools)
    told = (
        f"{system.text}\n\nTo call one of these tools, write nothing but one JSON object, "
        f'{{"name": "the tool", "arguments": {{…}}}}. To answer, write text.\n{listed}'
    )
    return replace(call, messages=[system.model_copy(update={"content": [TextPart(text=told)]}), *others])


def _signature(tool: ToolSchema) -> str:
    """The tool's name with those of its arguments."""
    required = set(cast(list[str], tool.parameters.get("required") or []))
    names = cast(dict[str, Any], tool.parameters.get("properties") or {})
    return f"{tool.name}({', '.join(name if name in required else f'{name}?' for name in names)})"


def _told(call: Call, said: str, told: str) -> Call:
    """The call with its answer and what there is to say about it behind it, and without thoughts."""
    last = call.messages[-1]
    echo = [_message(last, "assistant", said[:LONGEST_ECHO])] if said.strip() else []
    return replace(
        call,
        messages=[*call.messages, *echo, _message(last, "user", told)],
        settings={**call.settings, "enable_reasoner": False},
    )


def _message(like: Message, role: Any, text: str) -> Message:
    """A message that is sent and not stored."""
    return like.model_copy(update={"id": new_id("message"), "role": role, "content": [TextPart(text=text)]})
