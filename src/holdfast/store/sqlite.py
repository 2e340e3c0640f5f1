"""SQLite: one file, one writer thread, readers beside it (DESIGN §4)."""

import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import sqlite

from holdfast.errors import Unavailable
from holdfast.kit.clock import now
from holdfast.store.columns import Moment
from holdfast.store.jsontext import from_json, to_json
from holdfast.store.prepared import Prepared

insert = sqlite.insert

CACHE_KB = 4096
BUSY_MS = 15_000


def engine(path: Path) -> sa.Engine:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = sa.create_engine(
        f"sqlite:///{path}",
        json_serializer=to_json,
        json_deserializer=from_json,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "isolation_level": None, "cached_statements": 512},
        poolclass=sa.NullPool,
    )
    event.listen(made, "connect", _tune)
    return made


def _tune(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in (
        "synchronous=NORMAL",
        f"busy_timeout={BUSY_MS}",
        "foreign_keys=ON",
        "mmap_size=0",
        f"cache_size=-{CACHE_KB}",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(text: Any) -> Any:
    """SQLite folds ASCII only; names and labels are in every script."""
    return text.lower() if isinstance(text, str) else text


def reclaim(connection: sa.Connection, _tables: Sequence[sa.Table]) -> None:
    """Write the file anew without what was deleted, and empty the log that could still hold it."""
    connection.exec_driver_sql("PRAGMA temp_store=FILE")  # the copy is as large as the file
    connection.exec_driver_sql("VACUUM")
    busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    if busy:
        raise Unavailable("Something has been reading the database for too long, so its log cannot be emptied yet.")


def has_any(column: sa.ColumnElement[Any], values: list[str]) -> sa.ColumnElement[bool]:
    each = sa.func.json_each(column).table_valued("value")
    return sa.exists(sa.select(1).select_from(each).where(each.c.value.in_(values)))


def elements(column: sa.ColumnElement[Any]) -> sa.TableValuedAlias:
    return sa.func.json_each(column).table_valued("value")


def clock(ahead: timedelta) -> sa.ColumnElement[Any]:
    return sa.literal(now() + ahead, Moment())


def take_sequence(tx: sa.Connection, name: str, count: int) -> int:
    """Reserve `count` numbers; the last one. The single writer makes this race-free."""
    row = _TAKE.row(tx, {"name": name, "count": count})
    return row[0] if row else 0


_TAKE = Prepared(
    sa.text(
        "INSERT INTO sequences (name, value) VALUES (:name, :count) "
        "ON CONFLICT (name) DO UPDATE SET value = value + excluded.value RETURNING value"
    )
)
