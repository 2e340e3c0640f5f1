"""What a run's steps add up to: its usage, its timing, its trace."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.runs.model import Run
from holdfast.runs.wire import RunMetrics, Span, SpanName, UsageStatistics
from holdfast.steps.model import Step
from holdfast.steps.wire import completion_details, prompt_details


def usage(steps: Sequence[Step]) -> UsageStatistics:
    cached = _sum(step.cached_input_tokens for step in steps)
    written = _sum(step.cache_write_tokens for step in steps)
    return {
        "completion_tokens": _sum(step.completion_tokens for step in steps) or 0,
        "prompt_tokens": _sum(step.prompt_tokens for step in steps) or 0,
        "total_tokens": _sum(step.total_tokens for step in steps) or 0,
        "prompt_tokens_details": prompt_details(cached, written),
        "completion_tokens_details": completion_details(_sum(step.reasoning_tokens for step in steps)),
    }


def _sum(values: Iterable[int | None]) -> int | None:
    """None only when nobody said anything."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def metrics(run: Run, steps: Sequence[Step]) -> RunMetrics:
    return {
        "id": run.id,
        "agent_id": run.agent_id,
        "project_id": run.project_id,
        "run_start_ns": _start(run),
        "run_ns": run.total_duration_ns,
        "num_steps": len(steps),
        "tools_used": sorted({tool for step in steps for tool in step.tools_used}),
        "template_id": None,
        "base_template_id": run.base_template_id,
    }


def spans(run: Run, steps: Sequence[Step]) -> Iterator[Span]:
    """The run, and under it each step with its model call and its tools."""
    attributes = {"agent_id": run.agent_id, "status": run.status, "stop_reason": run.stop_reason}
    whole = _Stretch("run", _start(run), run.total_duration_ns, run.status == "failed")
    yield whole.span(run.id, None, run.id, attributes)
    for step in steps:
        yield from _of_step(run, step)


@dataclass(frozen=True, slots=True)
class _Stretch:
    name: SpanName
    start: int
    duration: int | None
    failed: bool = False

    def span(self, trace_id: str, parent: str | None, span_id: str, attributes: dict[str, Any]) -> Span:
        over = self.duration is not None
        return {
            "trace_id": trace_id,
            "span_id": span_id,
            "parent_span_id": parent,
            "name": self.name,
            "start_time_ns": self.start,
            "end_time_ns": self.start + self.duration if self.duration is not None else None,
            "duration_ns": self.duration,
            "status": "error" if self.failed else "ok" if over else "unset",
            "attributes": attributes,
        }


def _of_step(run: Run, step: Step) -> Iterator[Span]:
    failed = step.status == "failed"
    whole = _Stretch("step", step.step_start_ns or _ns(step.created_at), step.step_ns, failed)
    outcome = {"status": step.status, "stop_reason": step.stop_reason, "error_type": step.error_type}
    yield whole.span(run.id, run.id, step.id, outcome)
    asked = step.llm_request_start_ns
    if asked is not None:
        model = {
            "model": step.model_handle or step.model,
            "provider": step.provider_name,
            "prompt_tokens": step.prompt_tokens,
            "completion_tokens": step.completion_tokens,
        }
        request = _Stretch("llm_request", asked, step.llm_request_ns, failed)
        yield request.span(run.id, step.id, f"{step.id}-llm", model)
    if step.tool_execution_ns is not None:
        begun = (asked or whole.start) + (step.llm_request_ns or 0)
        tools = _Stretch("tool_execution", begun, step.tool_execution_ns)
        yield tools.span(run.id, step.id, f"{step.id}-tools", {"tools": step.tools_used})


def _start(run: Run) -> int:
    return _ns(run.started_at or run.created_at)


def _ns(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000
