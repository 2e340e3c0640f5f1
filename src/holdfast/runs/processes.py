"""The server processes that are alive. A process that stopped beating leaves its runs and threads to the others."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from holdfast.kit.clock import now
from holdfast.messages import threads
from holdfast.runs import store as runs
from holdfast.store.columns import Moment
from holdfast.store.table import Tx, clock, metadata

BEAT_S = 2.0
ALIVE_FOR = timedelta(seconds=7)
"""With a beat, less than the ten seconds after which the runs of a killed process are over."""

processes = sa.Table(
    "processes",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("expires_at", Moment(), nullable=False),
)
c = processes.c

ENDING = ("status", "stop_reason", "completed_at", "updated_at", "metadata")
INTERRUPTED = {
    "error": {"type": "interrupted", "message": "The server stopped while it worked on this run.", "detail": ""}
}


def beat(tx: Tx, id: str) -> None:
    """Say that a process is alive, and take over what dead ones have left."""
    expires_at = clock(tx, ALIVE_FOR)
    if tx.execute(processes.update().where(c.id == id).values(expires_at=expires_at)).rowcount == 0:
        tx.execute(processes.insert().values(id=id, expires_at=expires_at))
    bury(tx)


def stopped(tx: Tx, run_ids: Sequence[str]) -> list[str]:
    """Those of a process's own runs that another process has ended: cancelled, or given up for dead."""
    r = runs.rows.c
    return list(tx.execute(sa.select(r.id).where(r.id.in_(run_ids), r.status.not_in(runs.ACTIVE))).scalars())


def leave(tx: Tx, id: str) -> None:
    tx.execute(processes.delete().where(c.id == id))


def bury_all(tx: Tx) -> None:
    """This is the only process (SQLite): whoever was there before is dead."""
    tx.execute(processes.delete())
    bury(tx)


def bury(tx: Tx) -> None:
    """Free the threads of dead processes, and end the runs that were theirs."""
    tx.execute(processes.delete().where(c.expires_at < clock(tx)))
    alive = sa.select(c.id)
    t, r = threads.rows, runs.rows
    orphaned = sa.and_(r.c.status.in_(runs.ACTIVE), sa.or_(r.c.owner.is_(None), r.c.owner.not_in(alive)))
    moment = now()
    for run in list(map(r.load, tx.execute(sa.select(r.table).where(orphaned).with_for_update()))):
        run.status, run.stop_reason, run.completed_at, run.updated_at = "failed", "error", moment, moment
        run.metadata = {**run.metadata, **INTERRUPTED}
        ended = {name: getattr(run, name) for name in ENDING}
        tx.execute(r.table.update().where(r.c.organization_id == run.organization_id, r.c.id == run.id).values(**ended))
    free = sa.and_(t.c.lease_owner.is_not(None), t.c.lease_owner.not_in(alive))
    tx.execute(t.table.update().where(free).values(lease_owner=None, lease_run_id=None))
