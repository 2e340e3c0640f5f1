"""The step's one transaction: its tool calls, its messages, its record, and where the run and the thread stand."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.agents import directories
from holdfast.agents import store as agents
from holdfast.errors import AppError
from holdfast.history.model import Cause
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.llm.model import Call
from holdfast.loop import rules
from holdfast.loop.act import Planned, act
from holdfast.loop.answer import Answer
from holdfast.loop.dialect import Made, StepOutcome, Verdict
from holdfast.loop.state import Turn
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.messages.model import Message, Part, Role, TextPart
from holdfast.prompt.events import event_text
from holdfast.runs import leases
from holdfast.runs import store as runs
from holdfast.runs.model import StopReason, status_of
from holdfast.steps import store as steps
from holdfast.steps.model import Step
from holdfast.store.table import Tx
from holdfast.tools.builtin.context import ToolContext


@dataclass(frozen=True, slots=True)
class Work:
    """Everything that a step's transaction needs."""

    turn: Turn
    step: Step
    call: Call
    answer: Answer
    spoken: Message | None
    planned: Sequence[Planned]
    is_last: bool
    goes_on: bool = False
    """The run has something left to do after its last step, and is ended by `finish`."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a step came to: the messages it produced, and why the turn ends if it does."""

    messages: list[Message] = field(default_factory=list[Message])
    stop_reason: StopReason | None = None
    heartbeat: list[Message] = field(default_factory=list[Message])
    """What the model is told before the next step, if anything; no part of an answer."""


def step(tx: Tx, work: Work) -> Done:
    """Run the calls and store the step; the turn's end too, when this was its last."""
    turn = work.turn
    produced = [work.spoken] if work.spoken is not None else []
    if work.planned:
        produced.append(_returns(tx, work))
    verdict = _verdict(work, produced)
    heartbeat, reason = _heartbeat(work, verdict), verdict.stop
    is_over = reason is not None and not work.goes_on
    _hold(tx, turn, spoken=bool(produced or turn.inputs), ends=is_over)
    for message in turn.inputs:
        message.step_id = work.step.id
    messages.append(tx, [*turn.inputs, *produced, *heartbeat])
    steps.insert(tx, _recorded(work, reason))
    if changes := _progress(turn, is_over=is_over):
        runs.change(tx, turn.who, turn.run.id, changes)
    if reason is not None and is_over:
        _end_run(tx, turn, reason)
    return Done(produced, reason, heartbeat)


def finish(tx: Tx, turn: Turn, reason: StopReason, failed: AppError | None = None, step: Step | None = None) -> None:
    """End a turn outside a step's commit: it failed, or had nothing more to say. Nothing becomes a message."""
    leases.release(tx, turn.thread)
    if step is not None and failed is not None:
        step.status, step.stop_reason = "failed", reason
        step.error_type, step.error_data = failed.code, {"message": failed.detail, "detail": failed.explanation}
        step.step_ns = step.llm_request_ns = time.time_ns() - (step.step_start_ns or 0)
        steps.insert(tx, step)
    _end_run(tx, turn, reason, failed)


def message_of(
    turn: Turn, role: Role, parts: list[Part], *, step_id: str | None = None, id: str | None = None
) -> Message:
    """A message of this turn that is not stored yet."""
    return Message(
        id=id or new_id("message"),
        organization_id=turn.who.organization_id,
        created_by_id=turn.who.user_id,
        agent_id=turn.agent.id,
        thread_id=turn.thread.id,
        role=role,
        content=parts,
        model=turn.card.name if role == "assistant" else None,
        step_id=step_id,
        run_id=turn.run.id,
    )


def _returns(tx: Tx, work: Work) -> Message:
    turn, began = work.turn, time.perf_counter_ns()
    ctx = ToolContext(
        tx=tx,
        who=turn.who,
        agent_id=turn.agent.id,
        thread_id=turn.thread.id,
        agent_name=turn.agent.name,
        embedding={"embedding": turn.agent.embedding, "embedding_config": turn.agent.embedding_config},
        cause=Cause(run_id=turn.run.id, step_id=work.step.id),
        timezone=turn.agent.timezone,
        isolated_block_ids=turn.thread.isolated_block_ids,
        most_files_open=directories.most_open(turn.agent),
        file_view_characters=directories.view_characters(turn.agent),
    )
    returns = act(ctx, work.planned)
    work.step.tool_execution_ns = time.perf_counter_ns() - began
    work.step.tools_used = [each.call.name for each in work.planned]
    return message_of(turn, "tool", list(returns), step_id=work.step.id)


def _verdict(work: Work, produced: Sequence[Message]) -> Verdict:
    """Whether the turn is over with this step."""
    turn = work.turn
    if turn.is_cancelled:
        return Verdict("cancelled")
    if any(each.is_impossible for each in work.planned):
        return Verdict("invalid_tool_call")
    verdict = turn.dialect.verdict(_outcome(work, produced))
    return Verdict("max_steps") if verdict.stop is None and work.is_last else verdict


def _outcome(work: Work, produced: Sequence[Message]) -> StepOutcome:
    turn, ruled = work.turn, work.turn.agent.tool_rules
    called = work.spoken.calls if work.spoken is not None and work.planned else []
    returned = produced[-1].returns if called else []
    made = [
        Made(each.call.name, back.status == "error", each.broke_rule, turn.dialect.asks(call))
        for call, each, back in zip(called, work.planned, returned, strict=True)
    ]
    history = [*turn.past, *rules.past(produced, turn.run.id)] if ruled else []
    left = rules.outstanding(ruled, [tool.name for tool in turn.tools], history) if ruled else []
    return StepOutcome(made, ruled, left, work.answer.finish, said_nothing=work.spoken is None)


def _progress(turn: Turn, *, is_over: bool) -> dict[str, Any]:
    """What the first step changes of its run."""
    changes: dict[str, Any] = {}
    if turn.inputs and not is_over and not turn.run.background:
        changes["input"] = []
    if turn.inputs and turn.recalled is not None:
        changes["memory_used"] = turn.recalled.used
    return changes


def _heartbeat(work: Work, verdict: Verdict) -> list[Message]:
    """What tells the model that it has another step, where its dialect needs it."""
    turn = work.turn
    if verdict.stop is not None or not verdict.heartbeat:
        return []
    text = event_text("heartbeat", turn.agent.timezone, reason=verdict.heartbeat)
    return [message_of(turn, "user", [TextPart(text=text)], step_id=work.step.id)]


def _recorded(work: Work, reason: StopReason | None) -> Step:
    turn, made, usage = work.turn, work.step, work.answer.usage
    made.status = "cancelled" if reason == "cancelled" else "success"
    made.stop_reason = reason
    made.prompt_tokens, made.completion_tokens = usage.prompt_tokens, usage.completion_tokens
    made.total_tokens, made.cached_input_tokens = usage.total_tokens, usage.cached_input_tokens
    made.cache_write_tokens, made.reasoning_tokens = usage.cache_write_tokens, usage.reasoning_tokens
    made.request, made.response = _trace(work)
    turn.sent = len(work.call.messages)
    made.step_ns = time.time_ns() - (made.step_start_ns or 0)
    return made


def _trace(work: Work) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was sent and came back; of the messages only those that are new since the step before."""
    call = work.call
    sent = call.messages[max(work.turn.sent, 1) :] if work.turn.sent else list(work.turn.inputs)
    request = {
        "model": work.turn.card.handle,
        "messages": [{"role": m.role, "content": [part.model_dump() for part in m.content]} for m in sent],
        "messages_before": len(call.messages) - len(sent),
        "tools": [tool.name for tool in call.tools],
        "temperature": call.temperature,
        "max_tokens": call.max_tokens,
    }
    parts = work.spoken.content if work.spoken is not None else []
    response = {"content": [part.model_dump() for part in parts], "finish_reason": work.answer.finish}
    return request, response


def _hold(tx: Tx, turn: Turn, *, spoken: bool, ends: bool) -> None:
    """Check that the thread is still ours, and let go of it with the last step."""
    hold = leases.release if ends else leases.keep
    hold(tx, turn.thread, spoken=now() if spoken else None)


def _end_run(tx: Tx, turn: Turn, reason: StopReason, failed: AppError | None = None) -> None:
    run = turn.run
    run.status, run.stop_reason, run.completed_at = status_of(reason), reason, now()
    run.num_steps, run.total_duration_ns, run.ttft_ns = turn.spent.steps, turn.elapsed_ns, turn.first_token_ns
    if failed is not None:
        run.metadata = {**run.metadata, "error": failed.account()}
    elif turn.result is not None:
        run.metadata = {**run.metadata, **turn.result(tx, turn, reason)}
    runs.end(tx, run)
    agents.note_run(tx, turn.who, run)
    if turn.agent.message_buffer_autoclear:
        threads.empty_window(tx, turn.who, turn.thread.id)
