"""The table of folders."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.errors import Conflict, NotFound
from holdfast.files.model import Folder, FolderFilter, NewFolder
from holdfast.kit.ids import new_id
from holdfast.kit.page import Page
from holdfast.store import search
from holdfast.store.prepared import Prepared
from holdfast.store.table import Rows, Tx, Where

rows = Rows(
    "folders",
    Folder,
    sa.Index("folders_by_time", "organization_id", "created_at", "id"),
    sa.Index("folders_by_name", "organization_id", "name", unique=True),
)
c = rows.c

_MOVE = Prepared(
    rows.table.update()
    .where(c.organization_id == sa.bindparam("the_org"), c.id == sa.bindparam("the_id"))
    .values(revision=c.revision + 1)
    .returning(rows.table)
)


def create(tx: Tx, who: Who, new: NewFolder, chosen: Mapping[str, Any]) -> Folder:
    """Make a folder; `chosen` are the columns of its embedding model."""
    _refuse_taken(tx, who, new.name)
    folder = Folder(
        **chosen,
        name=new.name,
        description=new.description,
        instructions=new.instructions,
        metadata=new.metadata,
        id=new_id("source"),
        organization_id=who.organization_id,
        created_by_id=who.user_id,
        last_updated_by_id=who.user_id,
    )
    return rows.insert(tx, folder)


def get(tx: Tx, who: Who, id: str) -> Folder:
    return rows.get(tx, who, id)


def named(tx: Tx, who: Who, name: str) -> Folder:
    found = rows.first(tx, who, c.name == name)
    if found is None:
        raise NotFound(f"No folder is named {name!r}.")
    return found


def page(tx: Tx, who: Who, page: Page, wanted: FolderFilter) -> list[Folder]:
    where: Sequence[Where] = () if wanted.name is None else (c.name == wanted.name,)
    return rows.page(tx, who, page, *where)


def count(tx: Tx, who: Who) -> int:
    return rows.count(tx, who)


def change(tx: Tx, who: Who, id: str, values: Mapping[str, Any], default: str) -> Folder:
    """Set fields; its files are embedded anew when the model is another one. `default` is the server's model."""
    before = move(tx, who, id)
    if values.get("name", before.name) != before.name:
        _refuse_taken(tx, who, values["name"])
    after = rows.update(tx, who, id, values) if values else before
    if before.embedding != after.embedding:
        search.want(tx, who, id, after.embedding or default, by_default=after.embedding is None)
    return after


def move(tx: Tx, who: Who, id: str) -> Folder:
    """Note that something in a folder changed; it is held from then on, so that changes come one after the other."""
    row = _MOVE.row(tx, {"the_org": who.organization_id, "the_id": id})
    if row is None:
        raise rows.missing(id)
    return rows.load(row)


def _refuse_taken(tx: Tx, who: Who, name: str) -> None:
    there = rows.first(tx, who, c.name == name)
    if there is not None:
        raise Conflict(f"A folder named {name!r} is there already ({there.id}); use it, or choose another name.")
