"""The step's one transaction: its tool calls, its messages, its record, and where the run and the thread stand."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.agents import store as agents
from holdfast.errors import AppError
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.llm.model import Call
from holdfast.loop import rules
from holdfast.loop.act import Planned, act, changing
from holdfast.loop.answer import Answer
from holdfast.loop.approve import Answered
from holdfast.loop.dialect import Made, StepOutcome, Verdict
from holdfast.loop.state import Turn
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.messages.model import Message, Part, Role, TextPart
from holdfast.prompt.events import event_text
from holdfast.runs import leases
from holdfast.runs import store as runs
from holdfast.runs.leases import Hold
from holdfast.runs.model import StopReason, status_of
from holdfast.steps import store as steps
from holdfast.steps.model import Step
from holdfast.store.table import Tx


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
    is_begun: bool = False
    """What the model said is stored already."""

    @property
    def asks(self) -> bool:
        """Somebody must answer before any of its calls is run."""
        return any(each.waits_for for each in self.planned)

    @property
    def reaches_out(self) -> bool:
        """Some of its calls are run outside, which cannot be undone if the step is not stored."""
        return not self.asks and any(each.is_outside and not each.refusal for each in self.planned)


@dataclass(frozen=True, slots=True)
class Resumption:
    """A step that waited for an answer, and goes on with it."""

    turn: Turn
    answered: Answered
    planned: Sequence[Planned]
    is_begun: bool = False
    """The answer is stored already."""

    @property
    def reaches_out(self) -> bool:
        return any(each.is_outside and not each.refusal for each in self.planned)


@dataclass(frozen=True, slots=True)
class Done:
    """What a step came to: the messages it produced, and why the turn ends if it does."""

    messages: list[Message] = field(default_factory=list[Message])
    stop_reason: StopReason | None = None
    heartbeat: list[Message] = field(default_factory=list[Message])
    """What the model is told before the next step, if anything; no part of an answer."""


def begin(tx: Tx, work: Work) -> None:
    """Store what the model said, before its calls have an effect that cannot be taken back."""
    turn, said = work.turn, [work.spoken] if work.spoken is not None else []
    held = _hold(tx, turn, spoken=True, ends=False)
    for message in turn.inputs:
        message.step_id = work.step.id
    messages.append(tx, [*turn.inputs, *said])
    held.be_sure()
    steps.insert(tx, _asked(work))
    if changes := _progress(turn, is_over=False):
        runs.change(tx, turn.who, turn.run.id, changes)


def begin_again(tx: Tx, work: Resumption) -> None:
    """Store an answer, before the calls that it allows have an effect."""
    held = _hold(tx, work.turn, spoken=True, ends=False)
    messages.append(tx, [work.answered.answer])
    held.be_sure()


def resume(tx: Tx, work: Resumption) -> Done:
    """Run the calls that waited and store their returns; the turn's end too, when nothing is left to do."""
    turn, request = work.turn, work.answered.request
    returned, _ = _returns(tx, turn, work.planned, request.step_id)
    verdict = _verdict_on(turn, work.planned, _outcome(turn, request, work.planned, returned))
    reason = verdict.stop if not turn.inputs or turn.is_cancelled else None
    heartbeat = [] if turn.inputs else _heartbeat(turn, verdict, request.step_id)
    held = _hold(tx, turn, spoken=True, ends=reason is not None)
    before = [] if work.is_begun else [work.answered.answer]
    messages.append(tx, [*before, returned, *heartbeat])
    held.be_sure()
    if reason is not None:
        _end_run(tx, turn, reason)
    return Done([returned], reason, heartbeat)


def step(tx: Tx, work: Work) -> Done:
    """Run the calls and store the step; the turn's end too, when this was its last."""
    turn = work.turn
    produced = [work.spoken] if work.spoken is not None else []
    if work.planned and not work.asks:
        returned, work.step.tool_execution_ns = _returns(tx, turn, work.planned, work.step.id)
        work.step.tools_used = [each.call.name for each in work.planned]
        produced.append(returned)
    verdict = _verdict(work, produced)
    heartbeat, reason = _heartbeat(turn, verdict, work.step.id), verdict.stop
    is_over = reason is not None and not work.goes_on
    held = _hold(tx, turn, spoken=bool(produced or turn.inputs), ends=is_over)
    for message in turn.inputs:
        message.step_id = work.step.id
    fresh = produced[1:] if work.is_begun else produced
    messages.append(tx, [*turn.inputs, *fresh, *heartbeat])
    held.be_sure()
    _record(tx, work, reason)
    if changes := _progress(turn, is_over=is_over):
        runs.change(tx, turn.who, turn.run.id, changes)
    if reason is not None and is_over:
        _end_run(tx, turn, reason)
    return Done(fresh, reason, heartbeat)


def finish(tx: Tx, turn: Turn, reason: StopReason, failed: AppError | None = None, step: Step | None = None) -> None:
    """End a turn outside a step's commit: it failed, or had nothing more to say. Nothing becomes a message."""
    leases.release(tx, turn.thread).be_sure()
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


def _returns(tx: Tx, turn: Turn, planned: Sequence[Planned], step_id: str | None) -> tuple[Message, int]:
    """The returns of all calls as one message, and how many nanoseconds they took."""
    began = time.perf_counter_ns()
    returns = message_of(turn, "tool", list(act(changing(tx, turn, step_id), planned)), step_id=step_id)
    return returns, time.perf_counter_ns() - began


def _verdict(work: Work, produced: Sequence[Message]) -> Verdict:
    """Whether the turn is over with this step."""
    if work.asks:
        return Verdict("requires_approval")
    returned = produced[-1] if work.planned else None
    outcome = _outcome(work.turn, work.spoken, work.planned, returned, work.answer)
    verdict = _verdict_on(work.turn, work.planned, outcome)
    return Verdict("max_steps") if verdict.stop is None and work.is_last else verdict


def _verdict_on(turn: Turn, planned: Sequence[Planned], outcome: StepOutcome) -> Verdict:
    if turn.is_cancelled:
        return Verdict("cancelled")
    if any(each.is_impossible for each in planned):
        return Verdict("invalid_tool_call")
    return turn.dialect.verdict(outcome)


def _outcome(
    turn: Turn,
    spoken: Message | None,
    planned: Sequence[Planned],
    returned: Message | None,
    answer: Answer | None = None,
) -> StepOutcome:
    ruled = turn.agent.tool_rules
    called = spoken.calls if spoken is not None and returned is not None else []
    made = [
        Made(each.call.name, back.status == "error", each.broke_rule, turn.dialect.asks(call))
        for call, each, back in zip(called, planned, returned.returns if returned else (), strict=True)
    ]
    history = [*turn.past, *rules.past([returned] if returned else ())] if ruled else []
    left = rules.outstanding(ruled, [tool.name for tool in turn.tools], history) if ruled else []
    return StepOutcome(made, ruled, left, answer.finish if answer else None, said_nothing=spoken is None)


def _progress(turn: Turn, *, is_over: bool) -> dict[str, Any]:
    """What the first step changes of its run."""
    changes: dict[str, Any] = {}
    if turn.inputs and not is_over and not turn.run.background:
        changes["input"] = []
    if turn.inputs and turn.recalled is not None:
        changes["memory_used"] = turn.recalled.used
    return changes


def _heartbeat(turn: Turn, verdict: Verdict, step_id: str | None) -> list[Message]:
    """What tells the model that it has another step, where its dialect needs it."""
    if verdict.stop is not None or not verdict.heartbeat:
        return []
    text = event_text("heartbeat", turn.agent.timezone, reason=verdict.heartbeat)
    return [message_of(turn, "user", [TextPart(text=text)], step_id=step_id)]


def _record(tx: Tx, work: Work, reason: StopReason | None) -> None:
    """Store the step, or of one that has begun how it ended."""
    made = work.step if work.is_begun else _asked(work)
    made.status = "cancelled" if reason == "cancelled" else "success"
    made.stop_reason = reason
    made.step_ns = time.time_ns() - (made.step_start_ns or 0)
    if work.is_begun:
        steps.rows.set(tx, work.turn.who, made.id, {name: getattr(made, name) for name in ENDING})
    else:
        steps.insert(tx, made)


ENDING = ("status", "stop_reason", "step_ns", "tool_execution_ns", "tools_used")
"""What of a step is known when its tools have ended."""


def _asked(work: Work) -> Step:
    """The step as far as the model is concerned."""
    made, usage = work.step, work.answer.usage
    made.prompt_tokens, made.completion_tokens = usage.prompt_tokens, usage.completion_tokens
    made.total_tokens, made.cached_input_tokens = usage.total_tokens, usage.cached_input_tokens
    made.cache_write_tokens, made.reasoning_tokens = usage.cache_write_tokens, usage.reasoning_tokens
    made.request, made.response = _trace(work)
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


def _hold(tx: Tx, turn: Turn, *, spoken: bool, ends: bool) -> Hold:
    """Ask whether the thread is still ours, and let go of it with the last step."""
    hold = leases.release if ends else leases.keep
    return hold(tx, turn.thread, spoken=now() if spoken else None)


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
    if turn.agent.message_buffer_autoclear and reason != "requires_approval":
        threads.empty_window(tx, turn.who, turn.thread.id)
