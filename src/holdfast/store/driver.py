"""Statements given to the engine's driver as they are, in the transaction that is open.

On PostgreSQL those that nobody waits for go with the next one (`libpq`); SQLite is not far away, there nothing waits.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, cast

import sqlalchemy as sa
from sqlalchemy import event, exc

Tx = sa.Connection
"""A transaction, as store functions see it."""

SESSION = "holdfast_session"
"""Where a connection to PostgreSQL has its session."""


class Executed(Protocol):
    """What a statement has come to, once `is_there`."""

    @property
    def is_there(self) -> bool: ...
    @property
    def rows(self) -> Sequence[Sequence[Any]]: ...
    @property
    def changed(self) -> int: ...


class Queueing(Protocol):
    """A connection on which statements wait for each other; `libpq` has the one of PostgreSQL."""

    def later(self, sql: bytes, values: Sequence[Any]) -> Executed: ...
    def flow(self) -> None: ...
    def commit(self) -> None: ...
    def roll_back(self) -> None: ...
    def forget(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Done:
    rows: Sequence[Sequence[Any]]
    changed: int
    is_there: bool = True


@dataclass(frozen=True, slots=True)
class Wording:
    """A statement in the driver's words."""

    sql: str
    encoded: bytes


def execute(tx: Tx, said: Wording, values: Sequence[Any]) -> Executed:
    """What it has come to; failures look like SQLAlchemy's own."""
    executed = later(tx, said, values)
    flow(tx)
    return executed


def later(tx: Tx, said: Wording, values: Sequence[Any]) -> Executed:
    """What it will have come to, when something else was asked or `flow` was called."""
    session = _session(tx)
    _note(tx, said.sql, values)
    if session is None:
        return _on_sqlite(tx, said, values)
    return _driven(tx, said.sql, lambda: session.later(said.encoded, values))


def many(tx: Tx, said: Wording, each: Sequence[Sequence[Any]]) -> None:
    """The same for each of these values; nobody waits for it."""
    session = _session(tx)
    _note(tx, said.sql, each, many=True)
    if session is None:
        _driven(tx, said.sql, lambda: _raw(tx).cursor().executemany(said.sql, each))
        return
    for values in each:
        _driven(tx, said.sql, lambda values=values: session.later(said.encoded, values))


def copy(tx: Tx, sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """Rows for PostgreSQL in one piece."""
    flow(tx)
    _note(tx, sql, rows, many=True)

    def write() -> None:
        with _raw(tx).cursor() as cursor, cursor.copy(sql) as target:
            for row in rows:
                target.write_row(row)

    _driven(tx, sql, write)


def flow(tx: Tx) -> None:
    """Have everything done that waits."""
    session = _session(tx)
    if session is not None:
        _driven(tx, "", session.flow)


def forget(tx: Tx) -> None:
    """What waits is not to be done."""
    session = _session(tx)
    if session is not None:
        session.forget()


def keep_order(engine: sa.Engine) -> None:
    """What waits is done before whatever SQLAlchemy itself is asked for, and no later than the commit."""

    def before_statement(tx: Tx, _cursor: Any, _sql: str, _values: Any, context: Any, _many: bool) -> None:
        if context is not None:  # ours have none
            flow(tx)

    def before_commit(tx: Tx) -> None:
        session = _session(tx)
        if session is not None:
            _driven(tx, "COMMIT", session.commit)

    def before_rollback(tx: Tx) -> None:
        session = None if tx.invalidated else _session(tx)
        if session is not None:
            with suppress(tx.dialect.loaded_dbapi.Error):  # SQLAlchemy tries it too, and knows what to make of it
                session.roll_back()

    def at_return(_raw: Any, record: Any) -> None:
        session: Queueing | None = record.info.get(SESSION)
        if session is not None:
            session.forget()

    event.listen(engine, "before_cursor_execute", before_statement)
    event.listen(engine, "commit", before_commit)
    event.listen(engine, "rollback", before_rollback)
    event.listen(engine, "checkin", at_return)


def _session(tx: Tx) -> Queueing | None:
    return tx.connection.info.get(SESSION)


def _raw(tx: Tx) -> Any:
    return tx.connection.dbapi_connection


def _note(tx: Tx, sql: str, values: Any, *, many: bool = False) -> None:
    """Tell whoever watches the statements of the engine."""
    for note in tx.engine.dispatch.before_cursor_execute:
        note(tx, None, sql, values, None, many)


def _on_sqlite(tx: Tx, said: Wording, values: Sequence[Any]) -> Executed:
    cursor = _driven(tx, said.sql, lambda: _raw(tx).execute(said.sql, values))
    return _Done(cursor.fetchall(), cursor.rowcount)


def _driven(tx: Tx, sql: str, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Exception as failed:
        if not isinstance(failed, tx.dialect.loaded_dbapi.Error):
            raise
        raw = _raw(tx)
        raise _wrapped(tx, sql, failed, is_gone=tx.dialect.is_disconnect(failed, raw, None)) from failed


def _wrapped(tx: Tx, sql: str, failed: Any, *, is_gone: bool) -> exc.DBAPIError:
    if is_gone:
        tx.invalidate(failed)
    kind: Any = tx.dialect.loaded_dbapi.Error
    return cast(
        exc.DBAPIError,
        exc.DBAPIError.instance(
            sql, None, failed, kind, hide_parameters=True, connection_invalidated=is_gone, dialect=tx.dialect
        ),
    )
