"""Compaction: what a thread has no more room for becomes a summary; the messages themselves stay (DESIGN §5).

One function serves every occasion: a step that filled the window, a request that would not fit, and a client that asks.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Literal

from holdfast.agents import store as agents
from holdfast.agents.choose import compaction
from holdfast.agents.compile import recompile
from holdfast.errors import AppError, ModelError
from holdfast.llm.model import Call
from holdfast.llm.settings import CompactionSettings
from holdfast.loop import commit, context, size
from holdfast.loop.answer import Answer
from holdfast.loop.cut import cut
from holdfast.loop.events import Compacted
from holdfast.loop.state import Turn
from holdfast.loop.summary import Task, Writer, own_notes, plain, prompt_for_all, summarised, with_question
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.messages.model import Message, TextPart
from holdfast.messages.threads import Thread
from holdfast.runs import leases
from holdfast.store.database import Database
from holdfast.store.table import Tx

FULL = 0.9
"""A step that used more of the window than this leaves it to compaction."""
NEARLY_WHOLE = 0.95
"""A request estimated above this is not sent before something has gone."""
WORTH = 0.1
"""Unless this much of the window can go, compaction would come again at once and is not begun."""
MOST_KEPT = 0.75
MOST_SPARED = 0.85
"""Rather than lose what a turn has just come to, more may be kept."""
SUMMARY_SHARE = 4
LEAST_SUMMARY = 80
RETRIES = 3
"""How often a step is tried again after its provider called the request too long."""

Trigger = Literal["post_step_context_check", "context_window_exceeded", "manual"]
Mode = Literal["all", "sliding_window", "self_compact_all", "self_compact_sliding_window"]

log = logging.getLogger("holdfast.compaction")


@dataclass(frozen=True, slots=True)
class Order:
    """Why a thread is shortened, and how."""

    trigger: Trigger
    settings: CompactionSettings
    ceiling: int
    """What must hold the result: the window, or less when the provider has shown that it takes less."""
    is_over: bool = False
    """Whether the turn is done: otherwise what it is about stays in view as long as it fits."""
    tokens: int | None = None
    """What the provider counted before."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes and what stays."""

    gone: Sequence[Message]
    kept: Sequence[Message]
    before: Message | None
    tokens: int
    """How long the summary may be."""


def is_due(turn: Turn, answer: Answer) -> bool:
    """Has this step filled the window, and would it help to shorten it? What a model only thought does not stay."""
    used = answer.usage.total_tokens or int(turn.estimated * turn.scale)
    if turn.is_cancelled or used <= FULL * turn.context_window:
        return False
    can_go = [message for message in [*turn.window[1:], *turn.inputs] if message.id != turn.thread.summary_id]
    return size.of_messages(can_go) * turn.scale >= WORTH * turn.context_window


def learn(turn: Turn, answer: Answer) -> None:
    """Take the provider's own count as the measure of our estimates."""
    if answer.usage.prompt_tokens and turn.estimated:
        turn.scale = min(max(answer.usage.prompt_tokens / turn.estimated, 0.5), 3.0)


def _tokens(turn: Turn, call: Call) -> int:
    """How many tokens a request of this turn takes, by our estimate."""
    return size.of_fixed(call) + turn.transcript.tokens


async def after_step(db: Database, turn: Turn, answer: Answer, *, is_over: bool) -> Compacted | None:
    tokens = answer.usage.total_tokens or None
    order = Order("post_step_context_check", settings_of(turn), turn.context_window, is_over, tokens)
    return await compact(db, turn, order)


async def before_step(db: Database, turn: Turn, call: Call) -> Compacted | None:
    """Shorten the thread if the request would not fit: many model servers cut such a request without saying so."""
    turn.estimated = _tokens(turn, call)
    if turn.estimated * turn.scale <= NEARLY_WHOLE * turn.context_window:
        return None
    _refuse_long_prompt(turn, call)
    return await compact(db, turn, Order("context_window_exceeded", settings_of(turn), turn.context_window))


async def after_overflow(db: Database, turn: Turn, call: Call, attempt: int) -> Compacted | None:
    """Shorten a thread that its provider called too long; the last attempt keeps as little as possible."""
    turn.estimated = _tokens(turn, call)
    _refuse_long_prompt(turn, call)
    if attempt >= RETRIES:
        return None
    settings = settings_of(turn)
    if attempt == RETRIES - 1:
        settings = settings.model_copy(update={"mode": "all", "prompt": prompt_for_all(settings)})
    ceiling = min(turn.context_window, int(turn.estimated * turn.scale))
    return await compact(db, turn, Order("context_window_exceeded", settings, ceiling))


def settings_of(turn: Turn, sent: CompactionSettings | None = None) -> CompactionSettings:
    """The agent's settings, under those of a request."""
    chosen = sent or CompactionSettings.model_validate({})
    return CompactionSettings.model_validate(compaction(chosen, turn.card, turn.agent))


async def compact(db: Database, turn: Turn, order: Order) -> Compacted | None:
    """Put a summary in the place of the older messages; None when there is nothing to gain, or it was cancelled."""
    for mode, writer in _attempts(turn, order.settings):
        plan = _plan(turn, order, mode)
        text = await _written(turn, order, plan, mode, writer) if plan is not None else ""
        if turn.is_cancelled:
            return None
        if plan is not None and text:
            return await _put(db, turn, order, plan, text)
    plan = _plan(turn, order, order.settings.mode) or _plan(turn, order, "all")
    if plan is None:
        return None
    log.warning("no model could summarise %d messages of thread %s", len(plan.gone), turn.thread.id)
    return await _put(db, turn, order, plan, plain(_task(turn, order, plan)))


def _attempts(turn: Turn, settings: CompactionSettings) -> Iterator[tuple[Mode, Writer]]:
    """The ways to get a summary, best first."""
    own = Writer(turn.card, turn.provider, min(turn.context_window, turn.card.context_window))
    chosen = _chosen(turn, settings) or own
    if not settings.mode.startswith("self"):
        yield settings.mode, chosen
    if chosen is not own or settings.mode.startswith("self"):
        yield settings.mode, own
    if settings.mode != "all":
        yield "all", chosen


def _chosen(turn: Turn, settings: CompactionSettings) -> Writer | None:
    """The model that was chosen to summarise, if it can be used and is another than the agent's."""
    try:
        card = turn.models.card(settings.model)
        provider = turn.models.provider(card)
    except AppError as unusable:
        log.info("%s does not summarise: %s", settings.model, unusable.detail)
        return None
    return None if card.handle == turn.card.handle else Writer(card, provider, card.default_window)


def _plan(turn: Turn, order: Order, mode: Mode) -> Plan | None:
    """What would go in a mode; None when nothing can, or nothing would be gained."""
    before = next((m for m in turn.window[1:] if m.id == turn.thread.summary_id), None)
    rest = [message for message in turn.window[1:] if message is not before]
    fixed = size.of_fixed(context.build(turn)) + size.of_messages(turn.inputs)
    longest = max(int(order.ceiling / turn.scale - fixed) // SUMMARY_SHARE, LEAST_SUMMARY)
    own = len(rest) if order.is_over else _first_of_turn(turn, rest)
    share, least = MOST_KEPT, own
    if mode.endswith("sliding_window"):
        goes = order.settings.sliding_window_percentage
        share, least = min(1 - goes, MOST_KEPT), max(ceil(goes * len(rest)), 1)
    number = cut(rest, least, int(share * order.ceiling / turn.scale) - fixed - longest)
    if own < number == len(rest):
        spared = int(MOST_SPARED * order.ceiling / turn.scale) - fixed - 2 * LEAST_SUMMARY
        number, longest = cut(rest, own, spared) or number, LEAST_SUMMARY
    freed = size.of_messages([*rest[:number], *filter(None, [before])])
    if order.trigger == "manual":
        helps = number + (before is not None) > 1
    else:
        helps, longest = freed > 2 * LEAST_SUMMARY, min(longest, max(freed // 2, LEAST_SUMMARY))
    return Plan(rest[:number], rest[number:], before, longest) if number and helps else None


def _first_of_turn(turn: Turn, rest: Sequence[Message]) -> int:
    return next((number for number, message in enumerate(rest) if message.run_id == turn.run.id), len(rest))


async def _written(turn: Turn, order: Order, plan: Plan, mode: Mode, writer: Writer) -> str:
    """The summary of a model; empty when it failed, for whatever reason."""
    task = _task(turn, order, plan)
    try:
        if mode.startswith("self"):
            return await own_notes(task, writer)
        if mode != order.settings.mode:
            settings = order.settings.model_copy(update={"prompt": prompt_for_all(order.settings)})
            task = replace(task, settings=settings)
        return await summarised(task, writer)
    except ModelError as failed:
        log.warning("%s could not summarise thread %s: %s", writer.card.handle, turn.thread.id, failed.detail)
        return ""


def _task(turn: Turn, order: Order, plan: Plan) -> Task:
    return Task(turn, order.settings, plan.before, plan.gone, plan.tokens)


async def _put(db: Database, turn: Turn, order: Order, plan: Plan, text: str) -> Compacted | None:
    if not order.is_over:
        text = with_question(_task(turn, order, plan), text)
    count, used = len(turn.window), int(_tokens(turn, context.build(turn)) * turn.scale)
    summary = commit.message_of(turn, "summary", [TextPart(text=text)])
    stored = await db.insist(_store, turn, plan, summary)
    if stored is None:
        return None
    turn.thread, turn.window = stored
    turn.sent, turn.estimated = 1, _tokens(turn, context.build(turn))
    return Compacted(
        summary,
        {
            "trigger": order.trigger,
            "context_tokens_before": order.tokens or used,
            "context_tokens_after": int(turn.estimated * turn.scale),
            "context_window": turn.context_window,
            "messages_count_before": count,
            "messages_count_after": len(turn.window),
        },
    )


def _store(tx: Tx, turn: Turn, plan: Plan, summary: Message) -> tuple[Thread, list[Message]] | None:
    """Move the window's start, and compile the prompt anew; None when someone chose another window meanwhile."""
    leases.keep(tx, turn.thread, spoken=None).be_sure()
    now = threads.get(tx, turn.who, turn.thread.id)
    if _position(now) != _position(turn.thread):
        return None
    messages.append(tx, [summary])
    thread = threads.rows.update(tx, turn.who, now.id, {"summary_id": summary.id, **_start(now, plan, summary)})
    recompile(tx, turn.who, agents.get(tx, turn.who, thread.agent_id), thread, always=True)
    return thread, messages.window(tx, turn.who, thread)


def _position(thread: Thread) -> tuple[Any, ...]:
    return thread.window_start, thread.summary_id, thread.window_ids


def _start(thread: Thread, plan: Plan, summary: Message) -> dict[str, Any]:
    """Where the window starts now; messages that were chosen one by one stay chosen while they are kept."""
    chosen = [message.id for message in plan.kept if message.id in (thread.window_ids or ())]
    if chosen:
        return {"window_ids": chosen}
    first = plan.kept[0] if plan.kept else summary
    return {"window_ids": None, "window_start": first.sequence}


def _refuse_long_prompt(turn: Turn, call: Call) -> None:
    tokens = int(size.of_messages(call.messages[:1]) * turn.scale)
    if tokens > turn.context_window:
        raise ModelError(
            "context_window_overflow_in_system_prompt",
            f"The system prompt of agent {turn.agent.id} takes about {tokens} tokens, more than its context window of "
            f"{turn.context_window}. Shorten its instructions or memory blocks, or raise context_window_limit.",
        )
