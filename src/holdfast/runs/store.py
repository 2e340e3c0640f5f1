"""The table of runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.kit.clock import now
from holdfast.kit.page import Page
from holdfast.messages import threads
from holdfast.runs.filter import RunFilter
from holdfast.runs.model import NOBODY, Run
from holdfast.store.prepared import Prepared
from holdfast.store.table import Rows, Tx, Where

rows = Rows(
    "runs",
    Run,
    sa.Index("runs_by_agent", "organization_id", "agent_id", "created_at"),
    sa.Index("runs_by_thread", "organization_id", "thread_id", "status", "created_at"),
    sa.Index("runs_by_time", "organization_id", "created_at"),
    sa.Index("runs_by_request", "organization_id", "thread_id", "request_key"),
    sa.Index("runs_by_owner", "owner"),
)
c = rows.c

ACTIVE = ("created", "running")
IS_ACTIVE = sa.or_(*(c.status == status for status in ACTIVE))

_ENDING = {"status", "stop_reason", "completed_at", "num_steps", "total_duration_ns", "ttft_ns", "metadata"}
_END = Prepared(
    rows.table.update().where(c.organization_id == sa.bindparam("the_org"), c.id == sa.bindparam("the_id"), IS_ACTIVE),
    (*sorted(_ENDING), "owner", "updated_at", "input"),
)


def insert(tx: Tx, run: Run) -> Run:
    return rows.insert(tx, run)


def get(tx: Tx, who: Who, id: str) -> Run:
    return rows.get(tx, who, id)


def page(tx: Tx, who: Who, page: Page, wanted: RunFilter) -> list[Run]:
    return rows.page(tx, who, page, *_where(wanted))


def _where(wanted: RunFilter) -> list[Where]:
    same = (
        (c.agent_id, wanted.agent_id),
        (c.background, wanted.background),
        (c.stop_reason, wanted.stop_reason),
    )
    where: list[Where] = [column == value for column, value in same if value is not None]
    if wanted.agent_ids:
        where.append(c.agent_id.in_(wanted.agent_ids))
    if wanted.statuses:
        where.append(c.status.in_(wanted.statuses))
    if wanted.active:
        where.append(c.status.in_(ACTIVE))
    if wanted.conversation_id is not None:
        own = wanted.conversation_id == "default"
        where.append(c.thread_id == (c.agent_id if own else wanted.conversation_id))
    return where


def delete(tx: Tx, who: Who, id: str) -> None:
    rows.delete(tx, who, id)


def change(tx: Tx, who: Who, id: str, values: Mapping[str, Any]) -> None:
    rows.set(tx, who, id, values)


def active(tx: Tx, who: Who, thread_id: str) -> list[Run]:
    """The runs of a thread that are not over, oldest first: the queue in front of it."""
    return rows.all(tx, who, c.thread_id == thread_id, c.status.in_(ACTIVE), order=[c.created_at, c.id])


def active_of_agent(tx: Tx, who: Who, agent_id: str) -> list[Run]:
    return rows.all(tx, who, c.agent_id == agent_id, c.status.in_(ACTIVE), order=[c.created_at, c.id])


def active_of_all(tx: Tx, who: Who) -> list[Run]:
    """The runs of an organization that are not over; only those that somebody owns are looked at."""
    return rows.all(tx, who, c.owner > "", IS_ACTIVE)


def delete_of_agent(tx: Tx, who: Who, agent_id: str) -> None:
    tx.execute(rows.table.delete().where(c.organization_id == who.organization_id, c.agent_id == agent_id))


def end(tx: Tx, run: Run) -> None:
    """Store how a run ended, unless it was ended by someone else before."""
    own: dict[str, Any] = {"owner": run.owner, "input": run.input} if run.background else {"owner": None, "input": []}
    ended: dict[str, Any] = {**{name: getattr(run, name) for name in _ENDING}, **own, "updated_at": now()}
    _END.soon(tx, ended | {"the_org": run.organization_id, "the_id": run.id})


def abandon(tx: Tx, who: Who, run: Run, error: Mapping[str, Any]) -> None:
    """End a run whose turn could not end it, and free the thread that it may hold; whoever goes on with it has both."""
    moment, t = now(), threads.rows
    values = {"status": "failed", "stop_reason": "error", "completed_at": moment, "metadata": {**run.metadata, **error}}
    still = sa.and_(_mine(who, [run.id]), c.owner == run.owner, c.epoch == run.epoch, c.status.in_(ACTIVE))
    owner = run.owner if run.background else None
    tx.execute(rows.table.update().where(still).values(**values, owner=owner, updated_at=moment))
    held = sa.and_(t.c.organization_id == who.organization_id, t.c.id == run.thread_id, t.c.lease_run_id == run.id)
    ours = t.c.lease_owner == run.owner, ~sa.exists().where(_mine(who, [run.id]), c.epoch != run.epoch)
    tx.execute(t.table.update().where(held, *ours).values(lease_owner=None, lease_run_id=None))


def mark_cancelled(tx: Tx, who: Who, run_ids: Sequence[str]) -> None:
    """Active runs among these are cancelled; their turns notice at the next safe place."""
    if run_ids:
        moment = now()
        values = {"status": "cancelled", "stop_reason": "cancelled", "completed_at": moment, "updated_at": moment}
        owner = sa.case((c.background, c.owner), else_=sa.null())
        still = sa.and_(_mine(who, run_ids), c.status.in_(ACTIVE))
        tx.execute(rows.table.update().where(still).values(**values, owner=owner))


def note_callback(tx: Tx, who: Who, run: Run) -> None:
    """Store what became of a run's callback."""
    names = ("callback_sent_at", "callback_status_code", "callback_error")
    rows.update(tx, who, run.id, {name: getattr(run, name) for name in names})


def settle(tx: Tx, who: Who, id: str, owner: str) -> None:
    """Nothing is left to do for a run: it is over, and everybody has been told."""
    tx.execute(rows.table.update().where(_mine(who, [id]), c.owner == owner).values(owner=None, input=[]))


def hand_over(tx: Tx, who: Who, run: Run) -> None:
    """Let go of a run, and of its thread, so that another process goes on with it."""
    mine = sa.and_(_mine(who, [run.id]), c.owner == run.owner)
    if tx.execute(rows.table.update().where(mine).values(owner=NOBODY)).rowcount:
        free_threads(tx, who, [run.id])


def free_threads(tx: Tx, who: Who, run_ids: Sequence[str]) -> None:
    """Take the threads from runs, which then cannot store anything any more."""
    t = threads.rows
    held = sa.and_(t.c.organization_id == who.organization_id, t.c.lease_run_id.in_(list(run_ids)))
    tx.execute(t.table.update().where(held).values(lease_owner=None, lease_run_id=None, fence=t.c.fence + 1))


def hold_threads(tx: Tx, who: Who, run_ids: Sequence[str]) -> bool:
    """Does any of these runs still have its thread?"""
    t = threads.rows.c
    held = sa.and_(t.organization_id == who.organization_id, t.lease_run_id.in_(list(run_ids)))
    return tx.execute(sa.select(t.id).where(held).limit(1)).scalar() is not None


def find(tx: Tx, who: Who, id: str) -> Run | None:
    return rows.find(tx, who, id)


def with_key(tx: Tx, who: Who, thread_id: str, key: str) -> Run | None:
    """The newest run of a thread that the same request has started before."""
    return rows.first(tx, who, c.thread_id == thread_id, c.request_key == key, order=[c.created_at.desc()])


def _mine(who: Who, run_ids: Sequence[str]) -> Where:
    return sa.and_(c.organization_id == who.organization_id, c.id.in_(list(run_ids)))
