"""One stored message as the V1 messages that clients see (CONTRACT §3.4)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any, cast
from uuid import uuid4

import orjson

from holdfast.messages.model import (
    ApprovalPart,
    ImagePart,
    Message,
    OmittedReasoningPart,
    Part,
    ReasoningPart,
    RedactedReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from holdfast.messages.shapes import CompactionStats, Content, LettaMessage, MessageType, ToolCall, ToolReturnJson

Body = dict[str, Any]
"""What one message type has beyond the fields that all share."""


@dataclass(frozen=True, slots=True)
class View:
    """How a client wants to see messages."""

    types: frozenset[MessageType] | None = None
    """Only these; None for all."""
    summaries: bool = False
    """Show a summary as `summary_message` instead of a `user_message`."""
    use_assistant_message: bool = True
    """Show what an agent says through its messaging tool as `assistant_message`, and hide that tool's return."""
    tool_name: str = "send_message"
    tool_kwarg: str = "message"


PLAIN = View()

ROLES: dict[MessageType, tuple[Role, ...]] = {
    "system_message": ("system",),
    "user_message": ("user", "summary"),
    "assistant_message": ("assistant", "approval"),
    "reasoning_message": ("assistant", "approval"),
    "hidden_reasoning_message": ("assistant", "approval"),
    "tool_call_message": ("assistant", "approval"),
    "tool_return_message": ("tool",),
    "approval_request_message": ("approval",),
    "approval_response_message": ("approval",),
    "summary_message": ("summary",),
    "event_message": (),
}
"""Which stored messages can come out as a type."""


def expand(message: Message, view: View = PLAIN) -> list[LettaMessage]:
    """The V1 messages of one stored message, in order; they share its id."""
    common = {
        "id": message.id,
        "date": message.created_at.astimezone(UTC).isoformat(timespec="seconds"),
        "name": message.name,
        "sender_id": message.sender_id,
        "step_id": message.step_id,
        "is_err": message.is_err or None,
        "seq_id": None,
        "run_id": message.run_id,
    }
    types = view.types
    shown = [
        {**common, "otid": _otid(message, index), **body}
        for index, body in enumerate(BODIES[message.role](message, view))
        if types is None or body["message_type"] in types
    ]
    return cast(list[LettaMessage], shown)


def expand_all(messages: Iterable[Message], view: View = PLAIN) -> list[LettaMessage]:
    return [shown for message in messages for shown in expand(message, view)]


def compacted(summary: Message, stats: CompactionStats, view: View) -> list[LettaMessage]:
    """What happened to the context, and the summary that now stands for its older part."""
    shown: Body = {**expand(summary, replace(view, types=None))[0], "compaction_stats": stats}
    event: Body = {
        **{name: shown[name] for name in shown if name not in ("summary", "compaction_stats")},
        "id": str(uuid4()),
        "otid": None,
        "message_type": "event_message",
        "event_type": "compaction",
        "event_data": {
            "trigger": stats["trigger"],
            "context_token_estimate": stats["context_tokens_before"],
            "context_window": stats["context_window"],
        },
    }
    types = view.types
    wanted = [each for each in (event, shown) if types is None or each["message_type"] in types]
    return cast(list[LettaMessage], wanted)


def roles_of(types: Iterable[MessageType]) -> list[Role]:
    """The roles of stored messages that a filter on types can let through."""
    return sorted({role for kind in types for role in ROLES[kind]})


def part_otid(message_id: str, index: int) -> str:
    """The id of one part of a message, the same in a stream and in a list: its uuid with the low 7 bits replaced."""
    return f"{message_id[-36:-2]}{_TOP_BIT.get(message_id[-2:], 0) | index & 0x7F:02x}"


_TOP_BIT = {f"{byte:02x}": byte & 0x80 for byte in range(256)}


def _otid(message: Message, index: int) -> str:
    if message.otid is not None and index == 0:
        return message.otid
    return part_otid(message.id, index)


def _system(message: Message, view: View) -> list[Body]:
    return [{"message_type": "system_message", "content": message.text}]


def _user(message: Message, view: View) -> list[Body]:
    return [{"message_type": "user_message", "content": _user_content(message.content)}]


def _user_content(parts: Sequence[Part]) -> str | list[Content]:
    if len(parts) == 1 and isinstance(parts[0], TextPart):
        text = parts[0].text
        packed = envelope(text, '{"type":', "user_message")
        return text if packed is None else str(packed["message"])
    return [content_of(part) for part in parts if isinstance(part, TextPart | ImagePart)] or ""


def _summary(message: Message, view: View) -> list[Body]:
    text = message.text
    packed = envelope(text, '{"type":', "system_alert") or {"message": text}
    if not view.summaries:
        return [{"message_type": "user_message", "content": str(packed["message"])}]
    stats = packed.get("compaction_stats")
    return [{"message_type": "summary_message", "summary": str(packed["message"]), "compaction_stats": stats}]


def _assistant(message: Message, view: View) -> list[Body]:
    calls, said = _spoken(message.calls, view)
    bodies = [body for part in message.content if (body := _thought(part, inner=bool(said))) is not None]
    bodies += [{"message_type": "assistant_message", "content": text} for text in said]
    if calls:
        bodies.append(_calls("tool_call_message", calls))
    return bodies or [{"message_type": "assistant_message", "content": ""}]


def _approval(message: Message, view: View) -> list[Body]:
    """A request that waits for a decision, or the decision."""
    calls = message.calls
    if not calls:
        return [_decision(message.content)]
    bodies = [body for part in message.content if (body := _thought(part, inner=False)) is not None]
    waiting = message.waiting
    if withheld := [call for call in calls if call not in waiting]:
        bodies.append(_calls("tool_call_message", withheld))
    return [*bodies, _calls("approval_request_message", waiting)]


def _thought(part: Part, *, inner: bool) -> Body | None:
    """What the model said or thought; text beside a call of the messaging tool is an inner thought."""
    if isinstance(part, TextPart):
        if not part.text:
            return None
        if inner:
            return _reasoning(part.text, native=False, signature=part.signature)
        return {"message_type": "assistant_message", "content": part.text}
    if isinstance(part, ReasoningPart):
        return _reasoning(part.reasoning, native=part.is_native, signature=part.signature)
    if isinstance(part, RedactedReasoningPart):
        return {"message_type": "hidden_reasoning_message", "state": "redacted", "hidden_reasoning": part.data}
    if isinstance(part, OmittedReasoningPart):
        return {"message_type": "hidden_reasoning_message", "state": "omitted", "hidden_reasoning": None}
    return None


def _reasoning(text: str, *, native: bool, signature: str | None) -> Body:
    source = "reasoner_model" if native else "non_reasoner_model"
    return {"message_type": "reasoning_message", "source": source, "reasoning": text, "signature": signature}


def _spoken(calls: list[ToolCallPart], view: View) -> tuple[list[ToolCallPart], list[str]]:
    """The calls that are shown as calls, and what the others say."""
    if not view.use_assistant_message or not any(call.name == view.tool_name for call in calls):
        return calls, []
    shown, said = list[ToolCallPart](), list[str]()
    for call in calls:
        text = _argument(call, view.tool_kwarg) if call.name == view.tool_name else None
        if text is None:
            shown.append(call)
        else:
            said.append(text)
    return shown, said


def _argument(call: ToolCallPart, name: str) -> str | None:
    try:
        value = orjson.loads(call.arguments)[name]
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        return None
    return value if isinstance(value, str) else None


def _calls(message_type: str, calls: Sequence[ToolCallPart]) -> Body:
    shown = [call_of(call) for call in calls]
    return {"message_type": message_type, "tool_call": shown[0], "tool_calls": shown}


def call_of(call: ToolCallPart) -> ToolCall:
    return {"name": call.name, "arguments": call.arguments, "tool_call_id": call.id}


def _tool(message: Message, view: View) -> list[Body]:
    returns = message.returns
    if view.use_assistant_message:
        returns = [part for part in returns if part.name != view.tool_name or part.status == "error"]
    if not returns:
        return []
    shown = [return_of(part) for part in returns]
    first = shown[0]
    body: Body = {
        "message_type": "tool_return_message",
        "tool_return": plain(first["tool_return"]),
        "status": first["status"],
        "tool_call_id": first["tool_call_id"],
        "stdout": first["stdout"],
        "stderr": first["stderr"],
        "tool_returns": shown,
    }
    return [body if message.name else {**body, "name": returns[0].name}]


def return_of(part: ToolReturnPart) -> ToolReturnJson:
    """A tool's answer; the envelope in which V1 stored them is taken off."""
    text, status = part.output, part.status
    packed = envelope(text, '{"status":', "OK", "Failed")
    if packed is not None:
        text = _text(packed["message"])
        status = "error" if packed["status"] == "Failed" else status
    return {
        "type": "tool",
        "tool_return": [content_of(each) for each in part.parts] if part.parts else text,
        "status": status,
        "tool_call_id": part.call_id,
        "stdout": part.stdout,
        "stderr": part.stderr,
    }


def plain(returned: str | list[Content]) -> str:
    """Text for the fields that can hold nothing else."""
    if isinstance(returned, str):
        return returned
    return "\n".join(part["text"] if part["type"] == "text" else "[Image]" for part in returned)


def _decision(parts: Sequence[Part]) -> Body:
    first = next((part for part in parts if isinstance(part, ApprovalPart)), None)
    return {
        "message_type": "approval_response_message",
        "approvals": decisions_of(parts),
        "approve": None if first is None else first.approve,
        "approval_request_id": None if first is None else first.request_id,
        "reason": None if first is None else first.reason,
    }


def decisions_of(parts: Sequence[Part]) -> list[Body]:
    """What was decided call by call: an approval, or the result of a call that the client ran itself."""
    decisions = list[Body]()
    for part in parts:
        if isinstance(part, ApprovalPart):
            decided = {"tool_call_id": part.call_id, "approve": part.approve, "reason": part.reason}
            decisions.append({"type": "approval", **decided})
        elif isinstance(part, ToolReturnPart):
            decisions.append({**return_of(part)})
    return decisions


def content_of(part: TextPart | ImagePart) -> Content:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text, "signature": part.signature}
    return cast(Content, {"type": "image", "source": part.source.model_dump()})


def envelope(text: str, start: str, *kinds: str) -> dict[str, Any] | None:
    """The JSON in which V1 wrapped stored texts (CONTRACT §6.5), when this text is of one of these kinds."""
    if not text.startswith(start):
        return None
    try:
        packed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    first = start[2:-2]
    return packed if packed[first] in kinds and "message" in packed and "time" in packed else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


BODIES: dict[Role, Callable[[Message, View], list[Body]]] = {
    "system": _system,
    "user": _user,
    "assistant": _assistant,
    "tool": _tool,
    "approval": _approval,
    "summary": _summary,
}
