"""The table of steps."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.kit.page import Page
from holdfast.steps.filter import StepFilter
from holdfast.steps.model import Step
from holdfast.store.table import Rows, Tx, Where, contains_all

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


def page(tx: Tx, who: Who, page: Page, wanted: StepFilter) -> list[Step]:
    return rows.page(tx, who, page, *_where(tx, wanted))


def page_of_run(tx: Tx, who: Who, page: Page, run_id: str) -> list[Step]:
    return rows.page(tx, who, page, c.run_id == run_id)


def _where(tx: Tx, wanted: StepFilter) -> list[Where]:
    same = ((c.agent_id, wanted.agent_id), (c.project_id, wanted.project_id), (c.feedback, wanted.feedback))
    where: list[Where] = [column == value for column, value in same if value is not None]
    if wanted.model is not None:
        where.append(sa.or_(c.model == wanted.model, c.model_handle == wanted.model))
    if wanted.start_date is not None:
        where.append(c.created_at >= wanted.start_date)
    if wanted.end_date is not None:
        where.append(c.created_at <= wanted.end_date)
    if wanted.has_feedback is not None:
        where.append(c.feedback.is_not(None) if wanted.has_feedback else c.feedback.is_(None))
    if wanted.tags:
        where.append(contains_all(tx, c.tags, wanted.tags))
    if wanted.trace_ids:
        where.append(c.trace_id.in_(wanted.trace_ids))
    return where


def change(tx: Tx, who: Who, id: str, values: Mapping[str, Any]) -> Step:
    return rows.update(tx, who, id, values)


def end(tx: Tx, who: Who, id: str) -> None:
    """Nothing more comes of a step whose tools broke off."""
    mine = sa.and_(c.organization_id == who.organization_id, c.id == id, c.status == "pending")
    tx.execute(rows.table.update().where(mine).values(status="success"))


def of_run(tx: Tx, who: Who, run_id: str) -> list[Step]:
    return rows.all(tx, who, c.run_id == run_id, order=[c.created_at, c.id])


def delete_of_run(tx: Tx, who: Who, run_id: str) -> None:
    tx.execute(rows.table.delete().where(c.organization_id == who.organization_id, c.run_id == run_id))


def delete_of_agent(tx: Tx, who: Who, agent_id: str) -> None:
    tx.execute(rows.table.delete().where(c.organization_id == who.organization_id, c.agent_id == agent_id))
