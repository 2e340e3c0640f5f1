"""A step as V1 shows it: itself, its timing, and what was said to the model and back (CONTRACT §19)."""

from datetime import datetime
from typing import Any, Literal, cast

from typing_extensions import TypedDict

from holdfast.messages.internal import InternalMessage
from holdfast.runs.model import StopReason
from holdfast.runs.wire import CompletionDetails, PromptDetails
from holdfast.steps.model import Step, StepStatus


class StepJson(TypedDict):
    id: str
    origin: str | None
    provider_id: str | None
    run_id: str | None
    agent_id: str | None
    provider_name: str | None
    provider_category: str | None
    model: str | None
    model_handle: str | None
    model_endpoint: str | None
    context_window_limit: int | None
    completion_tokens: int | None
    prompt_tokens: int | None
    total_tokens: int | None
    cached_input_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    completion_tokens_details: CompletionDetails | None
    prompt_tokens_details: PromptDetails | None
    stop_reason: StopReason | None
    tags: list[str]
    tid: str | None
    trace_id: str | None
    request_id: str | None
    messages: list[InternalMessage]
    feedback: Literal["positive", "negative"] | None
    project_id: str | None
    error_type: str | None
    error_data: dict[str, Any] | None
    status: StepStatus | None


class StepMetrics(TypedDict):
    id: str
    provider_id: str | None
    run_id: str | None
    agent_id: str | None
    step_start_ns: int | None
    llm_request_start_ns: int | None
    llm_request_ns: int | None
    tool_execution_ns: int | None
    step_ns: int | None
    base_template_id: str | None
    template_id: str | None
    project_id: str | None


class BillingContext(TypedDict):
    plan_type: str | None
    cost_source: str | None
    customer_id: str | None


class ProviderTrace(TypedDict):
    id: str
    created_by_id: str | None
    last_updated_by_id: str | None
    created_at: datetime
    updated_at: datetime | None
    request_json: dict[str, Any]
    response_json: dict[str, Any]
    step_id: str | None
    agent_id: str | None
    agent_tags: list[str] | None
    call_type: str | None
    run_id: str | None
    source: str | None
    org_id: str | None
    compaction_settings: dict[str, Any] | None
    llm_config: dict[str, Any] | None
    billing_context: BillingContext | None
    latency_ms: int | None


SAME = tuple(name for name in StepJson.__annotations__ if name in Step.model_fields)
TIMES = tuple(name for name in StepMetrics.__annotations__ if name in Step.model_fields)


def step(found: Step) -> StepJson:
    """The messages of a step are at its own path; V1 leaves the field empty."""
    shown = {name: getattr(found, name) for name in SAME}
    shown["prompt_tokens_details"] = prompt_details(found.cached_input_tokens, found.cache_write_tokens)
    shown["completion_tokens_details"] = completion_details(found.reasoning_tokens)
    shown["messages"] = []
    return cast(StepJson, shown)


def metrics(found: Step) -> StepMetrics:
    shown = {name: getattr(found, name) for name in TIMES}
    return cast(StepMetrics, {**shown, "base_template_id": None, "template_id": None})


def prompt_details(cached: int | None, written: int | None) -> PromptDetails | None:
    if cached is None and written is None:
        return None
    return {"cached_tokens": cached, "cache_read_tokens": cached, "cache_creation_tokens": written}


def completion_details(reasoning: int | None) -> CompletionDetails | None:
    return None if reasoning is None else {"reasoning_tokens": reasoning}


def provider_trace(found: Step) -> ProviderTrace | None:
    """What went to the model and what came back, while it is kept."""
    if found.request is None and found.response is None:
        return None
    return {
        "id": f"provider_trace-{found.id.removeprefix('step-')}",
        "created_by_id": found.created_by_id,
        "last_updated_by_id": found.last_updated_by_id,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "request_json": found.request or {},
        "response_json": found.response or {},
        "step_id": found.id,
        "agent_id": found.agent_id,
        "agent_tags": None,
        "call_type": "agent_step",
        "run_id": found.run_id,
        "source": None,
        "org_id": found.organization_id,
        "compaction_settings": None,
        "llm_config": {
            "model": found.model,
            "handle": found.model_handle,
            "model_endpoint": found.model_endpoint,
            "provider_name": found.provider_name,
            "context_window": found.context_window_limit,
        },
        "billing_context": None,
        "latency_ms": None if found.llm_request_ns is None else found.llm_request_ns // 1_000_000,
    }
