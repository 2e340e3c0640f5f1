"""Statements that run at every search, or every few seconds, look only at the rows that they are about (SQLite)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from holdfast.archives import passages
from holdfast.auth.model import Who
from holdfast.batches import work as batches
from holdfast.files import work as loads
from holdfast.recall.items import SOURCES
from holdfast.store import schema, search, sqlite
from holdfast.store.search import FILES, MESSAGES, PASSAGES, Corpus
from holdfast.store.table import Tx

WHO = Who("org", None)
ARCHIVE = Corpus("org", PASSAGES, "archive")

Unit = Callable[[Tx], object]


def _waiting(kind: str, of: str | None) -> Unit:
    corpus = None if of is None else Corpus("org", kind, of)
    return lambda tx: SOURCES[kind].waiting(tx, 10, corpus)


BY_ID = "sqlite_autoindex_passages_1 (organization_id=? AND id=?)"

USED: Sequence[tuple[Unit, str]] = (
    (_waiting(PASSAGES, "archive"), "passages_unindexed"),
    (_waiting(PASSAGES, None), "passages_unindexed"),
    (_waiting(MESSAGES, "agent"), "messages_not_indexed"),
    (_waiting(MESSAGES, None), "messages_not_indexed"),
    (_waiting(FILES, "folder"), "file_chunks_unindexed"),
    (_waiting(FILES, None), "file_chunks_unindexed"),
    (lambda tx: search.count_pending(tx, ARCHIVE), "search_entries_pending"),
    (lambda tx: search.pending(tx, 10, corpus=ARCHIVE), "search_entries_pending"),
    (lambda tx: search.pending(tx, 10), "search_entries_pending"),
    (loads.is_waiting, "files_to_do"),
    (batches.is_waiting, "batches_not_settled"),
    (lambda tx: passages.rows.many(tx, WHO, ["one", "two"]), BY_ID),
)


@pytest.mark.parametrize(("unit", "index"), USED)
def test_the_index_that_is_made_for_it_is_used(tmp_path: Path, unit: Unit, index: str) -> None:
    engine = sqlite.engine(tmp_path / "holdfast.db")
    schema.bring_up_to_date(engine, None, destructive_ok=False)
    assert index in _plan(engine, unit)


def _plan(engine: sa.Engine, unit: Unit) -> str:
    """What SQLite says of how it finds the rows of a unit's one statement."""
    sent: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, sql: str, values: Any, context: Any, many: bool) -> None:
        sent.append((sql, values))

    with engine.connect() as tx:
        event.listen(engine, "before_cursor_execute", note)
        unit(tx)
        ((sql, values),) = sent
        return "\n".join(str(row[3]) for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", tuple(values)))
