"""The one loop: build the context, ask the model, act, commit the step; until the model has nothing more to do."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field

from holdfast.errors import AppError, ModelError
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.llm.failures import ContextOverflow, Unusable
from holdfast.llm.model import Call, Delta
from holdfast.loop import commit, compact, context, rules
from holdfast.loop.act import look, plan
from holdfast.loop.answer import Answer
from holdfast.loop.dialect import THINKING
from holdfast.loop.events import Began, Committed, Ended, Event, Said
from holdfast.loop.recollect import recollect
from holdfast.loop.state import Turn
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
    yield Began(turn.run.id, THINKING if turn.dialect.forces else None)
    try:
        async with aclosing(_steps(db, turn)) as events:
            async for event in events:
                yield event
    except AppError as failed:
        yield await _fail(db, turn, failed)


async def _steps(db: Database, turn: Turn) -> AsyncGenerator[Event]:
    ended = turn.concluded is not None
    if turn.concluded is not None:
        await db.write(commit.finish, turn, turn.concluded)
        yield Ended(turn.concluded, turn.spent)
    else:
        await recollect(turn)
    while not ended:
        is_last = turn.steps_done + 1 >= turn.options.max_steps
        async with aclosing(_step(db, turn, is_last=is_last)) as events:
            async for event in events:
                ended = ended or isinstance(event, Ended)
                yield event


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
    planned = await look(turn, plan(turn, turn.allowed, spoken.calls)) if spoken is not None else []
    work = commit.Work(turn, step, exchange.call, answer, spoken, planned, is_last, goes_on=is_full)
    done = await db.write(commit.step, work)
    _note(turn, done)
    if done.messages:
        yield Committed(step.id, done.messages)
    if is_full and (event := await compact.after_step(db, turn, answer, is_over=done.stop_reason is not None)):
        yield event
    if done.stop_reason is not None and is_full:
        await db.write(commit.finish, turn, done.stop_reason)
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
    turn.asking = asyncio.current_task()
    stream = turn.provider.stream(call)
    try:
        async for delta in stream:
            if turn.first_token_ns is None:
                turn.first_token_ns = turn.elapsed_ns
            if answer.add(delta):
                yield delta
    except asyncio.CancelledError:
        if not turn.is_cancelled or turn.asking is None:
            raise
        turn.asking.uncancel()
    finally:
        turn.asking = None
        await aclose(stream)


async def aclose(stream: AsyncIterator[Delta]) -> None:
    """End a stream that may not be used up."""
    if isinstance(stream, AsyncGenerator):
        await stream.aclose()


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
    turn.window += [*turn.inputs, *done.messages, *done.heartbeat]
    turn.past += rules.past(done.messages, turn.run.id)
    turn.inputs = []
    turn.steps_done += 1


async def _fail(db: Database, turn: Turn, failed: AppError, step: Step | None = None) -> Ended:
    reason: StopReason = "error"
    if isinstance(failed, Unusable):
        reason = "invalid_llm_response"
    elif isinstance(failed, ModelError):
        reason = REASONS.get(failed.code, "llm_api_error")
    await db.write(commit.finish, turn, reason, failed, step)
    return Ended(reason, turn.spent, failed)
