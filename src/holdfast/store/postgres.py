"""PostgreSQL ≥ 14 through psycopg 3; safe behind a transaction pooler (DESIGN §4)."""

import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from importlib import import_module
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from holdfast.errors import Unavailable
from holdfast.store import driver
from holdfast.store.jsontext import from_json, to_json
from holdfast.store.prepared import Prepared

insert = postgresql.insert

PREPARED_AFTER = 2
PREPARED_MOST = 400
"""After how many executions a session keeps a statement's plan, and how many plans it keeps."""

ONLOOKERS_S = 5.0
"""How long it is waited for transactions that still see deleted rows."""

LOOK_AGAIN_S = 0.1

log = logging.getLogger("holdfast.store")


def engine(uri: str, schema: str, pool_size: int, *, only_reads: bool = False) -> sa.Engine:
    """An engine for units of work. One that only reads is in autocommit and has nothing to undo between two of them."""
    url = sa.make_url(uri).set(drivername="postgresql+psycopg")
    query = {name: value for name, value in url.query.items() if name not in _NOT_FOR_DRIVER}
    made = sa.create_engine(
        url.set(query=query),
        json_serializer=to_json,
        json_deserializer=from_json,
        hide_parameters=True,
        connect_args={"prepare_threshold": None, "connect_timeout": 10},
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=False,
        pool_recycle=1800,
        pool_use_lifo=True,  # who asks alone finds a session that knows the plans
        **(READING if only_reads else {}),
    )
    _name_schema(made.dialect, schema)
    event.listen(made, "connect", _open_session)
    driver.keep_order(made)
    return made


def _open_session(connection: Any, record: Any) -> None:
    """Have a session keep the plans of its statements, which take longer to make than to run.

    Not behind a pooler: there the next statement may find another session, without them. A pooler is known by the
    number that it gives a connection when it opens, which is not the one of the session that answers.
    """
    session = connection.execute("SELECT pg_backend_pid()").fetchone()
    connection.rollback()
    keeps_plans = session == (connection.info.backend_pid,)
    if keeps_plans:
        connection.prepare_threshold, connection.prepared_max = PREPARED_AFTER, PREPARED_MOST
    session_of = import_module("holdfast.store.libpq").PostgresSession  # psycopg is there, as this is its connection
    record.info[driver.SESSION] = session_of(connection, keeps_plans=keeps_plans)


def _name_schema(dialect: Any, schema: str) -> None:
    """Write our schema before every table: a pooler keeps no search path, and translating costs at each execution."""

    def place(thing: Any) -> str | None:
        named: str | None = thing.schema
        return schema if named is None and isinstance(thing, sa.Table | sa.Sequence) else named

    dialect.holdfast_schema = schema
    dialect.identifier_preparer.schema_for_object = place


def schema_of(tx: sa.Connection) -> str | None:
    """The schema that holds our tables; None on SQLite."""
    return getattr(tx.dialect, "holdfast_schema", None)


READING: dict[str, Any] = {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}

_NOT_FOR_DRIVER = {"pgbouncer", "schema", "connection_limit", "pool_timeout", "supa"}
"""Query parameters that other tools put into PostgreSQL URIs and libpq rejects."""


def reclaim(connection: sa.Connection, tables: Sequence[sa.Table]) -> None:
    """Write tables anew without what was deleted, and what the planner remembers of their values."""
    alone = connection.execution_options(isolation_level="AUTOCOMMIT")
    _wait_for_onlookers(alone)
    for table in tables:
        alone.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {_named(alone, table)}")
        if alone.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is None:
            _drop_statistics(alone, table)
    for statement in ("VACUUM (FULL) pg_catalog.pg_statistic", "CHECKPOINT"):
        try:
            alone.exec_driver_sql(statement)
        except exc.ProgrammingError as refused:
            log.info("%s is left to the database's administrator: %s", statement, str(refused.orig).strip())


def _drop_statistics(tx: sa.Connection, table: sa.Table) -> None:
    """Of an empty table ANALYZE leaves the values that it has seen before; a column of a new type has none."""
    columns = tx.execute(_COLUMNS, {"table": _named(tx, table)}).all()
    quote = tx.dialect.identifier_preparer.quote
    changes = ", ".join(f"ALTER COLUMN {quote(name)} TYPE {same}" for name, same in columns)
    if changes:
        tx.exec_driver_sql(f"ALTER TABLE {_named(tx, table)} {changes}")


def _named(tx: sa.Connection, table: sa.Table) -> str:
    return tx.dialect.identifier_preparer.format_table(table)


_COLUMNS = sa.text(
    """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
    WHERE a.attrelid = CAST(CAST(:table AS text) AS regclass) AND a.attnum > 0 AND NOT a.attisdropped
    """
)


def _wait_for_onlookers(tx: sa.Connection) -> None:
    """As long as a transaction may still look at deleted rows, PostgreSQL keeps them."""
    begun = tx.execute(sa.text("SELECT pg_current_xact_id()::xid::text")).scalar_one()
    until = time.monotonic() + ONLOOKERS_S
    while (found := tx.execute(_ONLOOKERS, {"begun": begun}).scalar()) is not None:
        if time.monotonic() > until:
            raise Unavailable(f"{found} still sees deleted rows, so PostgreSQL keeps them; they go when it has ended.")
        time.sleep(LOOK_AGAIN_S)


_ONLOOKERS = sa.text(
    """
    SELECT 'Session ' || pid FROM pg_stat_activity
    WHERE age(backend_xmin) > age(CAST(CAST(:begun AS text) AS xid)) AND pid <> pg_backend_pid()
    AND coalesce(datname, current_database()) = current_database() AND backend_type <> 'autovacuum worker'
    UNION ALL
    SELECT 'Prepared transaction ' || gid FROM pg_prepared_xacts
    WHERE age(transaction) > age(CAST(CAST(:begun AS text) AS xid)) AND database = current_database()
    UNION ALL
    SELECT 'Replication slot ' || slot_name FROM pg_replication_slots
    WHERE age(xmin) > age(CAST(CAST(:begun AS text) AS xid))
    LIMIT 1
    """
)
"""Whoever looks at the database as it was before a transaction."""


def has_any(column: sa.ColumnElement[Any], values: list[str]) -> sa.ColumnElement[bool]:
    return column.op("?|", is_comparison=True)(sa.cast(values, ARRAY(sa.Text)))


def elements(column: sa.ColumnElement[Any]) -> sa.TableValuedAlias:
    return sa.func.jsonb_array_elements_text(column).table_valued("value")


def clock(ahead: timedelta) -> sa.ColumnElement[Any]:
    return sa.func.clock_timestamp() + sa.literal(ahead, sa.Interval())


def take_sequence(tx: sa.Connection, name: str, count: int) -> int:
    """Reserve `count` numbers; the last one. Taken late in the transaction, so that gaps and reordering stay rare."""
    row = _TAKE.row(tx, {"sequence": f"{schema_of(tx)}.{name}_sequence", "count": count})
    return row[0] if row else 0


_TAKE = Prepared(
    sa.select(sa.func.max(sa.func.nextval(sa.bindparam("sequence", type_=sa.Text())))).select_from(
        sa.func.generate_series(1, sa.bindparam("count", type_=sa.Integer()))
    )
)
