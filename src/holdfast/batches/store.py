"""The tables of batches and their requests."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.batches.model import Batch, BatchItem
from holdfast.kit.page import Page
from holdfast.store.table import Rows, Tx, Where, only_where

rows = Rows(
    "batches",
    Batch,
    sa.Index("batches_by_time", "organization_id", "created_at"),
)
c = rows.c
sa.Index("batches_not_settled", c.created_at, **only_where("NOT is_settled"))

items = Rows(
    "batch_items",
    BatchItem,
    sa.Index("batch_items_by_batch", "organization_id", "batch_id", "status", "position"),
    sa.Index("batch_items_by_agent", "organization_id", "agent_id"),
    noun="request of a batch",
)
i = items.c

MOST_FAILURES = 10
"""How many failed requests a batch names."""


@dataclass(slots=True)
class Standing:
    """How far a batch is."""

    counts: dict[str, int] = field(default_factory=dict[str, int])
    """How many of its requests have which status."""
    failures: list[BatchItem] = field(default_factory=list[BatchItem])
    """The first of those that failed."""


def insert(tx: Tx, batch: Batch, requests: Sequence[BatchItem]) -> Batch:
    items.insert_many(tx, requests)
    return rows.insert(tx, batch)


def get(tx: Tx, who: Who, id: str) -> Batch:
    return rows.get(tx, who, id)


def page(tx: Tx, who: Who, page: Page, active: bool, *where: Where) -> list[Batch]:
    """The batches of an organization; only those that are not over, if so wanted."""
    return rows.page(tx, who, page, *where, *([c.status == "running"] if active else []))


def standings(tx: Tx, who: Who, ids: Sequence[str]) -> dict[str, Standing]:
    """How far some batches are."""
    found = {id: Standing() for id in ids}
    of_these = i.organization_id == who.organization_id, i.batch_id.in_(list(ids))
    counted = sa.select(i.batch_id, i.status, sa.func.count()).where(*of_these).group_by(i.batch_id, i.status)
    for batch_id, status, count in tx.execute(counted):
        found[batch_id].counts[status] = count
    for id, standing in found.items():
        if standing.counts.get("failed"):
            failed = i.batch_id == id, i.status == "failed"
            standing.failures = items.all(tx, who, *failed, order=[i.position], limit=MOST_FAILURES)
    return found


def run_ids(who: Who, batch_id: str) -> sa.Select[tuple[str]]:
    """The runs of a batch, for a statement to choose by."""
    return sa.select(i.run_id).where(i.organization_id == who.organization_id, i.batch_id == batch_id)


def items_of_runs(tx: Tx, who: Who, batch_id: str, ids: Sequence[str]) -> dict[str, str]:
    """The requests that some runs of a batch work on, by the ids of the runs."""
    found = items.all(tx, who, i.batch_id == batch_id, i.run_id.in_(list(ids)))
    return {item.run_id: item.id for item in found if item.run_id}


def delete(tx: Tx, who: Who, id: str) -> None:
    tx.execute(items.table.delete().where(i.organization_id == who.organization_id, i.batch_id == id))
    rows.delete(tx, who, id)


def delete_of_agent(tx: Tx, who: Who, agent_id: str) -> None:
    """The requests to an agent that is gone; their batches go on without them."""
    tx.execute(items.table.delete().where(i.organization_id == who.organization_id, i.agent_id == agent_id))
