"""The table of an entity, and what every store does with one: insert, get, update, delete, list, count.

Every function takes `Who` and names its organization in the statement: there is no way around it here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

import sqlalchemy as sa

from holdfast.errors import NotFound
from holdfast.kit.clock import now
from holdfast.kit.entity import Entity
from holdfast.kit.page import Page
from holdfast.store import postgres, sqlite
from holdfast.store.columns import Moment, column
from holdfast.store.prepared import Prepared, PreparedInsert, Tx, among

Where = sa.ColumnElement[bool]

metadata = sa.MetaData()

E = TypeVar("E", bound=Entity)


class Actor(Protocol):
    """Who acts, as far as rows are concerned; `auth.model.Who` is the real one."""

    @property
    def organization_id(self) -> str: ...

    @property
    def user_id(self) -> str | None: ...


class Rows(Generic[E]):
    """The rows of one entity. Primary key: organization and id."""

    def __init__(self, name: str, entity: type[E], *extras: sa.schema.SchemaItem, noun: str | None = None) -> None:
        self.entity = entity
        self.noun = noun or entity.__name__.lower()
        columns = [made for made in (column(*f) for f in entity.model_fields.items()) if made is not None]
        columns.sort(key=lambda c: (c.name != "organization_id", c.name != "id"))
        columns[0].primary_key = True
        self.table = sa.Table(name, metadata, *columns, *extras)
        self.c = self.table.c

    @cached_property
    def _select(self) -> sa.Select[Any]:
        return sa.select(self.table)

    @cached_property
    def _by_id(self) -> Prepared:
        mine = self.c.organization_id == sa.bindparam("org"), self.c.id == sa.bindparam("key")
        return Prepared(self._select.where(*mine))

    @cached_property
    def _by_ids(self) -> Prepared:
        mine = self.c.organization_id == sa.bindparam("org"), among(self.c.id, "keys")
        return Prepared(self._select.where(*mine))

    @cached_property
    def _update(self) -> sa.Update:
        mine = sa.and_(self.c.organization_id == sa.bindparam("the_org"), self.c.id == sa.bindparam("the_id"))
        return self.table.update().where(mine)

    @cached_property
    def _insert(self) -> Prepared:
        return PreparedInsert(self.table)

    @cached_property
    def _changes(self) -> dict[tuple[Any, ...], Prepared]:
        """An update for each set of columns that is ever changed together, with the row as its answer or without."""
        return {}

    @cached_property
    def _names(self) -> list[str]:
        return [str(column.name) for column in self.table.columns]

    def load(self, row: Sequence[Any], skip: int = 0) -> E:
        """The entity of a row, whose first `skip` columns are something else."""
        return self.entity.model_validate(dict(zip(self._names, row[skip:] if skip else row, strict=True)))

    def values(self, entity: E) -> dict[str, Any]:
        return {name: getattr(entity, name) for name in self._names}

    def insert(self, tx: Tx, entity: E) -> E:
        """A new row; on PostgreSQL it may be stored with the next statement, or at the end of a `savepoint`."""
        self._insert.soon(tx, self.values(entity))
        return entity

    def insert_many(self, tx: Tx, entities: Sequence[E]) -> None:
        if entities:
            self._insert.run_many(tx, [self.values(entity) for entity in entities])

    def find(self, tx: Tx, who: Actor, id: str) -> E | None:
        row = self._by_id.row(tx, {"org": who.organization_id, "key": id})
        return None if row is None else self.load(row)

    def get(self, tx: Tx, who: Actor, id: str) -> E:
        found = self.find(tx, who, id)
        if found is None:
            raise self.missing(id)
        return found

    def missing(self, id: str) -> NotFound:
        return NotFound(f"No {self.noun} with id {id}.")

    def all(self, tx: Tx, who: Actor, *where: Where, order: Sequence[Any] = (), limit: int | None = None) -> list[E]:
        query = self._select.where(self.c.organization_id == who.organization_id, *where).order_by(*order)
        return [self.load(row) for row in tx.execute(query if limit is None else query.limit(limit))]

    def first(self, tx: Tx, who: Actor, *where: Where, order: Sequence[Any] = ()) -> E | None:
        found = self.all(tx, who, *where, order=order, limit=1)
        return found[0] if found else None

    def many(self, tx: Tx, who: Actor, ids: Iterable[str]) -> dict[str, E]:
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return {}
        found = self._by_ids.rows(tx, {"org": who.organization_id, "keys": wanted})
        return {entity.id: entity for entity in map(self.load, found)}

    def each(self, tx: Tx, who: Actor, ids: Iterable[str]) -> list[E]:
        """The entities in the order asked for; the first unknown id is an error."""
        wanted = list(dict.fromkeys(ids))
        found = self.many(tx, who, wanted)
        for id in wanted:
            if id not in found:
                raise self.missing(id)
        return [found[id] for id in wanted]

    def update(self, tx: Tx, who: Actor, id: str, values: Mapping[str, Any], *, counting: str | None = None) -> E:
        """Set columns, have one count, and answer with the row as it is now; unknown ids are an error."""
        key = {"the_org": who.organization_id, "the_id": id}
        sent: dict[str, Any] = {"updated_at": now(), "last_updated_by_id": who.user_id, **values}
        computed = {name: value for name, value in sent.items() if isinstance(value, sa.ClauseElement)}
        if computed:
            given = {name: sent[name] for name in sent if name not in computed}
            row = tx.execute(self._update.values(computed).returning(self.table), given | key).one_or_none()
        else:
            row = self._change(tuple(sent), counting).row(tx, sent | key)
        if row is None:
            raise self.missing(id)
        return self.load(row)

    def set(self, tx: Tx, who: Actor, id: str, values: Mapping[str, Any]) -> datetime:
        """Set columns of a row that is known to be there; when it was."""
        moment = now()
        sent = {"updated_at": moment, "last_updated_by_id": who.user_id, **values}
        change = self._change(tuple(sent), answers=False)
        change.soon(tx, sent | {"the_org": who.organization_id, "the_id": id})
        return moment

    def _change(self, names: tuple[str, ...], counting: str | None = None, *, answers: bool = True) -> Prepared:
        change = self._changes.get((names, counting, answers))
        if change is None:
            update = self._update if counting is None else self._update.values({counting: self.c[counting] + 1})
            change = Prepared(update.returning(self.table) if answers else update, names)
            self._changes[names, counting, answers] = change
        return change

    def delete(self, tx: Tx, who: Actor, id: str) -> None:
        gone = tx.execute(self.table.delete().where(self.c.organization_id == who.organization_id, self.c.id == id))
        if gone.rowcount == 0:
            raise self.missing(id)

    def count(self, tx: Tx, who: Actor, *where: Where) -> int:
        query = sa.select(sa.func.count()).select_from(self.table)
        return tx.execute(query.where(self.c.organization_id == who.organization_id, *where)).scalar_one()

    def page(self, tx: Tx, who: Actor, page: Page, *where: Where, sort: Any = None, lenient: bool = False) -> list[E]:
        """One page by keyset on (sort key, id). Unknown cursors are an error unless the collection is lenient."""
        key = _nulls_last(self.c.created_at if sort is None else sort, page)
        query = self._select.where(self.c.organization_id == who.organization_id, *where)
        for cursor, onwards in ((page.after, True), (page.before, False)):
            if cursor is not None:
                at = self._cursor(tx, who, cursor, key)
                if at is None and not lenient:
                    raise self.missing(cursor)
                if at is not None:
                    query = query.where(_beyond(sa.tuple_(key, self.c.id), at, onwards != page.newest_first))
        backwards = page.before is not None and page.after is None
        rows = [self.load(row) for row in tx.execute(_sorted(query, (key, self.c.id), page, backwards))]
        return rows[::-1] if backwards else rows

    def beyond(self, moment: datetime, id: str, upwards: bool) -> Where:
        """What comes after a place in the order of time, or before it; the place may be that of another table's row."""
        at = sa.tuple_(sa.literal(moment, self.c.created_at.type), sa.literal(id))
        return _beyond(sa.tuple_(self.c.created_at, self.c.id), at, upwards)

    def _cursor(self, tx: Tx, who: Actor, id: str, key: Any) -> sa.Tuple | None:
        row = tx.execute(
            sa.select(key, self.c.id).where(self.c.organization_id == who.organization_id, self.c.id == id)
        ).one_or_none()
        return None if row is None else sa.tuple_(sa.literal(row[0], key.type), sa.literal(row[1]))


def _beyond(key: sa.Tuple, at: sa.Tuple, upwards: bool) -> Where:
    return key > at if upwards else key < at


def _sorted(query: sa.Select[Any], keys: Sequence[Any], page: Page, backwards: bool) -> sa.Select[Any]:
    """`before` alone means the page that ends there, so it is read from its end."""
    descending = page.newest_first != backwards
    return query.order_by(*(k.desc() if descending else k.asc() for k in keys)).limit(page.limit)


def _nulls_last(key: Any, page: Page) -> Any:
    is_moment = isinstance(getattr(key, "type", None), Moment)
    if not is_moment or not getattr(key, "nullable", False):
        return key
    last = now().replace(year=1 if page.newest_first else 9998)
    return sa.func.coalesce(key, sa.literal(last, Moment()), type_=Moment())


def only_where(condition: str) -> dict[str, Any]:
    """`sa.Index(…, **only_where("…"))`: an index of the rows of which this is true, on both engines."""
    return {f"{engine}_where": sa.text(condition) for engine in ("sqlite", "postgresql")}


def where_only(condition: str) -> Where:
    """The same in a statement: in other words, `NOT x = 1` for one, SQLite does not use the index."""
    return sa.literal_column(condition)


def indexes_of(table: sa.Table) -> list[sa.Index]:
    """In the order in which they are to be made: of two that fit alike, SQLite uses the newer one.

    Those of some rows only come last, because they are for statements that look for few of many.
    """
    return sorted(
        table.indexes, key=lambda index: (index.dialect_options["sqlite"]["where"] is not None, str(index.name))
    )


def contains_any(tx: Tx, column: sa.ColumnElement[Any], values: Sequence[str]) -> Where:
    """A JSON list holds at least one of the values."""
    return _engine_of(tx).has_any(column, list(values))


def contains_all(tx: Tx, column: sa.ColumnElement[Any], values: Sequence[str]) -> Where:
    return sa.and_(sa.true(), *(contains_any(tx, column, [value]) for value in values))


def elements_of(tx: Tx, column: sa.ColumnElement[Any]) -> sa.TableValuedAlias:
    """The elements of a JSON list as rows with one column, `value`."""
    return _engine_of(tx).elements(column)


def take_sequence(tx: Tx, name: str, count: int) -> int:
    """Reserve `count` consecutive-enough numbers of a database-wide sequence; the last one."""
    return _engine_of(tx).take_sequence(tx, name, count)


class Replacing:
    """Puts whole rows into a table, each in the place of the row with the same primary key."""

    def __init__(self, table: sa.Table) -> None:
        self._by_engine = {engine: Prepared(_replacing(engine, table)) for engine in (sqlite, postgres)}

    def run_many(self, tx: Tx, each: Sequence[Mapping[str, Any]]) -> None:
        self._by_engine[_engine_of(tx)].run_many(tx, each)


def _replacing(engine: Any, table: sa.Table) -> sa.Insert:
    statement = engine.insert(table)
    keys = [column.name for column in table.primary_key]
    others = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=others)


class Counter:
    """A column that counts; the row of a counter is made when it is missing."""

    def __init__(self, column: sa.Column[int]) -> None:
        self._by_engine = {engine: Prepared(_counting(engine, column)) for engine in (sqlite, postgres)}

    def up(self, tx: Tx, key: Mapping[str, Any]) -> Callable[[], int]:
        """Add one: what it is then, once it is asked for. Nobody else counts until the transaction ends."""
        counted = self._by_engine[_engine_of(tx)].soon(tx, key)

        def count() -> int:
            row = counted.row()
            return row[0] if row else 0

        return count


def _counting(engine: Any, column: sa.Column[int]) -> sa.Insert:
    table, keys = column.table, [key.name for key in column.table.primary_key]
    statement = engine.insert(table).values({**{name: sa.bindparam(name) for name in keys}, column.name: 1})
    return statement.on_conflict_do_update(index_elements=keys, set_={column.name: column + 1}).returning(column)


def clock(tx: Tx, ahead: timedelta = timedelta()) -> sa.ColumnElement[Any]:
    """The database's own time, which all its servers share; or so much later."""
    return _engine_of(tx).clock(ahead)


def _engine_of(tx: Tx) -> Any:
    return sqlite if tx.dialect.name == "sqlite" else postgres


sequences = sa.Table(
    "sequences",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
