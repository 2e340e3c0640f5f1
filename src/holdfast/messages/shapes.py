"""What V1 clients read as messages (CONTRACT §3.4, §19): one typed dictionary per `message_type`."""

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema
from typing_extensions import TypedDict

Timestamp = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""A moment that is text already when it is encoded."""

MessageType = Literal[
    "system_message",
    "user_message",
    "assistant_message",
    "reasoning_message",
    "hidden_reasoning_message",
    "tool_call_message",
    "tool_return_message",
    "approval_request_message",
    "approval_response_message",
    "summary_message",
    "event_message",
]


class TextContent(TypedDict):
    type: Literal["text"]
    text: str
    signature: str | None


class UrlSource(TypedDict):
    type: Literal["url"]
    url: str


class Base64Source(TypedDict):
    type: Literal["base64"]
    media_type: str
    data: str
    detail: str | None


class LettaSource(TypedDict):
    type: Literal["letta"]
    file_id: str
    media_type: str | None
    data: str | None
    detail: str | None


class ImageContent(TypedDict):
    type: Literal["image"]
    source: Annotated[UrlSource | Base64Source | LettaSource, Field(discriminator="type")]


Content = Annotated[TextContent | ImageContent, Field(discriminator="type")]


class ToolCall(TypedDict):
    name: str
    arguments: str
    tool_call_id: str


class ToolCallDeltaJson(TypedDict, total=False):
    name: str | None
    arguments: str | None
    tool_call_id: str | None


class ToolReturnJson(TypedDict):
    type: Literal["tool"]
    tool_return: str | list[Content]
    status: Literal["success", "error"]
    tool_call_id: str
    stdout: list[str] | None
    stderr: list[str] | None


class ApprovalReturnJson(TypedDict):
    type: Literal["approval"]
    tool_call_id: str
    approve: bool
    reason: str | None


Approval = Annotated[ApprovalReturnJson | ToolReturnJson, Field(discriminator="type")]


class Common(TypedDict):
    """What every message has."""

    id: str
    date: Timestamp
    name: str | None
    otid: str | None
    sender_id: str | None
    step_id: str | None
    is_err: Literal[True] | None
    seq_id: int | None
    run_id: str | None


class SystemMessage(Common):
    message_type: Literal["system_message"]
    content: str


class UserMessage(Common):
    message_type: Literal["user_message"]
    content: str | list[Content]


class AssistantMessage(Common):
    message_type: Literal["assistant_message"]
    content: str | list[TextContent]


class ReasoningMessage(Common):
    message_type: Literal["reasoning_message"]
    source: Literal["reasoner_model", "non_reasoner_model"]
    reasoning: str
    signature: str | None


class HiddenReasoningMessage(Common):
    message_type: Literal["hidden_reasoning_message"]
    state: Literal["redacted", "omitted"]
    hidden_reasoning: str | None


class ToolCallMessage(Common):
    message_type: Literal["tool_call_message"]
    tool_call: ToolCall | ToolCallDeltaJson
    tool_calls: list[ToolCall] | ToolCallDeltaJson | None


class ToolReturnMessage(Common):
    message_type: Literal["tool_return_message"]
    tool_return: str
    status: Literal["success", "error"]
    tool_call_id: str
    stdout: list[str] | None
    stderr: list[str] | None
    tool_returns: list[ToolReturnJson] | None


class ApprovalRequestMessage(Common):
    message_type: Literal["approval_request_message"]
    tool_call: ToolCall | ToolCallDeltaJson
    tool_calls: list[ToolCall] | ToolCallDeltaJson | None


class ApprovalResponseMessage(Common):
    message_type: Literal["approval_response_message"]
    approvals: list[Approval] | None
    approve: bool | None
    approval_request_id: str | None
    reason: str | None


class CompactionStats(TypedDict):
    trigger: str
    context_tokens_before: int | None
    context_tokens_after: int | None
    context_window: int
    messages_count_before: int
    messages_count_after: int


class SummaryMessage(Common):
    message_type: Literal["summary_message"]
    summary: str
    compaction_stats: CompactionStats | None


class EventMessage(Common):
    message_type: Literal["event_message"]
    event_type: Literal["compaction"]
    event_data: dict[str, Any]


LettaMessage = Annotated[
    SystemMessage
    | UserMessage
    | AssistantMessage
    | ReasoningMessage
    | HiddenReasoningMessage
    | ToolCallMessage
    | ToolReturnMessage
    | ApprovalRequestMessage
    | ApprovalResponseMessage
    | SummaryMessage
    | EventMessage,
    Field(discriminator="message_type"),
]
