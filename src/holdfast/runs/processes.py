"""The server processes that are alive. A process that stopped beating leaves its runs and threads to the others."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.kit.clock import now
from holdfast.messages import threads
from holdfast.runs import store as runs
from holdfast.runs.model import NOBODY, Run
from holdfast.store.columns import Moment
from holdfast.store.table import Tx, clock, metadata

BEAT_S = 2.0
ALIVE_FOR = timedelta(seconds=7)
"""With a beat, less than the ten seconds after which the runs of a killed process are over, or go on elsewhere."""

processes = sa.Table(
    "processes",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("expires_at", Moment(), nullable=False),
)
c = processes.c

CUT_OFF_FOR = timedelta(seconds=2 * BEAT_S)
"""Less than it takes until others are taken for dead: what kept them all from beating was noticed here as well."""

FORGOTTEN_AFTER = timedelta(minutes=10)
"""How long a dead process is remembered; what counts is when it was last alive."""

MOST_DEATHS = 3
MOST_AT_ONCE = 50
"""How many runs a process takes over in one go; the others get theirs meanwhile."""

ENDING = ("status", "stop_reason", "completed_at", "updated_at", "metadata", "owner", "epoch", "deaths")
INTERRUPTED = "The server stopped while it worked on this run."
UNANSWERED = "The database did not answer when this run began, so nobody worked on it. Send the message again."
GIVEN_UP = f"The server stopped {MOST_DEATHS} times while it worked on this run, which is not tried again."


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What others have done with the runs of a process."""

    ended: list[str]
    """Cancelled, or given up for dead."""
    taken: list[str]
    """Gone on with by another process."""


class Watch:
    """Whether a process can tell who is dead: not when it was cut off itself, because the others may have been too."""

    def __init__(self, first: datetime) -> None:
        self._last = self._sure_from = first
        self._unknown: Collection[str] = ()

    def is_sure(self, moment: datetime) -> bool:
        """Can it be told at this beat? After a gap before it the others are given time to beat again too."""
        if moment - self._last > CUT_OFF_FOR:
            self._sure_from = moment + ALIVE_FOR
        self._last = moment
        return moment >= self._sure_from

    def lost(self, unknown: Collection[str]) -> list[str]:
        """Those of its runs that a process did not know at two beats: one that just begins is known at the next."""
        lost = [id for id in unknown if id in self._unknown]
        self._unknown = unknown
        return lost


def beat(tx: Tx, id: str) -> datetime:
    """Say that a process is alive; the moment at which it does, as the database sees it."""
    values = {"expires_at": clock(tx, ALIVE_FOR)}
    found = tx.execute(processes.update().where(c.id == id).values(values).returning(c.expires_at)).scalar()
    if found is None:
        found = tx.execute(processes.insert().values(id=id, **values).returning(c.expires_at)).scalar_one()
    return found - ALIVE_FOR


def elsewhere(tx: Tx, id: str, run_ids: Sequence[str]) -> Elsewhere:
    """Those of a process's own runs that it must leave alone from now on."""
    r = runs.rows.c
    found = tx.execute(sa.select(r.id, r.status, r.owner, r.background).where(r.id.in_(run_ids))).all()
    taken = [row.id for row in found if row.background and row.owner not in (id, None)]
    return Elsewhere([row.id for row in found if row.status not in runs.ACTIVE and row.id not in taken], taken)


def unknown(tx: Tx, id: str, known: Collection[str]) -> list[str]:
    """Runs that are a process's own without its knowing: they began in a commit that was never answered."""
    r = runs.rows.c
    found = tx.execute(sa.select(r.id).where(r.owner == id, runs.IS_ACTIVE)).scalars()
    return [run_id for run_id in found if run_id not in known]


def disown(tx: Tx, id: str, run_ids: Collection[str]) -> None:
    """Leave runs, and their threads, to whoever buries the dead next."""
    t, r = threads.rows, runs.rows
    tx.execute(r.table.update().where(r.c.owner == id, r.c.id.in_(run_ids)).values(owner=NOBODY))
    held = t.c.lease_owner == id, t.c.lease_run_id.in_(run_ids)
    tx.execute(t.table.update().where(*held).values(lease_owner=NOBODY))


def leave(tx: Tx, id: str) -> None:
    tx.execute(processes.delete().where(c.id == id))


def bury_all(tx: Tx) -> None:
    """This is the only process (SQLite): whoever was there before is dead."""
    tx.execute(processes.delete())


def bury(tx: Tx, heir: str, beaten_at: datetime) -> list[Run]:
    """Free the threads of dead processes, end their runs that someone waited for, and take over the others.

    Dead is who was so when the heir last beat: a database that stands still after that kills nobody. Nothing here
    waits for a lock: a process that froze in the middle of a transaction may hold it for long.
    """
    t, r = threads.rows, runs.rows
    alive = sa.select(c.id).where(c.expires_at >= beaten_at)
    stuck = sa.select(t.c.id).where(t.c.lease_owner.is_not(None), t.c.lease_owner.not_in(alive))
    free = t.table.update().where(t.c.id.in_(stuck.with_for_update(skip_locked=True)))
    tx.execute(free.values(lease_owner=None, lease_run_id=None, fence=t.c.fence + 1))
    orphaned = sa.and_(r.c.owner.is_not(None), r.c.owner.not_in(alive))
    query = sa.select(r.table).where(orphaned).order_by(r.c.created_at, r.c.id).limit(MOST_AT_ONCE)
    found = list(map(r.load, tx.execute(query.with_for_update(skip_locked=True))))
    for run in found:
        _inherit(run, heir)
        changed = {name: getattr(run, name) for name in ENDING}
        mine = sa.and_(r.c.organization_id == run.organization_id, r.c.id == run.id)
        tx.execute(r.table.update().where(mine).values(**changed))
    gone = sa.select(c.id).where(c.expires_at < clock(tx, -FORGOTTEN_AFTER)).with_for_update(skip_locked=True)
    tx.execute(processes.delete().where(c.id.in_(gone)))
    return [run for run in found if run.background]


def _inherit(run: Run, heir: str) -> None:
    """What becomes of a run whose process is gone."""
    run.updated_at = now()
    run.deaths += run.status == "running" and run.owner != NOBODY
    if not run.is_over and not run.background:
        _fail(run, UNANSWERED if run.owner == NOBODY else INTERRUPTED)
    elif not run.is_over and run.deaths >= MOST_DEATHS:
        _fail(run, GIVEN_UP)
    run.owner = heir if run.background else None
    run.epoch += 1


def _fail(run: Run, why: str) -> None:
    error: dict[str, Any] = {"type": "interrupted", "message": why, "detail": ""}
    run.status, run.stop_reason, run.completed_at = "failed", "error", run.updated_at
    run.metadata = {**run.metadata, "error": error}
