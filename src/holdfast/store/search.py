"""What search knows of every item: rows derived from messages, passages and files, the same on both engines.

An item belongs to a corpus (an agent, an archive, a folder). Entries are numbered by stamps, which are taken under a
lock, so that whoever has seen all entries up to a stamp has missed none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.store.columns import Moment
from holdfast.store.prepared import Prepared, PreparedInsert, Variants, among
from holdfast.store.table import Actor, Counter, Replacing, Tx, clock, metadata

entries = sa.Table(
    "search_entries",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("item_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("corpus", sa.Text, nullable=False),
    sa.Column("thread", sa.Text, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("speaker", sa.Text),
    sa.Column("terms", sa.LargeBinary, nullable=False),
    sa.Column("vectors", sa.LargeBinary),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("wants", sa.Text, nullable=False),
    sa.Column("by_default", sa.Boolean, nullable=False),
    sa.Column("is_gone", sa.Boolean, nullable=False),
    sa.Column("stamp", sa.BigInteger, nullable=False),
    sa.Index("search_entries_by_corpus", "organization_id", "corpus", "stamp"),
    sa.Index("search_entries_by_kind", "organization_id", "kind", "stamp"),
    sa.Index("search_entries_by_model", "by_default", "wants"),
)
"""`model` made the vectors, `wants` is to make them; they differ while that is still to be done."""
e = entries.c

IS_PENDING = e.model != e.wants
sa.Index(
    "search_entries_pending",
    e.organization_id,
    e.corpus,
    e.stamp,
    sqlite_where=IS_PENDING,
    postgresql_where=IS_PENDING,
)

IS_MARK = e.item_id == e.corpus

stamps = sa.Table(
    "search_stamps",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("stamp", sa.BigInteger, nullable=False),
)
"""The last stamp of each kind of an organization."""


MESSAGES = "message"
PASSAGES = "passage"
FILES = "file"
"""The kinds of items."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """What one search looks through: one agent, archive or folder, or, without an id, all of an organization."""

    organization_id: str
    kind: str
    id: str | None = None
    further: tuple[str, ...] = ()
    """More of the same kind, searched as if they were one."""

    @property
    def ids(self) -> tuple[str, ...]:
        return () if self.id is None else (self.id, *self.further)


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry as it is stored."""

    organization_id: str
    item_id: str
    kind: str
    corpus: str
    thread: str = ""
    position: int = 0
    at: int = 0
    """Microseconds since 1970."""
    role: str = ""
    speaker: str | None = None
    terms: bytes = b""
    vectors: bytes | None = None
    model: str = ""
    wants: str = ""
    by_default: bool = True
    is_gone: bool = False
    stamp: int = 0

    @property
    def is_mark(self) -> bool:
        """Not an entry: all of the corpus was forgotten under this stamp."""
        return self.item_id == self.corpus


_NAMES = [each.name for each in fields(EntryRow)]
_ROWS = sa.select(*(e[name] for name in _NAMES)).where(e.organization_id == sa.bindparam("org"))
_MOST = sa.bindparam("most", type_=sa.BigInteger)
_LATER = sa.tuple_(e.stamp, e.item_id) > sa.tuple_(sa.bindparam("stamp"), sa.bindparam("item"))
_ADD = PreparedInsert(entries)
_PUT = Replacing(entries)
_STAMPS = Counter(stamps.c.stamp)
_SET_VECTORS = Prepared(
    entries.update()
    .where(
        e.organization_id == sa.bindparam("the_org"),
        e.item_id == sa.bindparam("the_item"),
        e.stamp == sa.bindparam("the_stamp"),
    )
    .values({name: sa.bindparam(f"new_{name}", type_=e[name].type) for name in ("vectors", "model", "stamp")})
)
_WITHIN = {
    "corpus": e.corpus == sa.bindparam("corpus"),
    "corpora": among(e.corpus, "corpora"),
    "kind": e.kind == sa.bindparam("kind"),
}
_SINCE = Variants(
    _ROWS.where(e.stamp >= sa.bindparam("stamp"), _LATER).order_by(e.stamp, e.item_id).limit(_MOST), **_WITHIN
)


def _waiting_for_models(select: sa.Select[*tuple[Any, ...]]) -> Variants:
    """In the order of the index of those that wait: PostgreSQL takes most entries to wait, and would read them all."""
    waits = IS_PENDING, e.is_gone.is_(False), ~among(e.wants, "without")
    return Variants(
        select.where(*waits).order_by(e.organization_id, e.corpus, e.stamp).limit(_MOST),
        org=e.organization_id == sa.bindparam("org"),
        past=sa.tuple_(e.organization_id, e.corpus) > sa.tuple_(sa.bindparam("past"), sa.bindparam("past_corpus")),
        **_WITHIN,
    )


_COUNT_PENDING = _waiting_for_models(sa.select(e.stamp))
_PENDING = _waiting_for_models(sa.select(*(e[name] for name in _NAMES)))


workers = sa.Table(
    "search_workers",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("until", Moment, nullable=False),
)
"""Which server does what one of them is to do."""


def lead(tx: Tx, name: str, owner: str, seconds: float) -> bool:
    """Is this server the one that does it, for so many seconds from now? One that has led may go on."""
    moment, until = clock(tx), clock(tx, timedelta(seconds=seconds))
    w = workers.c
    mine = sa.and_(w.name == name, sa.or_(w.owner == owner, w.until < moment))
    if tx.execute(workers.update().where(mine).values(owner=owner, until=until)).rowcount:
        return True
    if tx.execute(sa.select(w.name).where(w.name == name)).first() is not None:
        return False
    tx.execute(workers.insert().values(name=name, owner=owner, until=until))
    return True


def resign(tx: Tx, name: str, owner: str) -> None:
    """Let another server do it at once, if this one did."""
    tx.execute(workers.delete().where(workers.c.name == name, workers.c.owner == owner))


def put(tx: Tx, rows: Sequence[EntryRow], stamp: int) -> None:
    """Store entries of one organization and kind, new or changed, under a stamp that is held for them."""
    if rows:
        _PUT.run_many(tx, [{**_values(row), "stamp": stamp} for row in rows])


def add(tx: Tx, rows: Sequence[EntryRow]) -> Sequence[EntryRow]:
    """Store entries of new items of one organization and kind under the next stamp; the entries as they are now."""
    stamp = _stamp(tx, rows[0].organization_id, rows[0].kind)
    stamped: list[dict[str, Any]] = [{**_values(row), "stamp": stamp} for row in rows]
    _ADD.run_many(tx, stamped)
    return [EntryRow(**values) for values in stamped]


def since(tx: Tx, corpus: Corpus, seen: tuple[int, str], most: int) -> list[EntryRow]:
    """What comes in a corpus after the entry that was seen last, in the order of stamps and ids."""
    found = _SINCE.rows(tx, {**_in(corpus), "stamp": seen[0], "item": seen[1], "most": most})
    return [EntryRow(*row) for row in found]


def set_vectors(tx: Tx, made: Sequence[EntryRow]) -> None:
    """Store what a model has made of entries of one organization and kind, if they still want just that.

    An entry that was written anew meanwhile has another stamp, and waits again.
    """
    if not made:
        return
    stamp = _stamp(tx, made[0].organization_id, made[0].kind)
    new = ({"new_vectors": row.vectors, "new_model": row.model, "new_stamp": stamp, **_key(row)} for row in made)
    _SET_VECTORS.run_many(tx, list(new))


def pending(tx: Tx, corpus: Corpus, most: int, without: Sequence[str] = ()) -> list[EntryRow]:
    """Entries of a corpus that wait for a model, oldest first; without those of some models."""
    return [EntryRow(*row) for row in _PENDING.rows(tx, {**_in(corpus), "most": most, "without": without})]


def pending_past(tx: Tx, past: tuple[str, str], most: int, without: Sequence[str] = ()) -> list[EntryRow]:
    """The same of everybody, from the first corpus that comes after one of an organization; after the last, the first.

    Whoever goes on from where it came to gives each corpus its turn, whatever waits in the others.
    """
    sent = {"past": past[0], "past_corpus": past[1], "most": most, "without": without}
    found = _PENDING.rows(tx, sent) or _PENDING.rows(tx, {**sent, "past": None})
    return [EntryRow(*row) for row in found]


def count_pending(tx: Tx, corpus: Corpus | None, most: int, without: Sequence[str] = ()) -> int:
    """How many entries of a corpus, or of all, wait for a model, counted up to `most`; without those of some models."""
    within = {} if corpus is None else _in(corpus)
    return len(_COUNT_PENDING.rows(tx, {**within, "most": most, "without": without}))


def want_default(tx: Tx, model: str) -> None:
    """Have what follows the server's default embedded by another model; until it has been, the old vectors serve."""
    others = tx.execute(sa.select(e.wants).where(e.by_default, e.wants != model, e.is_gone.is_(False)).limit(1))
    if others.first() is not None:
        tx.execute(entries.update().where(e.by_default, e.is_gone.is_(False)).values(wants=model))


def want(tx: Tx, who: Actor, corpus: str, model: str, *, by_default: bool) -> None:
    """Have everything of a corpus embedded by another model; until it has been, the old vectors serve."""
    mine = sa.and_(e.organization_id == who.organization_id, e.corpus == corpus, e.is_gone.is_(False))
    tx.execute(entries.update().where(mine).values(wants=model, by_default=by_default))


@dataclass(frozen=True, slots=True)
class Embedded:
    """How far one model is with what it is to embed."""

    model: str
    items: int
    waiting: int


def progress(tx: Tx, corpus: Corpus) -> list[Embedded]:
    """What each model is to embed of what search knows in a corpus."""
    waiting = sa.func.sum(sa.case((IS_PENDING, 1), else_=0))
    query = sa.select(e.wants, sa.func.count(), waiting).where(*_within(corpus), e.is_gone.is_(False))
    return [Embedded(*row) for row in tx.execute(query.group_by(e.wants))]


def is_unknown(rows: sa.Table) -> sa.ColumnElement[bool]:
    """Search has no entry of a row of another table: one that it has not seen since a change is known."""
    same = e.organization_id == rows.c.organization_id, e.item_id == rows.c.id, e.is_gone.is_(False)
    return ~sa.exists().where(*same)


def forget(tx: Tx, corpus: Corpus) -> int:
    """Drop all entries of a corpus, which is no more; a mark tells those that hold it in memory.

    The stamp is taken first: an entry that is being written either is dropped with the rest, or its item is looked for
    again after this transaction, and is not there any more.
    """
    if corpus.id is None:
        raise ValueError("a corpus that is forgotten has an id")
    stamp = _stamp(tx, corpus.organization_id, corpus.kind)
    gone = tx.execute(entries.delete().where(*_within(corpus), ~IS_MARK)).rowcount
    mark = EntryRow(corpus.organization_id, corpus.id, corpus.kind, corpus.id, is_gone=True, stamp=stamp)
    _PUT.run_many(tx, [_values(mark)])
    return gone


def forget_some(tx: Tx, corpus: Corpus, *where: sa.ColumnElement[bool]) -> int:
    """Keep nothing of some entries of a corpus but that they are gone."""
    stamp = _stamp(tx, corpus.organization_id, corpus.kind)
    empty = {"at": 0, "role": "", "speaker": None, "terms": b"", "vectors": None, "model": "", "wants": ""}
    some = sa.and_(*_within(corpus), e.is_gone.is_(False), *where)
    return tx.execute(entries.update().where(some).values(**empty, is_gone=True, stamp=stamp)).rowcount


def hold(tx: Tx, organization_id: str, kind: str) -> Callable[[], int]:
    """Keep others from writing or dropping entries of a kind until the transaction ends; the stamp for it."""
    return _STAMPS.up(tx, {"organization_id": organization_id, "kind": kind})


def waiting(tx: Tx, who: Actor, corpus: str) -> dict[str, int]:
    """How many items of each thread of a corpus wait for their vectors."""
    mine = e.organization_id == who.organization_id, e.corpus == corpus, e.is_gone.is_(False)
    found = tx.execute(sa.select(e.thread, sa.func.count()).where(IS_PENDING, *mine).group_by(e.thread))
    return {row[0]: row[1] for row in found}


def _within(corpus: Corpus) -> list[sa.ColumnElement[bool]]:
    is_in = e.corpus.in_(corpus.ids) if corpus.ids else e.kind == corpus.kind
    return [e.organization_id == corpus.organization_id, is_in]


def _in(corpus: Corpus) -> dict[str, Any]:
    """The parameters of a statement about a corpus."""
    if corpus.id is None:
        return {"org": corpus.organization_id, "kind": corpus.kind}
    which = {"corpora": corpus.ids} if corpus.further else {"corpus": corpus.id}
    return {"org": corpus.organization_id, **which}


def _key(row: EntryRow) -> dict[str, Any]:
    return {"the_org": row.organization_id, "the_item": row.item_id, "the_stamp": row.stamp}


def _values(row: EntryRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _NAMES}


def _stamp(tx: Tx, organization_id: str, kind: str) -> int:
    return hold(tx, organization_id, kind)()
