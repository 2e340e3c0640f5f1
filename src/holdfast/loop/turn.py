"""The one loop: build the context, ask the model, act, commit the step; until the model has nothing more to do."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from holdfast.errors import AppError, ModelError
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.llm.model import Call, Delta
from holdfast.loop import commit, context
from holdfast.loop.answer import Answer
from holdfast.loop.events import Began, Committed, Ended, Event, Said
from holdfast.loop.state import Turn
from holdfast.messages.model import Message, ToolCallPart
from holdfast.runs.model import StopReason
from holdfast.steps.model import Step
from holdfast.store.database import Database


async def play(db: Database, turn: Turn) -> AsyncGenerator[Event]:
    """Work on a turn to its end. The last event is `Ended`, whatever happens."""
    yield Began(turn.run.id)
    try:
        for number in range(1, turn.options.max_steps + 1):
            is_last = number == turn.options.max_steps
            async with aclosing(_step(db, turn, is_last=is_last)) as events:
                async for event in events:
                    yield event
                    if isinstance(event, Ended):
                        return
    except AppError as failed:
        yield await _fail(db, turn, failed)


async def _step(db: Database, turn: Turn, *, is_last: bool) -> AsyncGenerator[Event]:
    step = _new_step(turn)
    call = context.build(turn)
    answer = Answer()
    message_id = new_id("message")
    try:
        async with aclosing(_ask(turn, call, answer)) as deltas:
            async for delta in deltas:
                yield Said(message_id, step.id, delta)
    except ModelError as failed:
        await db.write(commit.failed_step, turn.who, step, failed)
        raise
    step.llm_request_ns = time.time_ns() - (step.llm_request_start_ns or 0)
    turn.spent.add(answer.usage)
    spoken = _spoken(turn, step, message_id, answer)
    work = commit.Work(turn, step, call, answer, spoken, _calls_to_make(turn, answer), is_last)
    done = await db.write(commit.step, work)
    turn.window += [*turn.inputs, *done.messages]
    turn.inputs = []
    if done.messages:
        yield Committed(step.id, done.messages)
    if done.stop_reason is not None:
        yield Ended(done.stop_reason, turn.spent)


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
            answer.add(delta)
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
        provider_name=turn.card.provider,
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
    """The calls that are run: one, unless parallel calls are on; none after a cancellation."""
    calls = [] if turn.is_cancelled else answer.calls
    return calls if context.allows_parallel_calls(turn) else calls[:1]


def _spoken(turn: Turn, step: Step, message_id: str, answer: Answer) -> Message | None:
    """What the model said, as a message; None when it said nothing."""
    calls = _calls_to_make(turn, answer)
    parts = [part for part in answer.parts if not isinstance(part, ToolCallPart)] + list(calls)
    if not parts:
        return None
    return commit.message_of(turn, "assistant", parts, step_id=step.id, id=message_id)


async def _fail(db: Database, turn: Turn, failed: AppError) -> Ended:
    reason: StopReason = "error"
    if isinstance(failed, ModelError):
        reason = "insufficient_credits" if failed.code == "llm_insufficient_credits" else "llm_api_error"
        reason = "invalid_llm_response" if failed.code == "llm_empty_response" else reason
    await db.write(commit.finish, turn, reason, failed)
    return Ended(reason, turn.spent, failed)
