"""What PostgreSQL's planner believes of tables that have begun to grow.

Of a table that nobody has analyzed it knows nothing: every index that begins with the organization looks as good as
the right one, and a session keeps such a plan, which goes through all rows of an organization for one of them. The
database looks after that itself once in a minute, if it may; a new installation has thousands of rows by then.
"""

import asyncio
import logging
from collections.abc import Sequence

import sqlalchemy as sa

from holdfast.errors import AppError
from holdfast.store.database import Database
from holdfast.store.postgres import schema_of
from holdfast.store.table import Tx

LOOK_S = 5.0

MOST_PAGES = 4096
"""Larger tables are left to the database: by then it knows them, and reading them takes longer."""

log = logging.getLogger("holdfast.store")


class Statistics:
    """Has tables analyzed each time that they have doubled."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._seen = dict[str, int]()
        """Tables that were to be analyzed, by their pages: a role that may not do that is not to try for ever."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if not self._db.is_sqlite:
            self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._look()
            except AppError as failed:
                log.warning("tables are not analyzed: %s", failed.detail)

    async def _look(self) -> None:
        """Units of work that read are in autocommit: each table is analyzed by itself, and locks no other."""
        for name, pages in await self._db.read(_outgrown):
            if pages > 2 * self._seen.get(name, 0):
                self._seen[name] = pages
                await self._db.read(_analyze, name)


def _outgrown(tx: Tx) -> Sequence[tuple[str, int]]:
    """Tables that have more than twice the pages that they had when they were analyzed, and how many these are."""
    found = tx.execute(_OUTGROWN, {"schema": schema_of(tx), "most": MOST_PAGES})
    return [(row.name, row.pages) for row in found]


def _analyze(tx: Tx, name: str) -> None:
    """Unless somebody else is at it."""
    quote = tx.dialect.identifier_preparer.quote
    tx.exec_driver_sql(f"ANALYZE (SKIP_LOCKED) {quote(schema_of(tx) or '')}.{quote(name)}")


_OUTGROWN = sa.text(
    """
    SELECT name, pages FROM (
        SELECT relname AS name, relpages,
            pg_relation_size(oid) / CAST(current_setting('block_size') AS integer) AS pages
        FROM pg_class
        WHERE relkind = 'r' AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = :schema)
    ) AS tables
    WHERE pages > 2 * relpages AND pages <= :most
    """
)
