"""The one loop: build the context, ask the model, act, commit the step; until the model has nothing more to do."""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from holdfast.errors import AppError, ModelError
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.llm.failures import ContextOverflow, Unusable
from holdfast.llm.model import Call, Delta
from holdfast.loop import approve, commit, compact, context, outside, prefill, rules, steady
from holdfast.loop.act import Planned, look, plan, resolve
from holdfast.loop.answer import Answer
from holdfast.loop.dialect import THINKING
from holdfast.loop.events import Began, Committed, Ended, Event, Said
from holdfast.loop.recollect import recollect
from holdfast.loop.state import Turn, listening
from holdfast.messages.model import Message, ToolCallPart
from holdfast.runs.model import StopReason
from holdfast.steps.model import Step
from holdfast.store.database import Database

REASONS: dict[str, StopReason] = {
    "llm_insufficient_credits": "insufficient_credits",
    "context_window_overflow_in_system_prompt": "context_window_overflow_in_system_prompt",
}
"""What a turn that failed because of its model ends with, where it is more than that."""


async def play(db: Database, turn: Turn) -> AsyncGenerator[Event]:
    """Work on a turn to its end. The last event is `Ended`, whatever happens."""
    yield Began(turn.run.id, THINKING if turn.dialect.forces else None, turn.asks)
    try:
        async with aclosing(_steps(db, turn)) as events:
            async for event in events:
                yield event
    except AppError as failed:
        yield await _fail(db, turn, failed)


async def _steps(db: Database, turn: Turn) -> AsyncGenerator[Event]:
    ended = turn.concluded is not None
    if turn.concluded is not None:
        await db.insist(commit.finish, turn, turn.concluded)
        yield Ended(turn.concluded, turn.spent)
    else:
        async with aclosing(_before(db, turn)) as events:
            async for event in events:
                ended = ended or isinstance(event, Ended)
                yield event
    while not ended:
        is_last = turn.steps_done + 1 >= turn.options.max_steps
        async with aclosing(_step(db, turn, is_last=is_last)) as events:
            async for event in events:
                ended = ended or isinstance(event, Ended)
                yield event


async def _before(db: Database, turn: Turn) -> AsyncGenerator[Event]:
    """What is left to do before the model is asked."""
    if turn.settled is not None and turn.settled.step_id is not None:
        yield Committed(turn.settled.step_id, [turn.settled])
    if turn.answered is not None:
        done = await _resumed(db, turn, turn.answered)
        yield Committed(turn.answered.request.step_id or "", done.messages)
        if done.stop_reason is not None:
            yield Ended(done.stop_reason, turn.spent)
            return
    await recollect(turn)


async def _resumed(db: Database, turn: Turn, answered: approve.Answered) -> commit.Done:
    """Run the calls that waited for an answer."""
    planned = await look(turn, resolve(turn, answered.request.calls, answered.decisions))
    work = commit.Resumption(turn, answered, planned)
    before = [answered.answer]
    if work.reaches_out:
        await db.insist(commit.begin_again, work)
        work = replace(work, planned=await outside.perform(db, turn, planned), is_begun=True)
    done = await db.insist(commit.resume, work)
    turn.window += [*before, *done.messages, *done.heartbeat]
    turn.past += rules.past(done.messages)
    return done


@dataclass(slots=True)
class _Exchange:
    """What a step asks the model, and what it answers."""

    step: Step
    call: Call
    answer: Answer
    message_id: str = field(default_factory=lambda: new_id("message"))
    overflow: ContextOverflow | None = None
    """The provider found the call too long."""


async def _step(db: Database, turn: Turn, *, is_last: bool) -> AsyncGenerator[Event]:
    answer = Answer(one_call=not context.allows_parallel_calls(turn))
    exchange = _Exchange(_new_step(turn), context.build(turn), answer)
    step = exchange.step
    try:
        async with aclosing(_answered(db, turn, exchange)) as events:
            async for event in events:
                yield event
    except ModelError as failed:
        if failed.code != "llm_empty_response":
            yield await _fail(db, turn, failed, step)
            return
    step.llm_request_ns = time.time_ns() - (step.llm_request_start_ns or 0)
    turn.spent.add(answer.usage)
    spoken = _spoken(turn, step, exchange.message_id, answer)
    is_full = compact.is_due(turn, answer)
    planned = plan(turn, turn.allowed, spoken.calls) if spoken is not None else []
    work = await _prepared(commit.Work(turn, step, exchange.call, answer, spoken, planned, is_last, goes_on=is_full))
    async with aclosing(_acted(db, work)) as events:
        async for event in events:
            yield event


async def _prepared(work: commit.Work) -> commit.Work:
    """With everything looked up that its calls ask for; one whose calls wait for an answer is made a request."""
    if work.spoken is None or not work.asks:
        return replace(work, planned=await look(work.turn, work.planned))
    filled = work.turn.allowed.prefilled
    calls = [
        _as_asked(call, planned, filled.get(call.name, {}))
        for call, planned in zip(work.spoken.calls, work.planned, strict=True)
    ]
    return replace(work, spoken=approve.requested(work.spoken, calls))


def _as_asked(call: ToolCallPart, planned: Planned, filled: Mapping[str, Any]) -> ToolCallPart:
    """The call as it waits, with the arguments that a rule fills in; it means the tool itself, not its name."""
    tool_id = planned.tool.id or None if planned.tool else None
    call = call.model_copy(update={"waits_for": planned.waits_for, "tool_id": tool_id})
    return prefill.filled(call, filled) if filled and planned.waits_for else call


async def _acted(db: Database, work: commit.Work) -> AsyncGenerator[Event]:
    """Run the calls, store the step, and shorten the thread if it has become full."""
    turn, step = work.turn, work.step
    if work.reaches_out and work.spoken is not None:
        await db.insist(commit.begin, work)
        _take_in(turn, [work.spoken])
        yield Committed(step.id, [work.spoken], is_whole=False)
        work = replace(work, planned=await outside.perform(db, turn, work.planned), is_begun=True)
    done = await db.insist(commit.step, work)
    turn.sent = len(work.call.messages)
    _note(turn, done)
    if done.messages:
        yield Committed(step.id, done.messages)
    is_over = done.stop_reason is not None
    if work.goes_on and (event := await compact.after_step(db, turn, work.answer, is_over=is_over)):
        yield event
    if done.stop_reason is not None and work.goes_on:
        await db.insist(commit.finish, turn, done.stop_reason)
    if done.stop_reason is not None:
        yield Ended(done.stop_reason, turn.spent)


async def _answered(db: Database, turn: Turn, exchange: _Exchange) -> AsyncGenerator[Event]:
    """What the model says; a thread that is too long for it is shortened first."""
    shortened = await compact.before_step(db, turn, exchange.call)
    for attempt in range(compact.RETRIES + 1):
        if shortened is not None:
            yield shortened
            exchange.call = context.build(turn)
        async with aclosing(_said(turn, exchange)) as events:
            async for event in events:
                yield event
        if exchange.overflow is None:
            break
        shortened = await compact.after_overflow(db, turn, exchange.call, attempt)
        if shortened is None and not turn.is_cancelled:
            raise exchange.overflow
    compact.learn(turn, exchange.answer)


async def _said(turn: Turn, exchange: _Exchange) -> AsyncGenerator[Event]:
    exchange.overflow = None
    try:
        async with aclosing(_ask(turn, exchange.call, exchange.answer)) as deltas:
            async for delta in deltas:
                yield Said(exchange.message_id, exchange.step.id, delta)
    except ContextOverflow as overflow:
        exchange.overflow = overflow


async def _ask(turn: Turn, call: Call, answer: Answer) -> AsyncGenerator[Delta]:
    """The model's deltas, until it is done or the run is cancelled; closing this closes the model's stream."""
    if turn.is_cancelled:
        return
    stream = steady.stream(turn, call) if turn.is_small else turn.provider.stream(call)
    async with listening(turn, stream):
        async for delta in stream:
            if turn.first_token_ns is None:
                turn.first_token_ns = turn.elapsed_ns
            if answer.add(delta):
                yield delta


def _new_step(turn: Turn) -> Step:
    moment = time.time_ns()
    return Step(
        id=new_id("step"),
        organization_id=turn.who.organization_id,
        created_by_id=turn.who.user_id,
        created_at=now(),
        run_id=turn.run.id,
        agent_id=turn.agent.id,
        provider_id=turn.card.provider_id,
        provider_name=turn.card.provider,
        provider_category=turn.card.category,
        model=turn.card.name,
        model_handle=turn.card.handle,
        model_endpoint=turn.card.endpoint,
        context_window_limit=turn.context_window,
        project_id=turn.agent.project_id,
        request_id=turn.options.request_id,
        step_start_ns=moment,
        llm_request_start_ns=moment,
    )


def _calls_to_make(turn: Turn, answer: Answer) -> list[ToolCallPart]:
    """The calls that are run; none after a cancellation."""
    return [] if turn.is_cancelled else answer.calls


def _spoken(turn: Turn, step: Step, message_id: str, answer: Answer) -> Message | None:
    """What the model said, as a message; None when it said nothing."""
    said = [part for part in answer.parts if not isinstance(part, ToolCallPart)]
    parts = turn.dialect.kept(said, _calls_to_make(turn, answer), turn.own_arguments)
    if not parts:
        return None
    return commit.message_of(turn, "assistant", parts, step_id=step.id, id=message_id)


def _note(turn: Turn, done: commit.Done) -> None:
    """Take what was stored into the turn in memory."""
    _take_in(turn, [*done.messages, *done.heartbeat])
    turn.past += rules.past(done.messages)
    turn.steps_done += 1


def _take_in(turn: Turn, stored: Sequence[Message]) -> None:
    turn.window += [*turn.inputs, *stored]
    turn.inputs = []


async def _fail(db: Database, turn: Turn, failed: AppError, step: Step | None = None) -> Ended:
    reason: StopReason = "error"
    if isinstance(failed, Unusable):
        reason = "invalid_llm_response"
    elif isinstance(failed, ModelError):
        reason = REASONS.get(failed.code, "llm_api_error")
    await db.insist(commit.finish, turn, reason, failed, step)
    return Ended(reason, turn.spent, failed)
