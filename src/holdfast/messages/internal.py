"""A stored message as V1's InternalMessage (CONTRACT §19), which search results and agent files show."""

from datetime import UTC
from typing import Annotated, Any, Literal, cast

from pydantic import Field
from typing_extensions import TypedDict

from holdfast.messages import wire
from holdfast.messages.model import (
    ApprovalPart,
    ImagePart,
    Message,
    OmittedReasoningPart,
    Part,
    ReasoningPart,
    RedactedReasoningPart,
    TextPart,
    ToolReturnPart,
)
from holdfast.messages.shapes import ApprovalReturnJson, ImageContent, TextContent, Timestamp


class CalledTool(TypedDict):
    id: str
    name: str
    input: dict[str, Any]
    type: Literal["tool_call"]
    signature: str | None


class ReturnedTool(TypedDict):
    tool_call_id: str
    content: str
    is_error: bool
    type: Literal["tool_return"]


class Reasoning(TypedDict):
    type: Literal["reasoning"]
    is_native: bool
    reasoning: str
    signature: str | None


class RedactedReasoning(TypedDict):
    type: Literal["redacted_reasoning"]
    data: str


class OmittedReasoning(TypedDict):
    type: Literal["omitted_reasoning"]
    signature: str | None


class SummaryPart(TypedDict):
    index: int
    text: str


class SummarizedReasoning(TypedDict):
    type: Literal["summarized_reasoning"]
    id: str
    summary: list[SummaryPart]
    encrypted_content: str | None


InternalContent = Annotated[
    TextContent
    | ImageContent
    | CalledTool
    | ReturnedTool
    | Reasoning
    | RedactedReasoning
    | OmittedReasoning
    | SummarizedReasoning,
    Field(discriminator="type"),
]


class Function(TypedDict):
    name: str
    arguments: str


class FunctionCall(TypedDict):
    id: str
    function: Function
    type: Literal["function"]


class InternalReturn(TypedDict):
    tool_call_id: str | None
    status: Literal["success", "error"]
    stdout: list[str] | None
    stderr: list[str] | None
    func_response: str | list[TextContent | ImageContent] | None


class InternalMessage(TypedDict):
    created_by_id: str | None
    last_updated_by_id: str | None
    created_at: Timestamp
    updated_at: Timestamp | None
    id: str
    agent_id: str | None
    model: str | None
    role: Literal["assistant", "user", "tool", "function", "system", "approval", "summary"]
    content: list[InternalContent] | None
    name: str | None
    tool_calls: list[FunctionCall] | None
    tool_call_id: str | None
    step_id: str | None
    run_id: str | None
    otid: str | None
    tool_returns: list[InternalReturn] | None
    group_id: str | None
    sender_id: str | None
    batch_item_id: str | None
    conversation_id: str | None
    is_err: bool | None
    approval_request_id: str | None
    approve: bool | None
    denial_reason: str | None
    approvals: list[ApprovalReturnJson | InternalReturn] | None


def internal(message: Message) -> InternalMessage:
    """One stored message, whole."""
    returns = message.returns
    decisions = message.decisions
    first = decisions[0] if decisions else None
    return {
        "created_by_id": message.created_by_id,
        "last_updated_by_id": message.last_updated_by_id,
        "created_at": message.created_at.astimezone(UTC).isoformat(),
        "updated_at": message.updated_at.astimezone(UTC).isoformat(),
        "id": message.id,
        "agent_id": message.agent_id,
        "model": message.model,
        "role": message.role,
        "content": [content for part in message.content if (content := _content(part)) is not None],
        "name": message.name,
        "tool_calls": _calls(message),
        "tool_call_id": returns[0].call_id if returns else None,
        "step_id": message.step_id,
        "run_id": message.run_id,
        "otid": message.otid,
        "tool_returns": [_returned(part) for part in returns],
        "group_id": message.group_id,
        "sender_id": message.sender_id,
        "batch_item_id": message.batch_item_id,
        "conversation_id": None if message.thread_id == message.agent_id else message.thread_id,
        "is_err": message.is_err,
        "approval_request_id": first.request_id if first else None,
        "approve": first.approve if first else None,
        "denial_reason": first.reason if first else None,
        "approvals": _approvals(message),
    }


def _calls(message: Message) -> list[FunctionCall] | None:
    return [
        {"id": call.id, "function": {"name": call.name, "arguments": call.arguments}, "type": "function"}
        for call in message.calls
    ] or None


def _content(part: Part) -> InternalContent | None:
    """Calls and decisions have fields of their own."""
    if isinstance(part, TextPart | ImagePart):
        return wire.content_of(part)
    if isinstance(part, ReasoningPart | RedactedReasoningPart | OmittedReasoningPart):
        return cast(InternalContent, part.model_dump())
    if isinstance(part, ToolReturnPart):
        return {"type": "text", "text": part.output, "signature": None}
    return None


def _returned(part: ToolReturnPart) -> InternalReturn:
    shown = wire.return_of(part)
    return {
        "tool_call_id": part.call_id,
        "status": shown["status"],
        "stdout": shown["stdout"],
        "stderr": shown["stderr"],
        "func_response": shown["tool_return"],
    }


def _approvals(message: Message) -> list[ApprovalReturnJson | InternalReturn] | None:
    if message.role != "approval" or message.calls:
        return None
    approvals = list[ApprovalReturnJson | InternalReturn]()
    for part in message.content:
        if isinstance(part, ApprovalPart):
            approvals.append(
                {"type": "approval", "tool_call_id": part.call_id, "approve": part.approve, "reason": part.reason}
            )
        elif isinstance(part, ToolReturnPart):
            approvals.append(_returned(part))
    return approvals
