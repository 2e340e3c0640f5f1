"""The table of runs."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.runs.model import Run
from holdfast.store.table import Rows, Tx

rows = Rows(
    "runs",
    Run,
    sa.Index("runs_by_agent", "organization_id", "agent_id", "created_at"),
    sa.Index("runs_by_thread", "organization_id", "thread_id", "status", "created_at"),
    sa.Index("runs_by_time", "organization_id", "created_at"),
)
c = rows.c

ACTIVE = ("created", "running")


def insert(tx: Tx, run: Run) -> Run:
    return rows.insert(tx, run)


def get(tx: Tx, who: Who, id: str) -> Run:
    return rows.get(tx, who, id)


def change(tx: Tx, who: Who, id: str, values: Mapping[str, Any]) -> Run:
    return rows.update(tx, who, id, values)


def active(tx: Tx, who: Who, thread_id: str) -> list[Run]:
    """The runs of a thread that are not over, oldest first: the queue in front of it."""
    return rows.all(tx, who, c.thread_id == thread_id, c.status.in_(ACTIVE), order=[c.created_at, c.id])


def active_of_agent(tx: Tx, who: Who, agent_id: str) -> list[Run]:
    return rows.all(tx, who, c.agent_id == agent_id, c.status.in_(ACTIVE), order=[c.created_at, c.id])


def delete_of_agent(tx: Tx, who: Who, agent_id: str) -> None:
    tx.execute(rows.table.delete().where(c.organization_id == who.organization_id, c.agent_id == agent_id))
