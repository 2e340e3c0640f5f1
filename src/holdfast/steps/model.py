"""A step: one model call of a run, with the tool calls that it led to; and the trace of what was sent."""

from typing import Annotated, Any, Literal

from pydantic import Field

from holdfast.kit.entity import Entity, Hidden
from holdfast.runs.model import StopReason

StepStatus = Literal["pending", "success", "failed", "cancelled"]


class Step(Entity):
    """The domain object and the row; V1's JSON is `wire.step`."""

    run_id: str
    agent_id: str
    origin: str | None = None
    provider_id: str | None = None
    provider_name: str | None = None
    provider_category: str | None = "base"
    model: str | None = None
    model_handle: str | None = None
    model_endpoint: str | None = None
    context_window_limit: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    stop_reason: StopReason | None = None
    tags: list[str] = Field(default_factory=list[str])
    tid: str | None = None
    trace_id: str | None = None
    request_id: str | None = None
    feedback: Literal["positive", "negative"] | None = None
    project_id: str | None = None
    error_type: str | None = None
    error_data: dict[str, Any] | None = None
    status: StepStatus = "pending"
    step_start_ns: Annotated[int | None, Hidden] = None
    llm_request_start_ns: Annotated[int | None, Hidden] = None
    llm_request_ns: Annotated[int | None, Hidden] = None
    tool_execution_ns: Annotated[int | None, Hidden] = None
    step_ns: Annotated[int | None, Hidden] = None
    tools_used: Annotated[list[str], Hidden] = Field(default_factory=list[str])
    request: Annotated[dict[str, Any] | None, Hidden] = None
    """The request without the prefix that it shared with the step before, for the trace."""
    response: Annotated[dict[str, Any] | None, Hidden] = None
