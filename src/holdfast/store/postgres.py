"""PostgreSQL ≥ 14 through psycopg 3; safe behind a transaction pooler (DESIGN §4)."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from holdfast.store.jsontext import from_json, to_json

insert = postgresql.insert


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
        **(READING if only_reads else {}),
    )
    _name_schema(made.dialect, schema)
    return made


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


def has_any(column: sa.ColumnElement[Any], values: list[str]) -> sa.ColumnElement[bool]:
    return column.op("?|", is_comparison=True)(sa.cast(values, ARRAY(sa.Text)))


def elements(column: sa.ColumnElement[Any]) -> sa.TableValuedAlias:
    return sa.func.jsonb_array_elements_text(column).table_valued("value")


def clock(ahead: timedelta) -> sa.ColumnElement[Any]:
    return sa.func.clock_timestamp() + sa.literal(ahead, sa.Interval())


def take_sequence(tx: sa.Connection, name: str, count: int) -> int:
    """Reserve `count` numbers; the last one. Taken late in the transaction, so that gaps and reordering stay rare."""
    taken = sa.func.nextval(sa.literal(f"{schema_of(tx)}.{name}_sequence"))
    return tx.execute(sa.select(sa.func.max(taken)).select_from(sa.func.generate_series(1, count))).scalar_one()
