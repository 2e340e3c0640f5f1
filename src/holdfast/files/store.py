"""The table of files."""

from collections.abc import Sequence

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.errors import BadRequest
from holdfast.files import attached, chunks, contents, folders
from holdfast.files.model import Duplicates, File, FolderStats
from holdfast.files.names import numbered
from holdfast.files.received import Received
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.kit.page import Page
from holdfast.store.table import Rows, Tx, only_where

rows = Rows(
    "files",
    File,
    sa.Index("files_by_name", "organization_id", "folder_id", "name", unique=True),
    sa.Index("files_by_time", "organization_id", "folder_id", "created_at", "id"),
    sa.Index("files_to_do", "status", "moved_at", **only_where("NOT is_settled")),
)
c = rows.c


def get(tx: Tx, who: Who, folder_id: str, id: str) -> File:
    """A file of a folder."""
    folders.get(tx, who, folder_id)
    found = rows.find(tx, who, id)
    if found is None or found.folder_id != folder_id:
        raise rows.missing(id)
    return found


def page(tx: Tx, who: Who, folder_id: str, page: Page) -> list[File]:
    folders.get(tx, who, folder_id)
    return rows.page(tx, who, page, c.folder_id == folder_id)


def of_folders(tx: Tx, who: Who, folder_ids: Sequence[str]) -> list[File]:
    return rows.all(tx, who, c.folder_id.in_(folder_ids), order=[c.folder_id, c.name])


def receive(tx: Tx, who: Who, folder_id: str, sent: Received, duplicates: Duplicates) -> tuple[File, bool]:
    """Store an upload, whose text is still to be read; False when the folder keeps the file that it had."""
    folder = folders.move(tx, who, folder_id)
    there = rows.first(tx, who, c.folder_id == folder_id, c.name == sent.name)
    if there is not None and duplicates == "skip":
        return there, False
    if there is not None and duplicates == "error":
        raise BadRequest(
            f"The folder {folder.name!r} has a file named {sent.name!r} already; send it with another name, "
            "or with duplicate_handling=suffix, replace or skip."
        )
    if there is not None and duplicates == "replace":
        delete(tx, who, folder_id, there.id)
        there = None
    name = sent.name if there is None else _free(tx, who, folder_id, sent.name)
    moment = now()
    file = File(
        id=new_id("file"),
        organization_id=who.organization_id,
        created_at=moment,
        updated_at=moment,
        created_by_id=who.user_id,
        last_updated_by_id=who.user_id,
        folder_id=folder_id,
        name=name,
        original_name=sent.original_name,
        media_type=sent.media_type,
        size=len(sent.body),
        kind=sent.kind,
        moved_at=moment,
    )
    rows.insert(tx, file)
    contents.keep(tx, who, file.id, sent.body)
    attached.add_file(tx, who, file)
    return file, True


def delete(tx: Tx, who: Who, folder_id: str, id: str) -> None:
    """Remove a file with its text; agents that have its folder lose it."""
    get(tx, who, folder_id, id)
    folders.move(tx, who, folder_id)
    rows.delete(tx, who, id)
    contents.drop(tx, who, [id])
    chunks.drop(tx, who, folder_id, id)
    attached.drop_file(tx, who, id)


def delete_folder(tx: Tx, who: Who, id: str) -> list[str]:
    """Remove a folder with its files; the agents that had it."""
    folders.move(tx, who, id)
    held = attached.agents_of(tx, who, id)
    contents.drop(tx, who, sa.select(c.id).where(c.organization_id == who.organization_id, c.folder_id == id))
    tx.execute(rows.table.delete().where(c.organization_id == who.organization_id, c.folder_id == id))
    chunks.drop_folder(tx, who, id)
    attached.drop_folder(tx, who, id)
    folders.rows.delete(tx, who, id)
    return held


def stats(tx: Tx, who: Who) -> dict[str, FolderStats]:
    """How much is in each folder that has files."""
    query = sa.select(c.folder_id, sa.func.count(), sa.func.sum(c.size)).where(c.organization_id == who.organization_id)
    found = tx.execute(query.group_by(c.folder_id))
    return {folder: FolderStats(file_count=count, total_size=int(size)) for folder, count, size in found}


def _free(tx: Tx, who: Who, folder_id: str, name: str) -> str:
    """The first `name_(n).ext` that no file of the folder has."""
    number = 1
    while rows.first(tx, who, c.folder_id == folder_id, c.name == numbered(name, number)) is not None:
        number += 1
    return numbered(name, number)
