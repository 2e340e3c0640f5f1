"""What clients send as messages (CONTRACT §3.1, §19): shapes of the wire, turned into the message model here."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, cast
from uuid import uuid4

import orjson
from pydantic import BeforeValidator, Discriminator, Field, Tag

from holdfast.errors import BadRequest
from holdfast.kit.entity import Shape
from holdfast.kit.ids import new_id
from holdfast.messages.model import (
    ImagePart,
    Message,
    OmittedReasoningPart,
    Part,
    ReasoningPart,
    RedactedReasoningPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)


class ReasoningContent(Shape):
    type: Literal["reasoning"] = "reasoning"
    is_native: bool = True
    reasoning: str
    signature: str | None = None


class ToolCallContent(Shape):
    type: Literal["tool_call"] = "tool_call"
    id: str
    name: str
    input: dict[str, Any]
    signature: str | None = None


class ToolReturnContent(Shape):
    type: Literal["tool_return"] = "tool_return"
    tool_call_id: str
    content: str
    is_error: bool = False


class SummaryText(Shape):
    index: int
    text: str


class SummarizedReasoningContent(Shape):
    type: Literal["summarized_reasoning"] = "summarized_reasoning"
    id: str
    summary: list[SummaryText]
    encrypted_content: str | None = None


def _with_type(sent: Any) -> Any:
    """The SDK lets `type` be left out of texts and images, and of where these come from: what they hold says it."""
    if not isinstance(sent, dict):
        return sent
    part = _typed(cast(dict[str, Any], sent), {"text": "text", "source": "image"})
    if not isinstance(part.get("source"), dict):
        return part
    return {**part, "source": _typed(part["source"], {"url": "url", "file_id": "letta", "data": "base64"})}


def _typed(sent: dict[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    """The object with the type that the first of these keys gives away, unless it says its type itself."""
    if sent.get("type") is not None:
        return sent
    kind = next((kind for key, kind in kinds.items() if key in sent), None)
    return {**sent, "type": kind} if kind else sent


Content = Annotated[
    TextPart
    | ImagePart
    | ToolCallContent
    | ToolReturnContent
    | ReasoningContent
    | RedactedReasoningPart
    | OmittedReasoningPart
    | SummarizedReasoningContent,
    Field(discriminator="type"),
    BeforeValidator(_with_type),
]


class MessageCreate(Shape):
    """A message to an agent."""

    type: Literal["message"] | None = "message"
    role: Literal["user", "system", "assistant"]
    content: str | list[Content]
    name: str | None = None
    otid: str | None = None
    sender_id: str | None = None
    group_id: str | None = None
    batch_item_id: str | None = None


class ApprovalReturn(Shape):
    """A decision about one call that waited for it."""

    type: Literal["approval"] | None = "approval"
    tool_call_id: str
    approve: bool
    reason: str | None = None


class ToolReturn(Shape):
    """The result of a call that the client ran itself."""

    type: Literal["tool"] | None = "tool"
    tool_call_id: str
    tool_return: str | list[Annotated[TextPart | ImagePart, Field(discriminator="type"), BeforeValidator(_with_type)]]
    status: Literal["success", "error"]
    stdout: list[str] | None = None
    stderr: list[str] | None = None


def _kind_of_answer(value: Any) -> str:
    if not isinstance(value, dict):
        return "tool" if isinstance(value, ToolReturn) else "approval"
    sent = cast(dict[str, Any], value)
    return "tool" if sent.get("type") == "tool" or "tool_return" in sent else "approval"


Answer = Annotated[
    Annotated[ApprovalReturn, Tag("approval")] | Annotated[ToolReturn, Tag("tool")], Discriminator(_kind_of_answer)
]


class ApprovalCreate(Shape):
    """The answer to an approval request; the three last fields are its older form, for one call."""

    type: Literal["approval"] = "approval"
    approvals: list[Answer] | None = None
    approve: bool | None = None
    approval_request_id: str | None = None
    reason: str | None = None
    otid: str | None = None
    group_id: str | None = None


class ToolReturnCreate(Shape):
    """The results of client-side tools."""

    type: Literal["tool_return"] = "tool_return"
    tool_returns: list[ToolReturn]
    otid: str | None = None
    group_id: str | None = None


def _kind_of_input(value: Any) -> str:
    """Items without `type` are approvals when they look like one (CONTRACT §3.1)."""
    if not isinstance(value, dict):
        return str(getattr(value, "type", None) or "message")
    sent = cast(dict[str, Any], value)
    kind = sent.get("type")
    if kind in ("message", "approval", "tool_return"):
        return str(kind)
    return "approval" if "approval_request_id" in sent or "approve" in sent else "message"


InputMessage = Annotated[
    Annotated[MessageCreate, Tag("message")]
    | Annotated[ApprovalCreate, Tag("approval")]
    | Annotated[ToolReturnCreate, Tag("tool_return")],
    Discriminator(_kind_of_input),
]


def parts_of(content: str | Sequence[Content]) -> list[Part]:
    """The parts of the message model that some content stands for; empty content is an error."""
    parts: list[Part] = [TextPart(text=content)] if isinstance(content, str) else [part_of(each) for each in content]
    if not any(not isinstance(part, TextPart) or part.text for part in parts):
        raise BadRequest("A message's content is empty; send some text or an image.")
    return parts


def part_of(content: Content) -> Part:
    """The part of the message model that a piece of content stands for."""
    match content:
        case ToolCallContent():
            arguments = orjson.dumps(content.input).decode()
            return ToolCallPart(id=content.id, name=content.name, arguments=arguments, signature=content.signature)
        case ToolReturnContent():
            status = "error" if content.is_error else "success"
            return ToolReturnPart(call_id=content.tool_call_id, name="", output=content.content, status=status)
        case ReasoningContent():
            return ReasoningPart(reasoning=content.reasoning, is_native=content.is_native, signature=content.signature)
        case SummarizedReasoningContent():
            return ReasoningPart(reasoning="\n".join(part.text for part in content.summary))
        case _:
            return content


def stored(sent: MessageCreate, **where: Any) -> Message:
    """The message that is kept of one that was sent; `where` says whose it is and in which thread."""
    return Message(
        **where,
        id=new_id("message"),
        role=sent.role,
        content=parts_of(sent.content),
        name=sent.name,
        otid=sent.otid or str(uuid4()),
        sender_id=sent.sender_id,
        group_id=sent.group_id,
        batch_item_id=sent.batch_item_id,
    )
