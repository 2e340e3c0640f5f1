"""Compacting a thread at a client's request: it is taken as for a turn, so that neither undoes the other."""

from dataclasses import dataclass
from typing import cast

from holdfast.errors import BadRequest
from holdfast.kit.clock import now
from holdfast.llm.models import Models
from holdfast.llm.settings import CompactionSettings
from holdfast.loop.compact import Order, compact, settings_of
from holdfast.loop.state import Turn
from holdfast.messages import store as messages
from holdfast.messages.model import Message
from holdfast.messages.threads import Thread
from holdfast.runs import leases
from holdfast.runs import store as runs
from holdfast.runs.model import status_of
from holdfast.store.database import Database
from holdfast.store.table import Tx
from holdfast.turns.begin import Asked, Worker, begin
from holdfast.turns.requests import SendMessage
from holdfast.turns.shapes import CompactionResponse

NO_INPUT = SendMessage.model_construct()
"""Compacting is a run that nothing is said in."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A request to compact a thread."""

    asked: Asked
    settings: CompactionSettings | None = None
    may_be_empty: bool = True


async def shorten(db: Database, models: Models, worker: Worker, wish: Wish) -> CompactionResponse:
    """Put a summary in the place of older messages; what is short already is left as it is."""
    begun = await db.write(_begin, models, worker, wish)
    if not isinstance(begun, Turn):
        return begun
    done = None
    worker.compacting.add(begun.run.id)
    try:
        order = Order("manual", settings_of(begun, wish.settings), begun.context_window, is_over=True)
        done = await compact(db, begun, order)
    finally:
        worker.compacting.discard(begun.run.id)
        await db.write(_end, begun, succeeded=done is not None)
    if done is None:
        count = len(begun.window)
        raise BadRequest(f"{begun.thread.id} has {count} messages in view; a summary would not make them fewer.")
    return {
        "summary": done.summary.text,
        "num_messages_before": done.stats["messages_count_before"],
        "num_messages_after": done.stats["messages_count_after"],
    }


def _begin(tx: Tx, models: Models, worker: Worker, wish: Wish) -> Turn | CompactionResponse:
    asked = wish.asked
    thread, _ = asked.find(tx)
    window = messages.window(tx, asked.who, thread)
    if nothing := _nothing_to_do(thread, window, wish):
        return nothing
    return cast(Turn, begin(tx, asked, models, worker).turn)  # one that does not queue has its thread


def _nothing_to_do(thread: Thread, window: list[Message], wish: Wish) -> CompactionResponse | None:
    """The answer when nothing but the prompt and a summary is in view."""
    summary = next((message.text for message in window if message.id == thread.summary_id), None)
    if len(window) > (1 if summary is None else 2):
        return None
    if summary is None and not wish.may_be_empty:
        raise BadRequest(f"Conversation {thread.id} has no messages in view that could be compacted.")
    return {"summary": summary or "", "num_messages_before": len(window), "num_messages_after": len(window)}


def _end(tx: Tx, turn: Turn, *, succeeded: bool) -> None:
    leases.release(tx, turn.thread).be_sure()
    run = turn.run
    run.stop_reason = "end_turn" if succeeded else "error"
    run.status, run.completed_at, run.total_duration_ns = status_of(run.stop_reason), now(), turn.elapsed_ns
    runs.end(tx, run)
