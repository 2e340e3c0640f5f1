"""The table of jobs that forget."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.forget.model import Forgetting
from holdfast.kit.page import Page
from holdfast.store.table import Rows, Tx, clock

rows = Rows(
    "forgettings",
    Forgetting,
    sa.Index("forgettings_by_time", "organization_id", "created_at", "id"),
    sa.Index("forgettings_by_change", "updated_at"),
    noun="forgetting",
)
c = rows.c


def insert(tx: Tx, job: Forgetting) -> Forgetting:
    return rows.insert(tx, job)


def get(tx: Tx, who: Who, id: str) -> Forgetting:
    return rows.get(tx, who, id)


def page(tx: Tx, who: Who, page: Page) -> list[Forgetting]:
    return rows.page(tx, who, page)


def save(tx: Tx, job: Forgetting) -> None:
    """Store how far a job is."""
    names = ("status", "scope", "erased", "erased_at", "done_at", "problem")
    rows.update(tx, of(job), job.id, {name: getattr(job, name) for name in names})


def of(job: Forgetting) -> Who:
    """On whose behalf a job works."""
    return Who(job.organization_id, job.created_by_id, key_id=job.key_id)


def unfinished(tx: Tx) -> list[Forgetting]:
    """The jobs of all organizations that are not done, oldest first."""
    return _found(tx, c.status != "done")


def changed_since(tx: Tx, moment: datetime) -> list[Forgetting]:
    """The jobs of all organizations that began or went on after a moment."""
    return _found(tx, c.updated_at >= moment)


def long_erased(tx: Tx, seconds: float) -> Sequence[Forgetting]:
    """The jobs whose rows are gone for so long that the files should be written anew, and all that go with them."""
    waiting = _found(tx, c.status == "rewriting")
    due = sa.select(c.id).where(c.status == "rewriting", c.erased_at <= clock(tx, -timedelta(seconds=seconds)))
    return waiting if tx.execute(due.limit(1)).first() is not None else ()


def _found(tx: Tx, where: sa.ColumnElement[bool]) -> list[Forgetting]:
    return [rows.load(row) for row in tx.execute(sa.select(rows.table).where(where).order_by(c.created_at, c.id))]
