"""The table of steps."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.steps.model import Step
from holdfast.store.table import Rows, Tx

rows = Rows(
    "steps",
    Step,
    sa.Index("steps_by_run", "organization_id", "run_id", "created_at"),
    sa.Index("steps_by_time", "organization_id", "created_at"),
    sa.Index("steps_by_agent", "organization_id", "agent_id", "created_at"),
)
c = rows.c


def insert(tx: Tx, step: Step) -> Step:
    return rows.insert(tx, step)


def get(tx: Tx, who: Who, id: str) -> Step:
    return rows.get(tx, who, id)


def change(tx: Tx, who: Who, id: str, values: Mapping[str, Any]) -> Step:
    return rows.update(tx, who, id, values)


def of_run(tx: Tx, who: Who, run_id: str) -> list[Step]:
    return rows.all(tx, who, c.run_id == run_id, order=[c.created_at, c.id])


def delete_of_agent(tx: Tx, who: Who, agent_id: str) -> None:
    tx.execute(rows.table.delete().where(c.organization_id == who.organization_id, c.agent_id == agent_id))
