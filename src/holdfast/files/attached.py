"""The tables of the folders that agents have, and of what agents see of their files."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.errors import NotFound
from holdfast.files import folders
from holdfast.files.model import AttachedFile, File, Folder
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.kit.page import Page
from holdfast.store.prepared import Prepared, among
from holdfast.store.table import Rows, Tx, Where, metadata

agents_folders = sa.Table(
    "agents_folders",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("agent_id", sa.Text, primary_key=True),
    sa.Column("folder_id", sa.Text, primary_key=True),
    sa.Index("agents_folders_by_folder", "organization_id", "folder_id", "agent_id"),
)
rows = Rows(
    "agents_files",
    AttachedFile,
    sa.Index("agents_files_by_agent", "organization_id", "agent_id", "file_id", unique=True),
    sa.Index("agents_files_by_time", "organization_id", "agent_id", "created_at", "id"),
    sa.Index("agents_files_by_file", "organization_id", "file_id"),
    sa.Index("agents_files_by_folder", "organization_id", "folder_id"),
    noun="file of an agent",
)
link, c = agents_folders.c, rows.c

_OF_AGENT = Prepared(
    sa.select(folders.rows.table)
    .join(
        agents_folders,
        sa.and_(link.organization_id == folders.rows.c.organization_id, link.folder_id == folders.rows.c.id),
    )
    .where(link.organization_id == sa.bindparam("org"), link.agent_id == sa.bindparam("agent"))
    .order_by(folders.rows.c.name)
)
_LINKS = Prepared(
    sa.select(link.agent_id, link.folder_id)
    .where(link.organization_id == sa.bindparam("org"), among(link.agent_id, "agents"))
    .order_by(link.agent_id, link.folder_id)
)


def folders_of(tx: Tx, who: Who, agent_id: str) -> list[Folder]:
    """The folders that an agent has, by name."""
    found = _OF_AGENT.rows(tx, {"org": who.organization_id, "agent": agent_id})
    return [folders.rows.load(row) for row in found]


def folders_of_agents(tx: Tx, who: Who, agent_ids: Iterable[str]) -> dict[str, list[Folder]]:
    pairs = _LINKS.rows(tx, {"org": who.organization_id, "agents": list(agent_ids)})
    by_id = folders.rows.many(tx, who, {folder_id for _, folder_id in pairs})
    found: dict[str, list[Folder]] = {}
    for agent_id, folder_id in pairs:
        found.setdefault(agent_id, []).append(by_id[folder_id])
    return found


def page_of_agent(tx: Tx, who: Who, agent_id: str, page: Page) -> list[Folder]:
    held = sa.select(link.folder_id).where(*_of_agent(who, agent_id))
    return folders.rows.page(tx, who, page, folders.rows.c.id.in_(held))


def agents_of(tx: Tx, who: Who, folder_id: str) -> list[str]:
    mine = link.organization_id == who.organization_id, link.folder_id == folder_id
    return list(tx.execute(sa.select(link.agent_id).where(*mine).order_by(link.agent_id)).scalars())


def agent_ids(who: Who, folder_id: str) -> sa.ScalarSelect[Any]:
    """The ids of the agents that have a folder, as a subquery."""
    mine = link.organization_id == who.organization_id, link.folder_id == folder_id
    return sa.select(link.agent_id).where(*mine).scalar_subquery()


def attach(tx: Tx, who: Who, agent_id: str, files: Sequence[File], folder_id: str) -> bool:
    """Give an agent a folder with its files, all of them closed; False when it has it already."""
    there = tx.execute(sa.select(link.folder_id).where(*_of_agent(who, agent_id), link.folder_id == folder_id))
    if there.first() is not None:
        return False
    values = {"organization_id": who.organization_id, "agent_id": agent_id, "folder_id": folder_id}
    tx.execute(agents_folders.insert().values(values))
    rows.insert_many(tx, [_attached(who, agent_id, file) for file in files])
    return True


def detach(tx: Tx, who: Who, agent_id: str, folder_id: str) -> None:
    folders.get(tx, who, folder_id)
    gone = tx.execute(agents_folders.delete().where(*_of_agent(who, agent_id), link.folder_id == folder_id))
    if gone.rowcount == 0:
        raise NotFound(f"Agent {agent_id} does not have folder {folder_id}.")
    tx.execute(rows.table.delete().where(*_files_of(who, agent_id), c.folder_id == folder_id))


def unlink_agent(tx: Tx, who: Who, agent_id: str) -> None:
    tx.execute(agents_folders.delete().where(*_of_agent(who, agent_id)))
    tx.execute(rows.table.delete().where(*_files_of(who, agent_id)))


def add_file(tx: Tx, who: Who, file: File) -> None:
    """A new file of a folder, for every agent that has the folder."""
    rows.insert_many(tx, [_attached(who, agent_id, file) for agent_id in agents_of(tx, who, file.folder_id)])


def drop_file(tx: Tx, who: Who, file_id: str) -> None:
    tx.execute(rows.table.delete().where(c.organization_id == who.organization_id, c.file_id == file_id))


def drop_folder(tx: Tx, who: Who, folder_id: str) -> None:
    mine = link.organization_id == who.organization_id, link.folder_id == folder_id
    tx.execute(agents_folders.delete().where(*mine))
    tx.execute(rows.table.delete().where(c.organization_id == who.organization_id, c.folder_id == folder_id))


def files_of(tx: Tx, who: Who, agent_id: str, *where: Where) -> list[AttachedFile]:
    return rows.all(tx, who, c.agent_id == agent_id, *where)


def page_of_files(tx: Tx, who: Who, agent_id: str, page: Page, is_open: bool | None) -> list[AttachedFile]:
    where: list[Where] = [] if is_open is None else [c.is_open.is_(is_open)]
    return rows.page(tx, who, page, c.agent_id == agent_id, *where)


def file_of(tx: Tx, who: Who, agent_id: str, file_id: str) -> AttachedFile:
    found = rows.first(tx, who, c.agent_id == agent_id, c.file_id == file_id)
    if found is None:
        raise NotFound(f"Agent {agent_id} has no file {file_id}; attach the folder that holds it.")
    return found


def open_files(tx: Tx, who: Who, agent_id: str) -> list[AttachedFile]:
    """The files that an agent has open, the one used last at the end."""
    used = [c.last_accessed_at.asc(), c.id]
    return rows.all(tx, who, c.agent_id == agent_id, c.is_open.is_(True), order=used)


def show(tx: Tx, who: Who, id: str, *, first_line: int = 0, line_count: int | None = None, at: datetime | None) -> None:
    """Open a file at a line."""
    values: dict[str, Any] = {
        "is_open": True,
        "last_accessed_at": at or now(),
        "first_line": first_line,
        "line_count": line_count,
    }
    rows.update(tx, who, id, values)


def close(tx: Tx, who: Who, ids: Sequence[str]) -> None:
    if ids:
        mine = c.organization_id == who.organization_id, c.id.in_(ids)
        tx.execute(rows.table.update().where(*mine).values(is_open=False, first_line=0, line_count=None))


def _attached(who: Who, agent_id: str, file: File) -> AttachedFile:
    return AttachedFile(
        id=new_id("file_agent"),
        organization_id=who.organization_id,
        created_by_id=who.user_id,
        last_updated_by_id=who.user_id,
        agent_id=agent_id,
        folder_id=file.folder_id,
        file_id=file.id,
    )


def _of_agent(who: Who, agent_id: str) -> tuple[Where, Where]:
    return link.organization_id == who.organization_id, link.agent_id == agent_id


def _files_of(who: Who, agent_id: str) -> tuple[Where, Where]:
    return c.organization_id == who.organization_id, c.agent_id == agent_id
