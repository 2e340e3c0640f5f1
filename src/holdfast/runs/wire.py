"""A run as V1 shows it (CONTRACT §19)."""

from datetime import datetime
from typing import Any, Literal, cast

from typing_extensions import TypedDict

from holdfast.messages.shapes import MessageType
from holdfast.runs.model import Run, RunStatus, StopReason


class RequestConfig(TypedDict):
    use_assistant_message: bool
    assistant_message_tool_name: str
    assistant_message_tool_kwarg: str
    include_return_message_types: list[MessageType] | None


class UsedMemory(TypedDict):
    """A memory that the model was shown, and how near it was to the message."""

    id: str
    type: Literal["passage", "message"]
    relevance: float


class RunJson(TypedDict):
    id: str
    agent_id: str
    conversation_id: str | None
    status: RunStatus
    created_at: datetime
    completed_at: datetime | None
    base_template_id: str | None
    background: bool | None
    metadata: dict[str, Any] | None
    request_config: RequestConfig | None
    stop_reason: StopReason | None
    callback_url: str | None
    callback_sent_at: datetime | None
    callback_status_code: int | None
    callback_error: str | None
    ttft_ns: int | None
    total_duration_ns: int | None
    memory_used: list[UsedMemory]


class RunMetrics(TypedDict):
    id: str
    agent_id: str | None
    project_id: str | None
    run_start_ns: int | None
    run_ns: int | None
    num_steps: int | None
    tools_used: list[str] | None
    template_id: str | None
    base_template_id: str | None


class PromptDetails(TypedDict):
    cached_tokens: int | None
    cache_read_tokens: int | None
    cache_creation_tokens: int | None


class CompletionDetails(TypedDict):
    reasoning_tokens: int | None


class UsageStatistics(TypedDict):
    completion_tokens: int
    prompt_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails | None
    completion_tokens_details: CompletionDetails | None


SpanName = Literal["run", "step", "llm_request", "tool_execution"]


class Span(TypedDict):
    """A stretch of a run: the whole, one of its steps, or what a step did."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: SpanName
    start_time_ns: int
    end_time_ns: int | None
    duration_ns: int | None
    status: Literal["unset", "ok", "error"]
    attributes: dict[str, Any]


SAME = tuple(name for name in RunJson.__annotations__ if name != "conversation_id")


def run(found: Run) -> RunJson:
    shown = {name: getattr(found, name) for name in SAME}
    shown["conversation_id"] = None if found.thread_id == found.agent_id else found.thread_id
    return cast(RunJson, shown)
