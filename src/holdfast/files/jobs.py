"""The loads of files, each of which is one of V1's jobs, told from the file's own row."""

from collections.abc import Sequence

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.errors import Conflict, NotFound
from holdfast.files import folders, work
from holdfast.files.model import AT_WORK, File
from holdfast.files.store import rows
from holdfast.kit.page import Page
from holdfast.store.table import Tx, Where

c = rows.c


def id_of(file: File) -> str:
    return f"job-{file.id.removeprefix('file-')}"


def page(tx: Tx, who: Who, page: Page, folder_id: str | None, active: bool, *beyond: Where) -> list[File]:
    """The files whose jobs are listed; a folder that there is not has none."""
    where: Sequence[Where] = [c.is_job_gone.is_(sa.false()), *beyond]
    if folder_id is not None:
        folders.get(tx, who, folder_id)
        where = [*where, c.folder_id == folder_id]
    if active:
        where = [*where, c.status.in_(AT_WORK)]
    return rows.page(tx, who, page, *where)


def get(tx: Tx, who: Who, id: str) -> File:
    """The file that a job loads."""
    found = rows.find(tx, who, file_id_of(id))
    if found is None or found.is_job_gone:
        raise NotFound(f"No job with id {id}.")
    return found


def cancel(tx: Tx, who: Who, id: str) -> File:
    """Load a file no further; what has been read of it goes."""
    file = get(tx, who, id)
    if file.status not in AT_WORK:
        raise Conflict(f"The job {id} is over: its file {file.name!r} is `{file.status}`. Delete the file to undo it.")
    return work.cancel(tx, file)


def delete(tx: Tx, who: Who, id: str) -> File:
    """Take a job off the list, ending it first where it is at work; what a finished one has loaded stays."""
    file = get(tx, who, id)
    if file.status in AT_WORK:
        file = work.cancel(tx, file)
    rows.update(tx, who, file.id, {"is_job_gone": True, "updated_at": file.updated_at})
    return file


def file_id_of(id: str) -> str:
    return f"file-{id.removeprefix('job-')}"
