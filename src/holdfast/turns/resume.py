"""Finding the run whose events a client wants to go on reading (CONTRACT §3.3)."""

import asyncio
from datetime import timedelta

from holdfast.auth.model import Who
from holdfast.conversations import store as conversations
from holdfast.errors import BadRequest, Gone, NotFound
from holdfast.feed.port import KEPT_S
from holdfast.kit.clock import now
from holdfast.messages import store as messages
from holdfast.messages.threads import Thread
from holdfast.runs import store as runs
from holdfast.runs.model import Run
from holdfast.store.database import Database
from holdfast.store.table import Tx
from holdfast.turns.follow import Wanted
from holdfast.turns.repeats import key_of_otids
from holdfast.turns.requests import ReadOn

TRIES_AFTER_S = (0.25, 0.5, 1.0)
"""A client may ask for the run of a message before the server has recorded it."""


async def of_run(db: Database, who: Who, run_id: str, asked: ReadOn) -> Wanted:
    return _wanted(who, await db.read(runs.get, who, run_id), asked)


async def of_conversation(db: Database, who: Who, conversation_id: str, asked: ReadOn) -> Wanted:
    """The run that is named, or that a message was sent with, or the newest one at work."""
    thread = await db.read(conversations.resolve, who, conversation_id, asked.agent_id)
    if asked.run_id is not None:
        return _wanted(who, await db.read(_in_thread, who, thread, asked.run_id), asked)
    if asked.otid is not None:
        return _wanted(who, await _of_otid(db, who, thread, asked.otid), asked)
    active = [run for run in await db.read(runs.active, who, thread.id) if run.background]
    if not active:
        raise BadRequest(f"Conversation {thread.id} has no background run at work; name one with run_id=run-….")
    return _wanted(who, active[-1], asked)


def _in_thread(tx: Tx, who: Who, thread: Thread, run_id: str) -> Run:
    run = runs.get(tx, who, run_id)
    if run.thread_id != thread.id:
        raise NotFound(f"Conversation {thread.id} has no run {run_id}.")
    return run


async def _of_otid(db: Database, who: Who, thread: Thread, otid: str) -> Run:
    for pause in (*TRIES_AFTER_S, 0.0):
        run = await db.read(_sent_with, who, thread, otid)
        if run is not None:
            return run
        await asyncio.sleep(pause)
    raise NotFound(f"Conversation {thread.id} has no run with a message whose otid is {otid!r}.")


def _sent_with(tx: Tx, who: Who, thread: Thread, otid: str) -> Run | None:
    if found := runs.with_key(tx, who, thread.id, key_of_otids([otid])):
        return found
    for run in runs.active(tx, who, thread.id):
        if any(sent.get("otid") == otid for sent in run.input):
            return run
    c = messages.c
    sent = messages.rows.first(tx, who, c.thread_id == thread.id, c.otid == otid, order=[c.sequence.desc()])
    return None if sent is None or sent.run_id is None else runs.find(tx, who, sent.run_id)


def _wanted(who: Who, run: Run, asked: ReadOn) -> Wanted:
    if not run.background:
        raise BadRequest(
            f"Run {run.id} is not a background run, so its events are not kept; "
            f"its messages are at GET /v1/runs/{run.id}/messages. Send with `background: true` to be able to read on."
        )
    if run.completed_at is not None and run.completed_at + timedelta(seconds=KEPT_S) < now():
        raise Gone(
            f"The events of run {run.id} were kept for {KEPT_S // 3600} hours after its end, at {run.completed_at}; "
            f"its messages are at GET /v1/runs/{run.id}/messages."
        )
    return Wanted(
        who,
        run,
        after=asked.starting_after,
        pings=asked.include_pings is not False,
        poll=asked.poll_interval or 0.1,
        batch=asked.batch_size or 100,
    )
