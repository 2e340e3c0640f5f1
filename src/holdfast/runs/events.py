"""The table of run events: the frames of background runs, for three hours."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.feed.port import KEPT_S, Entry, Superseded, Topic
from holdfast.kit.clock import now
from holdfast.runs import store as runs
from holdfast.store.columns import Moment
from holdfast.store.table import Tx, clock, metadata

events = sa.Table(
    "run_events",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("mark", sa.Text, nullable=False),
    sa.Column("created_at", Moment(), nullable=False),
    sa.Index("run_events_by_time", "created_at"),
)
c, r = events.c, runs.rows.c

_MINE = sa.and_(c.organization_id == sa.bindparam("org"), c.run_id == sa.bindparam("run"))
_WRITER = (
    sa.select(r.epoch)
    .where(r.organization_id == sa.bindparam("org"), r.id == sa.bindparam("run"))
    .with_for_update(read=True)
)
_LAST = sa.select(sa.func.coalesce(sa.func.max(c.seq), 0)).where(_MINE)
_AFTER = (
    sa.select(c.seq, c.data, c.mark)
    .where(_MINE, c.seq > sa.bindparam("after"))
    .order_by(c.seq)
    .limit(sa.bindparam("most", type_=sa.Integer()))
)


def append(tx: Tx, topic: Topic, entries: Sequence[Entry]) -> None:
    """Keep frames, unless another writer has taken over. What is too old goes when a run's first frame comes."""
    key = {"org": topic.organization_id, "run": topic.run_id}
    if tx.execute(_WRITER, key).scalar() != topic.epoch:
        raise Superseded(f"Run {topic.run_id} is worked on by another server.")
    last: int = tx.execute(_LAST, key).scalar_one()
    if last == 0:
        expire(tx)
    kept = {"organization_id": topic.organization_id, "run_id": topic.run_id, "created_at": now()}
    new = [kept | {"seq": e.seq, "data": e.data.decode(), "mark": e.mark} for e in entries if e.seq > last]
    if new:
        tx.execute(events.insert(), new)


def after(tx: Tx, topic: Topic, seq: int, limit: int) -> list[Entry]:
    found = tx.execute(_AFTER, {"org": topic.organization_id, "run": topic.run_id, "after": seq, "most": limit})
    return [Entry(row.seq, row.data.encode(), row.mark) for row in found]


def expire(tx: Tx) -> None:
    """Drop the frames that nobody can ask for any more; those of a run at work stay, however old."""
    at_work = sa.exists().where(r.organization_id == c.organization_id, r.id == c.run_id, r.status.in_(runs.ACTIVE))
    tx.execute(events.delete().where(c.created_at < clock(tx, -timedelta(seconds=KEPT_S)), ~at_work))


def delete_of_run(tx: Tx, who: Who, run_id: str) -> None:
    tx.execute(events.delete().where(_MINE), {"org": who.organization_id, "run": run_id})


def delete_of_runs(tx: Tx, who: Who, run_ids: Sequence[str]) -> None:
    tx.execute(events.delete().where(c.organization_id == who.organization_id, c.run_id.in_(list(run_ids))))


def delete_of_agent(tx: Tx, who: Who, agent_id: str) -> None:
    of_agent = sa.select(r.id).where(r.organization_id == who.organization_id, r.agent_id == agent_id)
    tx.execute(events.delete().where(c.organization_id == who.organization_id, c.run_id.in_(of_agent)))
