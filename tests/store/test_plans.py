"""Statements that run at every search, or every few seconds, look only at the rows that they are about."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from holdfast.archives import passages
from holdfast.archives.passages import Narrowing
from holdfast.auth.model import Who
from holdfast.batches import work as batches
from holdfast.files import work as loads
from holdfast.recall.items import SOURCES
from holdfast.store import schema, search, sqlite
from holdfast.store.postgres import engine as to_postgres
from holdfast.store.search import FILES, MESSAGES, PASSAGES, Corpus, EntryRow
from holdfast.store.table import Tx
from tests.harness.postgres import Postgres

WHO = Who("org", None)
ARCHIVE, ALL_ARCHIVES = Corpus("org", PASSAGES, "archive"), Corpus("org", PASSAGES)
SEVERAL = Corpus("org", FILES, "folder", ("other folder",))

Unit = Callable[[Tx], object]


def _waiting(kind: str, of: str | None) -> Unit:
    corpus = None if of is None else Corpus("org", kind, of)
    return lambda tx: SOURCES[kind].waiting(tx, 10, corpus)


def _unknown(kind: str, of: str | None) -> Unit:
    return lambda tx: SOURCES[kind].unknown(tx, Corpus("org", kind, of))


BY_ID = "sqlite_autoindex_passages_1 (organization_id=? AND id=?)"

USED: Sequence[tuple[Unit, str]] = (
    (_waiting(PASSAGES, "archive"), "passages_unindexed"),
    (_waiting(PASSAGES, None), "passages_unindexed"),
    (_waiting(MESSAGES, "agent"), "messages_not_indexed"),
    (_waiting(MESSAGES, None), "messages_not_indexed"),
    (_waiting(FILES, "folder"), "file_chunks_unindexed"),
    (_waiting(FILES, None), "file_chunks_unindexed"),
    (_unknown(PASSAGES, "archive"), "passages_unindexed"),
    (_unknown(PASSAGES, None), "passages_unindexed"),
    (_unknown(MESSAGES, "agent"), "messages_not_indexed"),
    (_unknown(MESSAGES, None), "messages_not_indexed"),
    (_unknown(FILES, None), "file_chunks_unindexed"),
    (lambda tx: search.count_pending(tx, ARCHIVE, 10), "search_entries_pending"),
    (lambda tx: search.count_pending(tx, ALL_ARCHIVES, 10), "search_entries_pending"),
    (lambda tx: search.count_pending(tx, None, 1), "search_entries_pending"),
    (lambda tx: search.count_pending(tx, SEVERAL, 10, ["some/model"]), "search_entries_pending"),
    (lambda tx: search.since(tx, ARCHIVE, (7, ""), 10), "search_entries_by_corpus"),
    (lambda tx: search.since(tx, SEVERAL, (7, "item"), 10), "search_entries_by_corpus"),
    (lambda tx: search.since(tx, ALL_ARCHIVES, (7, ""), 10), "search_entries_by_kind"),
    (lambda tx: passages.allowed_ids(tx, WHO, "archive", Narrowing()), "passages_superseded"),
    (lambda tx: passages.allowed_ids(tx, WHO, None, Narrowing()), "passages_superseded"),
    (lambda tx: search.pending(tx, ARCHIVE, 10), "search_entries_pending"),
    (lambda tx: search.pending(tx, ALL_ARCHIVES, 10, ["some/model"]), "search_entries_pending"),
    (lambda tx: search.pending_past(tx, ("org", "archive"), 10), "search_entries_pending"),
    (loads.is_waiting, "files_to_do"),
    (batches.is_waiting, "batches_not_settled"),
    (lambda tx: passages.rows.many(tx, WHO, ["one", "two"]), BY_ID),
)


MANY = 3_000


@pytest.mark.parametrize("corpus", [ARCHIVE, ALL_ARCHIVES, None])
def test_counting_what_waits_does_not_look_at_all_that_does_not(postgres: Postgres, corpus: Corpus | None) -> None:
    """PostgreSQL, which knows how many entries there are, but not that hardly any of them wait."""
    engine = to_postgres(postgres.uri(postgres.create()), "holdfast", 1)
    schema.bring_up_to_date(engine, None, destructive_ok=False)
    made = EntryRow("org", "", PASSAGES, "archive", model="some/model", wants="some/model")
    with engine.begin() as tx:
        search.add(tx, [replace(made, item_id=f"passage-{each}") for each in range(MANY)])
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as tx:
        tx.exec_driver_sql("ANALYZE")
    plan = _plan(engine, lambda tx: search.count_pending(tx, corpus, 10))
    engine.dispose()
    assert "search_entries_pending" in plan
    assert "Seq Scan" not in plan


def test_every_corpus_gets_its_turn(tmp_path: Path) -> None:
    engine = sqlite.engine(tmp_path / "holdfast.db")
    schema.bring_up_to_date(engine, None, destructive_ok=False)
    waiting = [("a", "one", 3), ("a", "two", 1), ("b", "one", 1)]
    came_to, seen = ("", ""), list[tuple[str, str]]()
    with engine.begin() as tx:
        for organization, corpus, count in waiting:
            made = EntryRow(organization, "", PASSAGES, corpus, wants="some/model")
            search.add(tx, [replace(made, item_id=f"{corpus}-{each}") for each in range(count)])
        for _ in range(5):
            (row,) = search.pending_past(tx, came_to, 1)
            came_to = (row.organization_id, row.corpus)
            seen.append(came_to)
        assert search.pending_past(tx, came_to, 1, ["some/model"]) == []
    assert seen == [("a", "one"), ("a", "two"), ("b", "one"), ("a", "one"), ("a", "two")]


@pytest.mark.parametrize(("unit", "index"), USED)
def test_the_index_that_is_made_for_it_is_used(tmp_path: Path, unit: Unit, index: str) -> None:
    engine = sqlite.engine(tmp_path / "holdfast.db")
    schema.bring_up_to_date(engine, None, destructive_ok=False)
    assert index in _plan(engine, unit)


def _plan(engine: sa.Engine, unit: Unit) -> str:
    """What the database says of how it finds the rows of a unit's one statement."""
    sent: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, sql: str, values: Any, context: Any, many: bool) -> None:
        sent.append((sql, values))

    with engine.connect() as tx:
        event.listen(engine, "before_cursor_execute", note)
        unit(tx)
        sql, values = sent[0]
        if engine.dialect.name == "sqlite":
            found = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", tuple(values)).all()
        else:
            raw: Any = tx.connection.driver_connection
            found = (
                psycopg.RawCursor(raw).execute(f"EXPLAIN {sql}".encode(), values).fetchall()
            )  # $1 and so on, as they were sent
        return "\n".join(str(row[-1]) for row in found)
