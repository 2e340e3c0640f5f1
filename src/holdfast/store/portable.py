"""Rows in a form that both engines share: what a backup holds, and the digest that proves a restore."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from holdfast.store.columns import Json, Moment
from holdfast.store.table import metadata

TYPES: dict[str, Any] = {
    "text": sa.Text(),
    "integer": sa.BigInteger(),
    "boolean": sa.Boolean(),
    "float": sa.Float(),
    "moment": Moment(),
    "json": Json(),
    "bytes": sa.LargeBinary(),
}
"""The kinds of column. Secrets are text here: they are copied as they are stored, sealed."""

CLASSES: tuple[tuple[type[Any], str], ...] = (
    (sa.JSON, "json"),
    (sa.DateTime, "moment"),
    (sa.Boolean, "boolean"),
    (sa.Integer, "integer"),
    (sa.Numeric, "float"),
    (sa.LargeBinary, "bytes"),
    (sa.String, "text"),
)

MOMENT_WIDTH = 32
"""SQLite keeps points in time as text of this declared width (`columns.Moment`)."""

BATCH = 500
MODULUS = 2**256


@dataclass(frozen=True, slots=True)
class Outline:
    """The columns of a table, by kind; it outlives the classes that the table was made from."""

    name: str
    columns: dict[str, str]

    def table(self) -> sa.Table:
        columns = (sa.Column(name, TYPES[kind]) for name, kind in self.columns.items())
        return sa.Table(self.name, sa.MetaData(), *columns)


def outline_of(tx: sa.Connection, name: str, schema: str | None) -> Outline:
    """The outline of a table as it is in the database, which need not be the one this version would make."""
    found = sa.inspect(tx).get_columns(name, schema=schema)
    return Outline(name, {column["name"]: _kind(name, column["name"], column["type"]) for column in found})


def _kind(table: str, column: str, type_: Any) -> str:
    coded = metadata.tables[table].c.get(column) if table in metadata.tables else None
    if coded is not None and isinstance(coded.type, Json):
        return "json"  # SQLite itself only knows that it is text
    if isinstance(type_, sa.String) and type_.length == MOMENT_WIDTH:
        return "moment"
    kind = next((kind for class_, kind in CLASSES if isinstance(type_, class_)), None)
    if kind is None:
        raise TypeError(f"{table}.{column} has the type {type_!r}, which has no portable form")
    return kind


class Digest:
    """The number of rows and a hash of them that does not depend on their order, nor on the engine."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, outline: Outline, values: Sequence[Any]) -> None:
        pairs = zip(outline.columns.values(), values, strict=True)
        line = orjson.dumps([_same(value) if kind == "json" else value for kind, value in pairs], option=SORTED)
        self.rows += 1
        self._sum = (self._sum + int.from_bytes(hashlib.sha256(line).digest())) % MODULUS

    @property
    def hex(self) -> str:
        return f"{self._sum:064x}"


SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def _same(value: Any) -> Any:
    """Decoded JSON so that equal documents are equal: PostgreSQL keeps 1e16 as a whole number, SQLite as written."""
    match value:
        case float() if value.is_integer():
            return int(value) if abs(value) < 2**63 else value
        case list():
            return [_same(item) for item in value]  # pyright: ignore[reportUnknownVariableType] -- decoded JSON
        case dict():
            return {key: _same(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType] -- decoded JSON
        case _:
            return value


def rows(tx: sa.Connection, outline: Outline) -> Iterator[list[Any]]:
    """The rows of a table as plain values, in batches from the database."""
    query = sa.select(outline.table()).execution_options(yield_per=BATCH)
    kinds = tuple(outline.columns.values())
    for row in tx.execute(query):
        yield [_plain(kind, value) for kind, value in zip(kinds, row, strict=True)]


def _plain(kind: str, value: Any) -> Any:
    match kind, value:
        case _, None:
            return None
        case "moment", datetime():
            return value.isoformat(timespec="microseconds")
        case "bytes", _:
            return base64.b64encode(value).decode()
        case _:
            return value


def stored(kind: str, value: Any) -> Any:
    """The opposite: a plain value as the column takes it."""
    match kind, value:
        case _, None:
            return None
        case "moment", str():
            return datetime.fromisoformat(value)
        case "bytes", str():
            return base64.b64decode(value)
        case _:
            return value
