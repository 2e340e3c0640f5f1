"""The table of passages, and what changes them; every change waits to be seen by the search."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.archives import store as archives
from holdfast.archives.model import Archive, NewPassage, Passage, PassageVersion
from holdfast.auth.model import Who
from holdfast.errors import Conflict
from holdfast.history.model import NOTHING, Cause
from holdfast.history.store import Versioned, origin
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.kit.page import Page
from holdfast.store import search
from holdfast.store.prepared import Prepared, Variants
from holdfast.store.search import PASSAGES, Corpus
from holdfast.store.table import Rows, Tx, Where, contains_all, contains_any, only_where, where_only

rows = Rows(
    "passages",
    Passage,
    sa.Index("passages_by_time", "organization_id", "archive_id", "created_at", "id"),
    sa.Index("passages_by_position", "organization_id", "archive_id", "position", unique=True),
    sa.Index("passages_unindexed", "organization_id", "archive_id", "position", **only_where("NOT indexed")),
    sa.Index("passages_superseded", "organization_id", "archive_id", **only_where("superseded_at IS NOT NULL")),
    sa.Index("passages_by_run", "organization_id", "origin_run_id", **only_where("origin_run_id IS NOT NULL")),
)
versions = Rows(
    "passage_versions",
    PassageVersion,
    sa.Index("passage_versions_by_passage", "organization_id", "passage_id", "version", unique=True),
    sa.Index("passage_versions_by_archive", "organization_id", "archive_id"),
    sa.Index("passage_versions_by_run", "organization_id", "run_id", **only_where("run_id IS NOT NULL")),
    noun="passage version",
)
history = Versioned(
    rows,
    versions,
    ("text", "tags", "metadata", "is_deleted", "superseded_by", "superseded_at"),
    also=("archive_id",),
    resets={"indexed": False},
)
c = rows.c

_UNINDEXED = where_only("NOT indexed")
_SHOWN = sa.and_(c.is_deleted.is_(False), c.superseded_at.is_(None))
_SEEN = Prepared(
    rows.table.update()
    .where(
        c.organization_id == sa.bindparam("org"),
        c.id == sa.bindparam("the_id"),
        c.version == sa.bindparam("the_version"),
    )
    .values(indexed=True)
)
a = archives.rows.c
_OF = {"org": c.organization_id == sa.bindparam("org"), "archive": c.archive_id == sa.bindparam("archive")}
_WAITING = Variants(
    sa.select(a.embedding, rows.table)
    .join(archives.rows.table, sa.and_(a.organization_id == c.organization_id, a.id == c.archive_id))
    .where(_UNINDEXED)
    .order_by(c.organization_id, c.archive_id, c.position)
    .limit(sa.bindparam("most", type_=sa.BigInteger)),
    **_OF,
)
_SUPERSEDED = Variants(sa.select(c.id).where(where_only("superseded_at IS NOT NULL")).limit(1), **_OF)
Note = Callable[[Tx, Archive, Sequence[Passage]], None]
"""Makes passages known to the search, in the transaction that stores them."""
AT_ONCE = 500
"""How many ids a statement is given at most."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Which passages a search looks at."""

    tags: Sequence[str] = ()
    match_all: bool = False
    start: datetime | None = None
    end: datetime | None = None
    as_of: datetime | None = None
    """Look at what was true at this moment, instead of what is."""


def insert(
    tx: Tx,
    who: Who,
    archive_id: str,
    new: Sequence[NewPassage],
    cause: Cause = NOTHING,
    note: Note | None = None,
) -> list[Passage]:
    """Store passages, in this order, after everything that the archive holds."""
    if not new:
        archives.get(tx, who, archive_id)
        return []
    archive = archives.move(tx, who, archive_id, stored=len(new), shown=len(new))
    first, moment = archive.last_position - len(new) + 1, now()
    made = [
        Passage(
            **origin(who, cause),
            id=new_id("passage"),
            organization_id=who.organization_id,
            created_by_id=who.user_id,
            last_updated_by_id=who.user_id,
            created_at=each.created_at or moment + timedelta(microseconds=number),
            updated_at=moment,
            stored_at=moment,
            archive_id=archive_id,
            position=first + number,
            text=each.text,
            tags=each.tags,
            metadata=each.metadata,
            indexed=note is not None,
        )
        for number, each in enumerate(new)
    ]
    rows.insert_many(tx, made)
    archives.count_tags(tx, who, archive_id, Counter(tag for each in made for tag in each.tags))
    if note is not None:
        note(tx, archive, made)
    return made


def get(tx: Tx, who: Who, archive_id: str, id: str) -> Passage:
    """A passage of an archive that its list shows, or that was superseded."""
    found = rows.find(tx, who, id)
    if found is None or found.archive_id != archive_id or found.is_deleted:
        raise rows.missing(id)
    return found


def page(tx: Tx, who: Who, archive_id: str, page: Page, containing: str | None = None) -> list[Passage]:
    """The passages of an archive that are neither deleted nor superseded."""
    where = [c.archive_id == archive_id, _SHOWN]
    if containing:
        where.append(sa.func.lower(c.text).contains(containing.lower(), autoescape=True))
    return rows.page(tx, who, page, *where)


def held(tx: Tx, who: Who, id: str) -> Passage:
    """A passage, deleted or not, whose archive is locked first, as everybody who changes one does."""
    archives.hold(tx, who, rows.get(tx, who, id).archive_id)
    return rows.get(tx, who, id)


def change(tx: Tx, who: Who, id: str, values: Mapping[str, Any], cause: Cause = NOTHING) -> Passage:
    """Set fields; the state before is kept as a version."""
    before = held(tx, who, id)
    if all(getattr(before, name) == value for name, value in values.items()):
        return before
    return _noted(tx, who, before, history.change(tx, who, id, values, cause))


def delete(tx: Tx, who: Who, id: str, cause: Cause = NOTHING) -> Passage:
    """Take a passage out of lists and search; it can be put back."""
    return change(tx, who, id, {"is_deleted": True}, replace(cause, action="delete"))


def supersede(tx: Tx, who: Who, id: str, text: str, tags: Sequence[str] | None, cause: Cause = NOTHING) -> Passage:
    """Store what is true instead of a passage from now on; the passage keeps its history and when it was true."""
    before = held(tx, who, id)
    if before.is_deleted:
        raise rows.missing(id)
    if before.superseded_by is not None:
        raise Conflict(f"Passage {id} is superseded by {before.superseded_by} already; supersede that one.")
    moment = now()
    new = NewPassage(
        text=text, tags=before.tags if tags is None else list(tags), metadata=before.metadata, created_at=moment
    )
    made = insert(tx, who, before.archive_id, [new], cause)[0]
    change(tx, who, id, {"superseded_by": made.id, "superseded_at": moment}, replace(cause, action="supersede"))
    return made


def restore(tx: Tx, who: Who, id: str, version: int, reason: str | None) -> Passage:
    """Put back a version's state, that of a deleted passage too; it becomes the newest version."""
    return put_back(tx, who, held(tx, who, id), version, Cause(reason=reason, action="restore"))


def undo(tx: Tx, who: Who, id: str, reason: str | None) -> Passage:
    """Put back the state before the last change; undoing again goes further back."""
    before = held(tx, who, id)
    return put_back(tx, who, before, history.before_last(tx, who, before), Cause(reason=reason, action="undo"))


def put_back(tx: Tx, who: Who, before: Passage, version: int, cause: Cause) -> Passage:
    """Give a passage the state of a version; when that undoes that it was superseded, what superseded it goes."""
    after = _noted(tx, who, before, history.put_back(tx, who, before, version, cause))
    if cause.action == "undo" and before.superseded_by is not None and after.superseded_by is None:
        successor = rows.find(tx, who, before.superseded_by)
        if successor is not None and not successor.is_deleted:
            delete(tx, who, successor.id, cause)
    return after


def change_archive(tx: Tx, who: Who, id: str, values: Mapping[str, Any], default: str) -> Archive:
    """Set fields; passages are embedded anew when the model is another one. `default` is the server's model."""
    before = archives.hold(tx, who, id)
    after = archives.change(tx, who, id, values)
    if before.embedding != after.embedding:
        search.want(tx, who, id, after.embedding or default, by_default=after.embedding is None)
    return after


def delete_archive(tx: Tx, who: Who, id: str) -> None:
    """Remove an archive with its passages and all that they ever were."""
    archives.delete(tx, who, id)
    search.forget(tx, Corpus(who.organization_id, PASSAGES, id))
    history.delete(tx, who, versions.c.archive_id == id)
    tx.execute(rows.table.delete().where(c.organization_id == who.organization_id, c.archive_id == id))


def unindexed(
    tx: Tx, limit: int, organization_id: str | None = None, archive_id: str | None = None
) -> list[tuple[Passage, str | None]]:
    """Passages that the search has not seen as they are now, deleted ones included, with their archives' models."""
    found = _WAITING.rows(tx, {"most": limit, "org": organization_id, "archive": archive_id})
    return [(rows.load(row, skip=1), row[0]) for row in found]


def count_unknown(tx: Tx, who: Who, archive_id: str | None) -> dict[str | None, int]:
    """How many of an organization's passages, or of one of its archives, search does not know; by their model."""
    mine = [c.organization_id == who.organization_id, *([c.archive_id == archive_id] if archive_id else [])]
    new = _UNINDEXED, c.is_deleted.is_(False), search.is_unknown(rows.table)
    held = sa.and_(a.organization_id == c.organization_id, a.id == c.archive_id)
    query = sa.select(a.embedding, sa.func.count()).join_from(rows.table, archives.rows.table, held)
    return {row[0]: row[1] for row in tx.execute(query.where(*mine, *new).group_by(a.embedding))}


def mark_indexed(tx: Tx, who: Who, seen: Mapping[str, int]) -> None:
    """The search has seen these versions of these passages; one that was changed since stays to be seen."""
    if seen:
        each = [{"org": who.organization_id, "the_id": id, "the_version": version} for id, version in seen.items()]
        _SEEN.run_many(tx, each)


def by_ids(tx: Tx, who: Who, ids: Iterable[str]) -> dict[str, Passage]:
    """The passages of these ids that are not deleted."""
    wanted, found = list(ids), dict[str, Passage]()
    for first in range(0, len(wanted), AT_ONCE):
        found |= rows.many(tx, who, wanted[first : first + AT_ONCE])
    return {id: passage for id, passage in found.items() if not passage.is_deleted}


def allowed_ids(tx: Tx, who: Who, archive_id: str | None, wanted: Narrowing) -> set[str] | None:
    """The passages that a search may find; None when that is everything that is not deleted."""
    if wanted == Narrowing() and not _SUPERSEDED.rows(tx, {"org": who.organization_id, "archive": archive_id}):
        return None
    query = sa.select(c.id).where(*_of(who, archive_id), c.is_deleted.is_(False), *_matching(tx, wanted))
    return set(tx.execute(query).scalars())


def newest(tx: Tx, who: Who, archive_id: str | None, wanted: Narrowing, limit: int) -> list[Passage]:
    """The passages that a search may find, newest first."""
    where = [*_of(who, archive_id), c.is_deleted.is_(False), *_matching(tx, wanted)]
    return rows.all(tx, who, *where, order=[c.created_at.desc(), c.id.desc()], limit=limit)


def _of(who: Who, archive_id: str | None) -> list[Where]:
    """The passages of one archive, or of all."""
    mine: list[Where] = [c.organization_id == who.organization_id]
    return mine if archive_id is None else [*mine, c.archive_id == archive_id]


def _matching(tx: Tx, wanted: Narrowing) -> list[Where]:
    where: list[Where] = []
    if wanted.tags:
        match = contains_all if wanted.match_all else contains_any
        where.append(match(tx, c.tags, wanted.tags))
    if wanted.start is not None:
        where.append(c.created_at >= wanted.start)
    if wanted.end is not None:
        where.append(c.created_at <= wanted.end)
    if wanted.as_of is None:
        where.append(c.superseded_at.is_(None))
    else:
        where += [c.created_at <= wanted.as_of, sa.or_(c.superseded_at.is_(None), c.superseded_at > wanted.as_of)]
    return where


def _noted(tx: Tx, who: Who, before: Passage, after: Passage) -> Passage:
    """Count a change in the archive."""
    uses = Counter(after.tags if after.is_shown else ())
    uses.subtract(before.tags if before.is_shown else ())
    archives.move(tx, who, after.archive_id, shown=after.is_shown - before.is_shown)
    archives.count_tags(tx, who, after.archive_id, uses)
    return after
