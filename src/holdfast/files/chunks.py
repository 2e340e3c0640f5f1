"""The table of chunks. Joined in their order, the chunks of a file are its text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.files import folders
from holdfast.files.model import Chunk, File
from holdfast.kit.ids import new_id
from holdfast.kit.page import Page
from holdfast.store import search
from holdfast.store.prepared import Variants, among
from holdfast.store.search import FILES, Corpus
from holdfast.store.table import Rows, Tx, only_where, where_only

rows = Rows(
    "file_chunks",
    Chunk,
    sa.Index("file_chunks_by_file", "organization_id", "file_id", "position", unique=True),
    sa.Index("file_chunks_by_folder", "organization_id", "folder_id", "created_at", "id"),
    sa.Index(
        "file_chunks_unindexed", "organization_id", "folder_id", "file_id", "position", **only_where("NOT indexed")
    ),
    noun="passage",
)
c = rows.c

AT_ONCE = 500
"""How many ids a statement is given at most."""
_UNINDEXED = where_only("NOT indexed")
_SEEN = rows.table.update().where(c.organization_id == sa.bindparam("org"), c.id == sa.bindparam("the_id"))

f = folders.rows.c
_WAITING = Variants(
    sa.select(f.embedding, rows.table)
    .join(folders.rows.table, sa.and_(f.organization_id == c.organization_id, f.id == c.folder_id))
    .where(_UNINDEXED)
    .order_by(c.organization_id, c.folder_id, c.file_id, c.position)
    .limit(sa.bindparam("most", type_=sa.BigInteger)),
    org=c.organization_id == sa.bindparam("org"),
    folders=among(c.folder_id, "folders"),
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text: where it begins, and the line in which that is."""

    position: int
    start_line: int
    text: str


def add(tx: Tx, who: Who, file: File, pieces: Sequence[Piece]) -> None:
    rows.insert_many(
        tx,
        [
            Chunk(
                id=new_id("passage"),
                organization_id=who.organization_id,
                created_by_id=file.created_by_id,
                last_updated_by_id=file.last_updated_by_id,
                folder_id=file.folder_id,
                file_id=file.id,
                position=piece.position,
                start_line=piece.start_line,
                text=piece.text,
            )
            for piece in pieces
        ],
    )


def drop(tx: Tx, who: Who, folder_id: str, file_id: str) -> None:
    """Take a file's chunks away, and out of search."""
    search.forget_some(tx, Corpus(who.organization_id, FILES, folder_id), search.entries.c.thread == file_id)
    tx.execute(rows.table.delete().where(c.organization_id == who.organization_id, c.file_id == file_id))


def drop_folder(tx: Tx, who: Who, folder_id: str) -> None:
    search.forget(tx, Corpus(who.organization_id, FILES, folder_id))
    tx.execute(rows.table.delete().where(c.organization_id == who.organization_id, c.folder_id == folder_id))


def page(tx: Tx, who: Who, folder_id: str, page: Page) -> list[Chunk]:
    return rows.page(tx, who, page, c.folder_id == folder_id)


def text(tx: Tx, who: Who, file_id: str) -> str:
    mine = c.organization_id == who.organization_id, c.file_id == file_id
    return "".join(tx.execute(sa.select(c.text).where(*mine).order_by(c.position)).scalars())


def texts(tx: Tx, who: Who, file_id: str) -> list[str]:
    """What the pieces of a file say."""
    mine = c.organization_id == who.organization_id, c.file_id == file_id
    return list(tx.execute(sa.select(c.text).where(*mine)).scalars())


def line_count(tx: Tx, who: Who, file_id: str) -> int:
    """How many lines a file has; none for one without text."""
    mine = c.organization_id == who.organization_id, c.file_id == file_id
    last = sa.select(c.start_line, c.text).where(*mine).order_by(c.position.desc()).limit(1)
    row = tx.execute(last).one_or_none()
    return 0 if row is None else row.start_line + row.text.rstrip("\n").count("\n")


def from_line(tx: Tx, who: Who, file_id: str, line: int, most: int) -> list[Chunk]:
    """The chunks from the one in which a line (counted from 1) begins, as far as `most` characters need."""
    before = rows.first(tx, who, c.file_id == file_id, c.start_line < line, order=[c.position.desc()])
    begin = before.position if before else 0
    found: list[Chunk] = []
    while sum(len(each.text) for each in found[1:]) <= most:
        step = rows.all(tx, who, c.file_id == file_id, c.position >= begin, order=[c.position], limit=64)
        found += step
        if len(step) < 64:
            return found
        begin = step[-1].position + 1
    return found


def by_ids(tx: Tx, who: Who, ids: Iterable[str]) -> dict[str, Chunk]:
    wanted, found = list(ids), dict[str, Chunk]()
    for first in range(0, len(wanted), AT_ONCE):
        found |= rows.many(tx, who, wanted[first : first + AT_ONCE])
    return found


def unindexed(
    tx: Tx, limit: int, organization_id: str | None = None, folder_ids: Sequence[str] | None = None
) -> list[tuple[Chunk, str | None]]:
    """Chunks that the search has not seen, with their folders' models."""
    found = _WAITING.rows(tx, {"most": limit, "org": organization_id, "folders": folder_ids or None})
    return [(rows.load(row, skip=1), row[0]) for row in found]


def unseen(tx: Tx, who: Who, folder_id: str) -> dict[str, int]:
    """How many chunks of each file of a folder the search has not seen."""
    mine = c.organization_id == who.organization_id, c.folder_id == folder_id
    found = tx.execute(sa.select(c.file_id, sa.func.count()).where(_UNINDEXED, *mine).group_by(c.file_id))
    return {row[0]: row[1] for row in found}


def count_unknown(tx: Tx, who: Who) -> dict[str | None, int]:
    """How many of an organization's chunks the search has not seen; by the models of their folders."""
    held = sa.and_(f.organization_id == c.organization_id, f.id == c.folder_id)
    query = sa.select(f.embedding, sa.func.count()).join_from(rows.table, folders.rows.table, held)
    found = tx.execute(query.where(_UNINDEXED, c.organization_id == who.organization_id).group_by(f.embedding))
    return {row[0]: row[1] for row in found}


def mark_indexed(tx: Tx, who: Who, ids: Sequence[str]) -> None:
    if ids:
        tx.execute(_SEEN.values(indexed=True), [{"org": who.organization_id, "the_id": id} for id in ids])
