"""Which batches are to be worked on, by whom, and how far they are; safe with several servers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.batches.model import Batch, BatchItem
from holdfast.batches.store import items, rows, standings
from holdfast.errors import Conflict
from holdfast.kit.clock import now
from holdfast.runs import store as runs
from holdfast.runs.model import Run
from holdfast.store.table import Tx, Where, clock, where_only

c, i = rows.c, items.c

LEASE_S = 10.0
AT_ONCE = 8
"""Requests of one batch that are worked on side by side."""

_UNSETTLED = where_only("NOT is_settled")


class NotWaiting(Exception):
    """A request of a batch was begun by someone else, or is not wanted any more."""


@dataclass(frozen=True, slots=True)
class BatchNow:
    """A batch as it is now."""

    batch: Batch
    running: Sequence[BatchItem]
    next: Sequence[BatchItem]
    """What can be begun now: no two of one agent, whose requests come one after the other."""

    @property
    def is_over(self) -> bool:
        return not self.running and not self.next


def who_of(batch: Batch) -> Who:
    """Whoever sent a batch."""
    return Who(
        batch.organization_id, batch.created_by_id, frozenset(batch.sender["scopes"]), batch.sender.get("key_id")
    )


def claim(tx: Tx, owner: str) -> Batch | None:
    """The oldest batch that nobody works on, now leased."""
    row = tx.execute(_free(tx, rows.table).with_for_update(skip_locked=True)).one_or_none()
    if row is None:
        return None
    batch = rows.load(row)
    values = {"owner": owner, "leased_until": clock(tx, timedelta(seconds=LEASE_S))}
    return rows.update(tx, who_of(batch), batch.id, values)


def is_waiting(tx: Tx) -> bool:
    """Is there a batch that anybody could work on now?"""
    return tx.execute(_free(tx, c.id)).first() is not None


def release(tx: Tx, owner: str) -> None:
    """Leave batches to whoever comes next."""
    tx.execute(rows.table.update().where(_UNSETTLED, c.owner == owner).values(owner=None, leased_until=None))


def release_all(tx: Tx) -> None:
    """This is the only process (SQLite): whoever was there before is dead."""
    tx.execute(rows.table.update().where(_UNSETTLED).values(owner=None, leased_until=None))


def look(tx: Tx, batch: Batch) -> BatchNow | None:
    """Note what has ended, and see what can be begun; None when the batch is gone, or somebody else's by now."""
    if tx.execute(_mine(batch).values(leased_until=clock(tx, timedelta(seconds=LEASE_S)))).rowcount == 0:
        return None
    who = who_of(batch)
    batch = rows.get(tx, who, batch.id)
    running = _settled(tx, who, items.all(tx, who, i.batch_id == batch.id, i.status == "running"))
    waiting = _next(tx, who, batch.id, running) if batch.status == "running" else []
    if batch.status == "running" and not running and not waiting:
        batch = _finish(tx, who, batch)
    return BatchNow(batch, running, waiting)


def start(tx: Tx, who: Who, item: BatchItem, run_id: str) -> None:
    """A request is its run's from now on: in the transaction that records the run, so that there is only one."""
    mine = i.organization_id == who.organization_id, i.id == item.id, i.status == "waiting"
    values: dict[str, Any] = {"status": "running", "run_id": run_id, "request": None, "updated_at": now()}
    if tx.execute(items.table.update().where(*mine).values(**values)).rowcount == 0:
        raise NotWaiting


def fail(tx: Tx, who: Who, item: BatchItem, problem: str) -> None:
    """A request that could not be begun."""
    mine = i.organization_id == who.organization_id, i.id == item.id, i.status == "waiting"
    values: dict[str, Any] = {"status": "failed", "problem": problem, "request": None, "updated_at": now()}
    tx.execute(items.table.update().where(*mine).values(**values))


def cancel(tx: Tx, who: Who, id: str) -> list[str]:
    """Begin nothing more of a batch; the runs that are still at work."""
    batch = rows.get(tx, who, id)
    still = c.organization_id == who.organization_id, c.id == id, c.status == "running"
    moment = now()
    values = {"status": "cancelled", "completed_at": moment, "updated_at": moment}
    if tx.execute(rows.table.update().where(*still).values(**values)).rowcount == 0:
        raise Conflict(f"The batch {id} is over: it is `{batch.status}`. There is nothing to cancel.")
    waiting = i.organization_id == who.organization_id, i.batch_id == id, i.status == "waiting"
    tx.execute(items.table.update().where(*waiting).values(status="cancelled", request=None, updated_at=moment))
    return [item.run_id for item in _running(tx, who, id) if item.run_id]


def settle(tx: Tx, batch: Batch) -> None:
    """Everybody has been told that a batch is over; what became of its callback is kept."""
    names = ("callback_sent_at", "callback_status_code", "callback_error")
    told = {name: getattr(batch, name) for name in names}
    tx.execute(_mine(batch).values(**told, is_settled=True, owner=None, leased_until=None))


def note_ended(tx: Tx, who: Who, id: str) -> None:
    """Note which requests of a batch have ended."""
    _settled(tx, who, _running(tx, who, id))


def _running(tx: Tx, who: Who, id: str) -> list[BatchItem]:
    return items.all(tx, who, i.batch_id == id, i.status == "running")


def _settled(tx: Tx, who: Who, running: Sequence[BatchItem]) -> list[BatchItem]:
    """Those requests whose runs are not over; of the others it is noted how they ended."""
    found = runs.rows.many(tx, who, [item.run_id for item in running if item.run_id])
    left: list[BatchItem] = []
    for item in running:
        run = found.get(item.run_id or "")
        if run is not None and not run.is_over:
            left.append(item)
        else:
            items.update(tx, who, item.id, _ending(run))
    return left


def _ending(run: Run | None) -> dict[str, Any]:
    if run is None:
        return {"status": "failed", "problem": "Its run was deleted."}
    error: dict[str, Any] = run.metadata.get("error") or {}
    return {"status": run.status, "problem": error.get("message") if run.status == "failed" else None}


def _next(tx: Tx, who: Who, id: str, running: Sequence[BatchItem]) -> list[BatchItem]:
    """The first request to each agent that has none at work, as many as there is room for."""
    waiting: list[Where] = [i.organization_id == who.organization_id, i.batch_id == id, i.status == "waiting"]
    free = i.agent_id.not_in([item.agent_id for item in running])
    first = sa.func.min(i.position)
    query = sa.select(first).where(*waiting, free).group_by(i.agent_id).order_by(first).limit(AT_ONCE - len(running))
    positions = list(tx.execute(query).scalars())
    return items.all(tx, who, *waiting[1:], i.position.in_(positions), order=[i.position])


def _finish(tx: Tx, who: Who, batch: Batch) -> Batch:
    counts = standings(tx, who, [batch.id])[batch.id].counts
    status = "failed" if counts.keys() == {"failed"} else "completed"
    return rows.update(tx, who, batch.id, {"status": status, "completed_at": now()})


def _free(tx: Tx, what: Any) -> sa.Select[Any]:
    """The oldest batch that is nobody's now."""
    free = sa.or_(c.leased_until.is_(None), c.leased_until < clock(tx))
    return sa.select(what).where(_UNSETTLED, free).order_by(c.created_at).limit(1)


def _mine(batch: Batch) -> sa.Update:
    same = c.organization_id == batch.organization_id, c.id == batch.id, c.owner == batch.owner
    return rows.table.update().where(*same, _UNSETTLED)
