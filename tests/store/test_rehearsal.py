"""The server gets ready for requests without leaving anything in the database."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from holdfast.config import load
from holdfast.kit.routes import Dispatch
from holdfast.llm.demo.provider import DemoProvider
from holdfast.llm.models import Models
from holdfast.rehearsal import rehearse
from holdfast.routers import ROUTERS
from holdfast.store.opening import open_database
from holdfast.store.table import Tx, metadata
from tests.harness.fleet import Engine, Fleet


async def test_the_rehearsal_leaves_nothing_behind(engine: Engine, fleet: Fleet, tmp_path: Path) -> None:
    where = {"HOLDFAST_PG_URI": fleet.new_database()} if engine == "postgres" else {}
    db = open_database(load({"HOLDFAST_DATA": str(tmp_path), **where}, {})).db
    statements: list[str] = []

    def note(*call: Any) -> None:
        statements.append(call[2])

    event.listen(db.engine, "before_cursor_execute", note)
    await rehearse(Dispatch(ROUTERS), db, Models([], DemoProvider()))
    assert any("INSERT INTO" in statement and "agents" in statement for statement in statements)
    assert await db.read(_rows) == {table.name: 0 for table in metadata.sorted_tables}
    db.close()


def _rows(tx: Tx) -> dict[str, int]:
    counts = ((table, sa.select(sa.func.count()).select_from(table)) for table in metadata.sorted_tables)
    return {table.name: tx.execute(count).scalar_one() for table, count in counts}
