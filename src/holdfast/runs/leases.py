"""Who works on a thread: one run at a time, first come first served, safe against a late owner.

The lease is part of the thread's row. `fence` counts its owners; a commit names the fence that it was given, so one
who was thought dead and was not cannot write over the next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from holdfast.errors import Busy
from holdfast.kit.clock import now
from holdfast.messages import threads
from holdfast.messages.threads import Thread
from holdfast.runs import store as runs
from holdfast.runs.model import Run
from holdfast.store import outcome
from holdfast.store.columns import Moment
from holdfast.store.outcome import NUMBER
from holdfast.store.prepared import Prepared, Soon
from holdfast.store.table import Tx

t, r = threads.rows.c, runs.rows.c

_MINE = sa.and_(t.organization_id == sa.bindparam("org"), t.id == sa.bindparam("thread"))

_EARLIER = sa.exists().where(
    r.organization_id == sa.bindparam("org"),
    r.thread_id == sa.bindparam("thread"),
    runs.IS_ACTIVE,
    sa.tuple_(r.created_at, r.id) < sa.tuple_(sa.bindparam("since", type_=Moment()), sa.bindparam("run")),
)
_TAKE = Prepared(
    threads.rows.table.update()
    .where(_MINE, t.lease_owner.is_(None), ~_EARLIER)
    .values(lease_owner=sa.bindparam("owner"), lease_run_id=sa.bindparam("run"), fence=t.fence + 1)
    .returning(NUMBER, threads.rows.table)
)
_LOCK = sa.select(NUMBER).select_from(threads.rows.table).where(_MINE).with_for_update()
_SPOKEN = sa.func.coalesce(sa.bindparam("spoken", type_=Moment()), t.last_message_at, type_=Moment())
_OURS = threads.rows.table.update().where(_MINE, t.fence == sa.bindparam("held"))
_KEEP = Prepared(_OURS.values(last_message_at=_SPOKEN).returning(NUMBER))
_RELEASE = Prepared(
    _OURS.values(
        last_message_at=_SPOKEN,
        lease_owner=None,
        lease_run_id=None,
        last_run_completion=sa.bindparam("ended", type_=Moment()),
    ).returning(NUMBER)
)


def take(tx: Tx, thread: Thread, run: Run, owner: str) -> Callable[[], Thread | None]:
    """The thread, once it is asked for, now held by the run, unless someone else has it or came before."""
    values = {"owner": owner, "run": run.id, "since": run.created_at}
    taken = _TAKE.soon(tx, values | {"org": thread.organization_id, "thread": thread.id})

    def held() -> Thread | None:
        row = taken.row()
        outcome.note(tx, outcome.NOTHING if row is None else row[0])
        return None if row is None else threads.rows.load(row, skip=1)

    return held


def lock(tx: Tx, thread: Thread) -> None:
    """Let requests for a thread come one at a time until this transaction ends, whoever holds the thread."""
    row = tx.execute(_LOCK, {"org": thread.organization_id, "thread": thread.id}).first()
    if row is None:
        raise threads.rows.missing(thread.id)
    outcome.note(tx, row[0])


@dataclass(frozen=True, slots=True)
class Hold:
    """A thread that was asked for; whoever asks has to be sure of it before the transaction ends."""

    tx: Tx
    thread: Thread
    changed: Soon

    def be_sure(self) -> None:
        """A late owner is refused."""
        row = self.changed.row()
        if row is None:
            raise Busy(
                f"{self.thread.lease_run_id} lost its thread, which was deleted or taken over by another server; "
                "what it did last was not stored. Send the message again."
            )
        outcome.note(self.tx, row[0])


def keep(tx: Tx, thread: Thread, *, spoken: datetime | None) -> Hold:
    """Go on holding the thread. `spoken`: when it last got a message."""
    return _hold(tx, _KEEP, thread, {"spoken": spoken})


def release(tx: Tx, thread: Thread, *, spoken: datetime | None = None) -> Hold:
    """Let go of the thread."""
    return _hold(tx, _RELEASE, thread, {"spoken": spoken, "ended": now()})


def _hold(tx: Tx, change: Prepared, thread: Thread, values: dict[str, datetime | None]) -> Hold:
    key = {"org": thread.organization_id, "thread": thread.id, "held": thread.fence}
    return Hold(tx, thread, change.soon(tx, {**values, **key}))
