"""Which files are to be read, by whom, and how far they are; safe with several servers."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.files import chunks, contents, folders
from holdfast.files.chunks import Piece
from holdfast.files.model import File
from holdfast.files.store import rows
from holdfast.kit.clock import now
from holdfast.store import search
from holdfast.store.table import Tx, clock, where_only

c = rows.c

LEASE_S = 20.0
MOST_TRIES = 3
WATCHED = 50
"""Files whose progress is looked after in one go."""
PATIENCE = timedelta(minutes=30)

GIVEN_UP = f"The server stopped {MOST_TRIES} times while it read this file, which is not tried again. Send it in parts."
CANCELLED = "Its load was cancelled. Delete the file, or send it again."
NO_VECTORS = (
    "It is found by its words, but no embedding model has made vectors of it for 30 minutes. "
    "Check that the model answers; this is tried again by itself."
)

_UNSETTLED = where_only("NOT is_settled")


def claim(tx: Tx, owner: str) -> File | None:
    """The file that waits longest to be read, now leased; those that nobody could read are given up on the way."""
    while (row := tx.execute(_free(tx, rows.table).with_for_update(skip_locked=True)).one_or_none()) is not None:
        file = rows.load(row)
        if file.tries < MOST_TRIES:
            values = {"owner": owner, "leased_until": clock(tx, timedelta(seconds=LEASE_S)), "tries": file.tries + 1}
            return rows.update(tx, _who(file), file.id, values)
        fail(tx, file, GIVEN_UP)
    return None


def is_waiting(tx: Tx) -> bool:
    """Is there a file that anybody could read now?"""
    return tx.execute(_free(tx, c.id)).first() is not None


def renew(tx: Tx, file: File) -> None:
    tx.execute(_mine(file).values(leased_until=clock(tx, timedelta(seconds=LEASE_S))))


def release(tx: Tx, file: File) -> None:
    """Leave a file to whoever comes next, as if it had not been begun."""
    tx.execute(_mine(file).values(leased_until=None, tries=file.tries - 1))


def begin(tx: Tx, file: File) -> bool:
    """Make room for what is read; False when the file is gone, or somebody else's by now."""
    if not _holds(tx, file):
        return False
    chunks.drop(tx, _who(file), file.folder_id, file.id)
    return True


def add(tx: Tx, file: File, pieces: list[Piece]) -> bool:
    """Store some of what was read; False as above."""
    if not _holds(tx, file):
        return False
    chunks.add(tx, _who(file), file, pieces)
    return True


def finish(tx: Tx, file: File, total: int) -> bool:
    """All of a file's text is there; False as above."""
    if not _holds(tx, file):
        return False
    who = _who(file)
    folders.move(tx, who, file.folder_id)
    contents.drop(tx, who, [file.id])
    values = {"status": "embedding", "total_chunks": total, "chunks_embedded": 0, "moved_at": now(), "owner": None}
    rows.update(tx, who, file.id, values)
    return True


def fail(tx: Tx, file: File, why: str) -> None:
    """A file that cannot be read; what it says is for whoever sent it."""
    who = _who(file)
    if rows.find(tx, who, file.id) is None:
        return
    folders.move(tx, who, file.folder_id)
    chunks.drop(tx, who, file.folder_id, file.id)
    contents.drop(tx, who, [file.id])
    values = {"status": "error", "error_message": why, "is_settled": True, "owner": None, "moved_at": now()}
    rows.update(tx, who, file.id, values)


def cancel(tx: Tx, file: File) -> File:
    """Load a file no further; whoever reads it now sees that it is not theirs any more."""
    fail(tx, file, CANCELLED)
    return rows.update(tx, _who(file), file.id, {"was_cancelled": True, "total_chunks": None, "chunks_embedded": None})


def watched(tx: Tx) -> list[tuple[File, int]]:
    """Files whose vectors are being made, with how many there are by now, where that is new or too long ago."""
    query = sa.select(rows.table).where(_UNSETTLED, c.status != "parsing").order_by(c.moved_at).limit(WATCHED)
    by_folder: dict[tuple[str, str], list[File]] = {}
    for row in tx.execute(query):
        file = rows.load(row)
        by_folder.setdefault((file.organization_id, file.folder_id), []).append(file)
    counted = [each for files in by_folder.values() for each in _counted(tx, files)]
    return [(file, embedded) for file, embedded in counted if embedded != file.chunks_embedded or _is_late(file)]


def _counted(tx: Tx, files: list[File]) -> list[tuple[File, int]]:
    """Files of one folder, with how many of their chunks have vectors."""
    who, folder_id = _who(files[0]), files[0].folder_id
    unseen, waiting = chunks.unseen(tx, who, folder_id), search.waiting(tx, who, folder_id)
    return [(each, (each.total_chunks or 0) - unseen.get(each.id, 0) - waiting.get(each.id, 0)) for each in files]


def note(tx: Tx, file: File, embedded: int) -> None:
    """How far a file is."""
    there = rows.find(tx, _who(file), file.id)
    if there is None or there.is_settled:
        return
    if embedded == file.total_chunks:
        values = {"status": "completed", "error_message": None, "is_settled": True, "chunks_embedded": embedded}
    elif embedded != file.chunks_embedded:
        values = {"status": "embedding", "error_message": None, "chunks_embedded": embedded, "moved_at": now()}
    else:
        values = {"status": "error", "error_message": NO_VECTORS}
    rows.update(tx, _who(file), file.id, values)


def _is_late(file: File) -> bool:
    return file.status == "embedding" and now() - file.moved_at > PATIENCE


def _holds(tx: Tx, file: File) -> bool:
    """Whether a file is still there, and still leased to who holds it; it is touched, so that it stays so."""
    return tx.execute(_mine(file).values(leased_until=clock(tx, timedelta(seconds=LEASE_S)))).rowcount == 1


def _free(tx: Tx, what: Any) -> sa.Select[Any]:
    """The file that waits longest to be read and is nobody's now."""
    free = sa.or_(c.leased_until.is_(None), c.leased_until < clock(tx))
    return sa.select(what).where(_UNSETTLED, c.status == "parsing", free).order_by(c.moved_at).limit(1)


def _mine(file: File) -> sa.Update:
    same = c.organization_id == file.organization_id, c.id == file.id, c.owner == file.owner, c.tries == file.tries
    return rows.table.update().where(*same)


def _who(file: File) -> Who:
    return Who(file.organization_id, file.created_by_id)
