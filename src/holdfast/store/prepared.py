"""Statements that run often: translated once for each engine, then given to its driver as they are.

SQLAlchemy writes the SQL and converts the values; what is left out is what it does anew at each execution. A list is
one parameter (`among`), so that the statement is the same however long it is.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles

from holdfast.store import driver
from holdfast.store.driver import Executed, Tx, Wording
from holdfast.store.jsontext import to_json

Convert = Callable[[Any], Any]


COPIED = 20
"""Rows that PostgreSQL is given in one piece instead of one by one."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """A statement in one engine's words."""

    said: Wording
    names: Sequence[tuple[str, Convert | None]]
    """The parameters in their order, and how their values are written."""
    constants: Mapping[str, Any]
    outward: Sequence[tuple[int, Convert]]

    def values(self, sent: Mapping[str, Any]) -> list[Any]:
        given = {**self.constants, **sent} if self.constants else sent
        return [given[name] if convert is None else convert(given[name]) for name, convert in self.names]

    def row(self, found: Sequence[Any]) -> Sequence[Any]:
        if not self.outward:
            return found
        row = list(found)
        for index, convert in self.outward:
            row[index] = convert(row[index])
        return row


@dataclass(frozen=True, slots=True)
class Soon:
    """What a statement answers, for whoever can do without it for a while: it goes with the next one."""

    _tx: Tx
    _plan: _Plan
    _executed: Executed

    def rows(self) -> list[Sequence[Any]]:
        return [self._plan.row(found) for found in self._there().rows]

    def row(self) -> Sequence[Any] | None:
        """The first row, if there is one."""
        found = self._there().rows
        return self._plan.row(found[0]) if found else None

    def changed(self) -> int:
        """How many rows it changed."""
        return self._there().changed

    @property
    def is_there(self) -> bool:
        return self._executed.is_there

    def _there(self) -> Executed:
        if not self._executed.is_there:
            driver.flow(self._tx)
        return self._executed


class _Texts(sa.types.TypeDecorator[Sequence[str]]):
    """A list of texts as one parameter: an array on PostgreSQL, JSON on SQLite."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else ARRAY(sa.Text()))

    def bind_processor(self, dialect: Any) -> Any:
        return to_json if dialect.name == "sqlite" else _array


def _array(texts: Sequence[str]) -> str:
    """As PostgreSQL reads it; psycopg takes a millisecond for a thousand texts."""
    return "{" + ",".join(map(_quoted, texts)) + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


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
        return [plan.row(found) for found in driver.execute(tx, plan.said, plan.values(values)).rows]

    def row(self, tx: Tx, values: Mapping[str, Any]) -> Sequence[Any] | None:
        """The first row, if there is one."""
        plan = self._plan(tx)
        found = driver.execute(tx, plan.said, plan.values(values)).rows
        return plan.row(found[0]) if found else None

    def run(self, tx: Tx, values: Mapping[str, Any]) -> int:
        """How many rows it changed."""
        plan = self._plan(tx)
        return driver.execute(tx, plan.said, plan.values(values)).changed

    def soon(self, tx: Tx, values: Mapping[str, Any]) -> Soon:
        """It is done before anything else is asked, or with the commit at the latest; its failure is told there."""
        plan = self._plan(tx)
        return Soon(tx, plan, driver.later(tx, plan.said, plan.values(values)))

    def run_many(self, tx: Tx, each: Sequence[Mapping[str, Any]]) -> None:
        """Whether and how often they changed anything is not asked, so it is done as with `soon`."""
        plan = self._plan(tx)
        if len(each) == 1:
            driver.later(tx, plan.said, plan.values(each[0]))
        else:
            driver.many(tx, plan.said, list(map(plan.values, each)))

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

    def run_many(self, tx: Tx, each: Sequence[Mapping[str, Any]]) -> None:
        if tx.dialect.name == "sqlite" or len(each) < COPIED:
            super().run_many(tx, each)
            return
        plan, write = self._plan(tx), tx.dialect.identifier_preparer
        listed = ", ".join(write.quote(name) for name, _ in plan.names)
        driver.copy(tx, f"COPY {write.format_table(self._table)} ({listed}) FROM STDIN", list(map(plan.values, each)))


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
    compiled: Any = statement.compile(dialect=_numbering(dialect), column_keys=changes)
    bound: dict[str, Any] = {name: bind for bind, name in compiled.bind_names.items()}
    if any(bind.expanding for bind in bound.values()):
        raise ValueError(f"a prepared statement takes its lists by `among`: {compiled}")
    columns: list[Any] = compiled._result_columns or []
    outward = [
        (index, convert)
        for index, column in enumerate(columns)
        if (convert := column.type._cached_result_processor(dialect, None)) is not None
    ]
    constants = {name: bind.effective_value for name, bind in bound.items() if not bind.required}
    names = [(name, bound[name].type._cached_bind_processor(dialect)) for name in compiled.positiontup]
    sql = str(compiled)
    return _Plan(Wording(sql, sql.encode()), names, constants, outward)


def _numbering(dialect: Any) -> Any:
    """The dialect with parameters by their place, as libpq and SQLite take them."""
    if dialect.name == "sqlite":
        return dialect
    numbering = dialect.__dict__.get("holdfast_numbering")
    if numbering is None:
        numbering = dialect.holdfast_numbering = type(dialect)(paramstyle="numeric_dollar")
        numbering.identifier_preparer.schema_for_object = dialect.identifier_preparer.schema_for_object
        numbering._backslash_escapes = dialect._backslash_escapes
        numbering.server_version_info = dialect.server_version_info
    return numbering


@contextmanager
def savepoint(tx: Tx) -> Generator[None]:
    """What fails within leaves no trace, and what was done before remains."""
    driver.flow(tx)
    begun = _SAVEPOINT.soon(tx, {})
    try:
        yield
        driver.flow(tx)
        _RELEASE.soon(tx, {})
    except BaseException:
        _undo(tx, begun)
        raise


def _undo(tx: Tx, begun: Soon) -> None:
    if tx.invalidated:
        return
    driver.forget(tx)
    if begun.is_there:
        _ROLL_BACK.run(tx, {})
        _RELEASE.run(tx, {})


_SAVEPOINT, _ROLL_BACK, _RELEASE = (
    Prepared(sa.text(said)) for said in ("SAVEPOINT within", "ROLLBACK TO SAVEPOINT within", "RELEASE SAVEPOINT within")
)
