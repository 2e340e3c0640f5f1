"""`holdfast/demo`: a model made of rules, so that everything can be tried with no key and no network."""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

from holdfast.llm.catalog import DEMO
from holdfast.llm.demo import plan, summary, toolcalls
from holdfast.llm.demo.language import detect
from holdfast.llm.demo.plan import Say, UseTool
from holdfast.llm.model import Call, Delta, Finish, Listed, TextDelta, ToolCallDelta, Usage
from holdfast.messages.model import Message

_PIECE = re.compile(r"[\u3400-\u9fff，。！？：；]{1,4}|[^\s\u3400-\u9fff，。！？：；]+\s*|\s+")


class DemoProvider:
    """The demo model as a provider."""

    async def stream(self, call: Call) -> AsyncIterator[Delta]:
        """The answer, in pieces as a model would write it."""
        action = _action(call)
        if isinstance(action, UseTool):
            arguments = json.dumps(action.arguments, ensure_ascii=False)
            yield ToolCallDelta(0, _call_id(call, action.name, arguments), action.name)
            for start in range(0, len(arguments), 64):
                yield ToolCallDelta(0, arguments=arguments[start : start + 64])
            yield _usage(call, action.name + arguments)
            yield Finish("tool_calls")
            return
        pieces = list(_pieces(action.text))
        kept = pieces[: call.max_tokens] if call.max_tokens else pieces
        for piece in kept:
            yield TextDelta(piece)
        yield _usage(call, "".join(kept))
        yield Finish("stop" if len(kept) == len(pieces) else "length")

    async def models(self) -> list[Listed]:
        return [Listed(DEMO.name, DEMO.context_window, DEMO.max_output_tokens)]

    def preview(self, call: Call) -> dict[str, Any]:
        """What the rules would read: the model is inside the server, so that nothing is sent."""
        return {
            "model": call.model,
            "messages": [{"role": message.role, "content": _written(message)} for message in call.messages],
            "tools": [tool.name for tool in call.tools],
            "tool_choice": call.tool_choice,
        }


def _action(call: Call) -> UseTool | Say:
    if summary.wanted(call):
        return Say(summary.of(call))
    action = plan.next_action(call)
    schema = _response_schema(call)
    if isinstance(action, Say) and schema is not None:
        answer = toolcalls.for_schema(schema, action.text, detect(action.text))
        return Say(json.dumps(answer, ensure_ascii=False))
    return action


def _response_schema(call: Call) -> dict[str, Any] | None:
    """The schema that the answer must follow; for mere JSON, an object with one text."""
    wanted = call.response_format or {}
    if wanted.get("type") == "json_schema":
        inner: Any = wanted.get("json_schema") or wanted
        schema: Any = inner.get("schema") if isinstance(inner, dict) else None  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType] -- a client's JSON
        return schema if isinstance(schema, dict) else {}  # pyright: ignore[reportUnknownVariableType] -- a client's JSON
    if wanted.get("type") == "json_object":
        return {"properties": {"answer": {"type": "string"}}, "required": ["answer"]}
    return None


def _pieces(text: str) -> Iterator[str]:
    return (match[0] for match in _PIECE.finditer(text))


def _call_id(call: Call, name: str, arguments: str) -> str:
    place = f"{len(call.messages)}\n{call.messages[-1].id if call.messages else ''}"
    return "call_" + hashlib.sha256(f"{place}\n{name}\n{arguments}".encode()).hexdigest()[:8]


def _written(message: Message) -> str:
    calls = [f"{part.name}({part.arguments})" for part in message.calls]
    return "\n".join([message.text, *calls, *(part.output for part in message.returns)]).strip()


def _usage(call: Call, written: str) -> Usage:
    read = sum(_tokens(_written(message)) + 4 for message in call.messages)
    read += sum(_tokens(tool.name + tool.description + json.dumps(tool.parameters)) for tool in call.tools)
    wrote = max(1, _tokens(written))
    return Usage(prompt_tokens=read, completion_tokens=wrote, total_tokens=read + wrote)


def _tokens(text: str) -> int:
    """An estimate: four letters a token, one token for each Chinese character."""
    wide = sum(character >= "\u3400" for character in text)
    return wide + (len(text) - wide + 3) // 4
