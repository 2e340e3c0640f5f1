"""Statements that run often: translated once for each engine, then given to its driver as they are.

SQLAlchemy writes the SQL and converts the values; what is left out is what it does anew at each execution. A list is
one parameter (`among`), so that the statement is the same however long it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles

from holdfast.store.jsontext import to_json

Tx = sa.Connection
"""A transaction, as store functions see it."""
Convert = Callable[[Any], Any]


COPIED = 20
"""Rows that PostgreSQL is given in one piece instead of one by one."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """A statement in one engine's words."""

    sql: str
    names: Sequence[tuple[str, Convert | None]] | None
    """The positional parameters in their order; None where the driver takes them by name."""
    constants: Mapping[str, Any]
    inward: Mapping[str, Convert]
    outward: Sequence[tuple[int, Convert]]

    def values(self, sent: Mapping[str, Any]) -> Any:
        given = {**self.constants, **sent} if self.constants else sent
        if self.names is None:
            return {**given, **{name: convert(given[name]) for name, convert in self.inward.items()}}
        return [given[name] if convert is None else convert(given[name]) for name, convert in self.names]

    def row(self, found: Sequence[Any]) -> Sequence[Any]:
        if not self.outward:
            return found
        row = list(found)
        for index, convert in self.outward:
            row[index] = convert(row[index])
        return row


class _Texts(sa.types.TypeDecorator[Sequence[str]]):
    """A list of texts as one parameter: an array on PostgreSQL, JSON on SQLite."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else ARRAY(sa.Text()))

    def bind_processor(self, dialect: Any) -> Any:
        return to_json if dialect.name == "sqlite" else list


class _Among(sa.ColumnElement[bool]):
    """A column has one of the values of a list."""

    inherit_cache = False
    type = sa.Boolean()

    def __init__(self, column: sa.ColumnElement[str], name: str) -> None:
        self.column = column
        self.values: sa.BindParameter[Sequence[str]] = sa.bindparam(name, type_=_Texts())

    def self_group(self, against: Any = None) -> Self:
        """SQLAlchemy would compare it with 1 where an engine has no booleans, and then no index would be used."""
        return self


def among(column: sa.ColumnElement[str], name: str) -> sa.ColumnElement[bool]:
    """`column IN …` for a prepared statement: the list is its parameter of this name."""
    return _Among(column, name)


@compiles(_Among)
def _among_an_array(found: _Among, compiler: Any, **how: Any) -> str:
    return f"{compiler.process(found.column, **how)} = ANY ({compiler.process(found.values, **how)})"


@compiles(_Among, "sqlite")
def _among_json(found: _Among, compiler: Any, **how: Any) -> str:
    each = sa.func.json_each(found.values).table_valued("value")
    return compiler.process(found.column.in_(sa.select(each.c.value)), **how)


class Prepared:
    """One statement whose parameters all have names; for a list there is `among`, not `expanding`."""

    def __init__(
        self,
        statement: sa.Select[*tuple[Any, ...]] | sa.Insert | sa.Update | sa.Delete | sa.TextClause,
        changes: Sequence[str] | None = None,
    ) -> None:
        self._statement = statement
        self._changes = changes
        """The columns that an update without values of its own sets."""

    def rows(self, tx: Tx, values: Mapping[str, Any]) -> list[Sequence[Any]]:
        plan = self._plan(tx)
        return [plan.row(found) for found in _execute(tx, plan, plan.values(values)).fetchall()]

    def row(self, tx: Tx, values: Mapping[str, Any]) -> Sequence[Any] | None:
        """The first row, if there is one."""
        plan = self._plan(tx)
        found = _execute(tx, plan, plan.values(values)).fetchall()
        return plan.row(found[0]) if found else None

    def run(self, tx: Tx, values: Mapping[str, Any]) -> int:
        """How many rows it changed."""
        plan = self._plan(tx)
        return _execute(tx, plan, plan.values(values)).rowcount

    def run_many(self, tx: Tx, each: Sequence[Mapping[str, Any]]) -> None:
        plan = self._plan(tx)
        if len(each) == 1:
            _execute(tx, plan, plan.values(each[0]))
        else:
            _execute(tx, plan, list(map(plan.values, each)), many=True)

    def _plan(self, tx: Tx) -> _Plan:
        plans: dict[Prepared, _Plan] = tx.dialect.__dict__.setdefault("holdfast_plans", {})
        plan = plans.get(self)
        if plan is None:
            plan = plans[self] = _planned(self._statement, tx.dialect, self._changes)
        return plan


class PreparedInsert(Prepared):
    """Puts whole rows into a table: every column of each is given."""

    def __init__(self, table: sa.Table) -> None:
        super().__init__(table.insert())
        self._table = table
        self._columns = [column.name for column in table.columns]

    def run_many(self, tx: Tx, each: Sequence[Mapping[str, Any]]) -> None:
        if tx.dialect.name == "sqlite" or len(each) < COPIED:
            super().run_many(tx, each)
            return
        plan, write = self._plan(tx), tx.dialect.identifier_preparer
        listed = ", ".join(map(write.quote, self._columns))
        sql = f"COPY {write.format_table(self._table)} ({listed}) FROM STDIN"
        _copy(tx, sql, [[values[name] for name in self._columns] for values in map(plan.values, each)])


class Variants:
    """A query with conditions that are not always asked for; each set of them is a statement, prepared when needed.

    A condition has the name of its parameter, and is left out where that is None.
    """

    def __init__(self, query: sa.Select[*tuple[Any, ...]], **conditions: sa.ColumnElement[bool]) -> None:
        self._query = query
        self._conditions = conditions
        self._prepared: dict[tuple[str, ...], Prepared] = {}

    def rows(self, tx: Tx, values: Mapping[str, Any]) -> list[Sequence[Any]]:
        asked = tuple(name for name in self._conditions if values.get(name) is not None)
        statement = self._prepared.get(asked)
        if statement is None:
            chosen = (self._conditions[name] for name in asked)
            statement = self._prepared[asked] = Prepared(self._query.where(*chosen))
        return statement.rows(tx, {name: value for name, value in values.items() if value is not None})


def _planned(statement: Any, dialect: Any, changes: Sequence[str] | None = None) -> _Plan:
    compiled: Any = statement.compile(dialect=dialect, column_keys=changes)
    bound: dict[str, Any] = {name: bind for bind, name in compiled.bind_names.items()}
    if any(bind.expanding for bind in bound.values()):
        raise ValueError(f"a prepared statement takes its lists by `among`: {compiled}")
    columns: list[Any] = compiled._result_columns or []
    inward = {
        name: convert
        for name, bind in bound.items()
        if (convert := bind.type._cached_bind_processor(dialect)) is not None
    }
    outward = [
        (index, convert)
        for index, column in enumerate(columns)
        if (convert := column.type._cached_result_processor(dialect, None)) is not None
    ]
    constants = {name: bind.effective_value for name, bind in bound.items() if not bind.required}
    names = compiled.positiontup and [(name, inward.get(name)) for name in compiled.positiontup]
    return _Plan(str(compiled), names, constants, inward, outward)


def _execute(tx: Tx, plan: _Plan, values: Any, *, many: bool = False) -> Any:
    """Give it to the driver, in the transaction that is open; failures look like SQLAlchemy's own."""

    def run(cursor: Any) -> None:
        (cursor.executemany if many else cursor.execute)(plan.sql, values)

    return _driven(tx, plan.sql, values, run, many=many)


def _copy(tx: Tx, sql: str, rows: Sequence[Sequence[Any]]) -> None:
    def write(cursor: Any) -> None:
        with cursor.copy(sql) as target:
            for row in rows:
                target.write_row(row)

    _driven(tx, sql, rows, write, many=True)


def _driven(tx: Tx, sql: str, values: Any, run: Callable[[Any], object], *, many: bool) -> Any:
    """A cursor of the driver, after it has run something."""
    raw: Any = tx.connection.dbapi_connection
    for note in tx.engine.dispatch.before_cursor_execute:
        note(tx, None, sql, values, None, many)
    cursor = raw.cursor()
    try:
        run(cursor)
        return cursor
    except Exception as failed:
        if not isinstance(failed, tx.dialect.loaded_dbapi.Error):
            raise
        raise _wrapped(tx, sql, failed, is_gone=tx.dialect.is_disconnect(failed, raw, cursor)) from failed


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
