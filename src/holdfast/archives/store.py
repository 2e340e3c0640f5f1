"""The tables of archives, of the agents that hold them, and of the tags in them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from holdfast.archives.model import Archive, ArchiveFilter, NewArchive
from holdfast.auth.model import Who
from holdfast.errors import Conflict, NotFound
from holdfast.kit.ids import new_id
from holdfast.kit.page import Page
from holdfast.store.prepared import Prepared, savepoint
from holdfast.store.table import Rows, Tx, Where, metadata

rows = Rows(
    "archives",
    Archive,
    sa.Index("archives_by_time", "organization_id", "created_at", "id"),
    sa.Index("archives_by_name", "organization_id", "name"),
)
agents_archives = sa.Table(
    "agents_archives",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("agent_id", sa.Text, primary_key=True),
    sa.Column("archive_id", sa.Text, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    sa.Index("agents_archives_by_archive", "organization_id", "archive_id"),
)
"""An agent holds at most one archive; its default one was made for it, and goes with it."""
archive_tags = sa.Table(
    "archive_tags",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("archive_id", sa.Text, primary_key=True),
    sa.Column("tag", sa.Text, primary_key=True),
    sa.Column("uses", sa.BigInteger, nullable=False),
)
"""How many passages of an archive have a tag, so that a prompt can name the tags without reading the passages."""
c, link, tag = rows.c, agents_archives.c, archive_tags.c

_OF_AGENT = Prepared(
    sa.select(rows.table)
    .join(agents_archives, sa.and_(link.organization_id == c.organization_id, link.archive_id == c.id))
    .where(link.organization_id == sa.bindparam("org"), link.agent_id == sa.bindparam("agent"))
)
_MOVE = Prepared(
    rows.table.update()
    .where(c.organization_id == sa.bindparam("the_org"), c.id == sa.bindparam("the_id"))
    .values(
        last_position=c.last_position + sa.bindparam("stored"),
        passage_count=c.passage_count + sa.bindparam("shown"),
        revision=c.revision + 1,
    )
    .returning(rows.table)
)


def made(who: Who, new: NewArchive, chosen: Mapping[str, Any]) -> Archive:
    """An archive that is not stored yet; `chosen` are the columns of its embedding model."""
    return Archive(
        **chosen,
        name=new.name,
        description=new.description,
        link_duplicates=new.link_duplicates,
        id=new_id("archive"),
        organization_id=who.organization_id,
        created_by_id=who.user_id,
        last_updated_by_id=who.user_id,
    )


def default_of(who: Who, agent_name: str, chosen: Mapping[str, Any]) -> Archive:
    """The archive that an agent gets with its first passage."""
    return made(who, NewArchive(name=f"Archive of {agent_name}"), chosen)


def create(tx: Tx, archive: Archive) -> Archive:
    return rows.insert(tx, archive)


def get(tx: Tx, who: Who, id: str) -> Archive:
    return rows.get(tx, who, id)


def hold(tx: Tx, who: Who, id: str) -> Archive:
    """An archive, locked until the transaction ends: its passages change one after the other."""
    mine = c.organization_id == who.organization_id, c.id == id
    row = tx.execute(sa.select(rows.table).where(*mine).with_for_update()).one_or_none()
    if row is None:
        raise rows.missing(id)
    return rows.load(row)


def page(tx: Tx, who: Who, page: Page, wanted: ArchiveFilter) -> list[Archive]:
    where: list[Where] = []
    if wanted.name is not None:
        where.append(c.name == wanted.name)
    if wanted.agent_id is not None:
        held = sa.select(link.archive_id).where(*_of_agent(who, wanted.agent_id))
        where.append(c.id.in_(held))
    return rows.page(tx, who, page, *where)


def change(tx: Tx, who: Who, id: str, values: Mapping[str, Any]) -> Archive:
    return rows.update(tx, who, id, values) if values else rows.get(tx, who, id)


def delete(tx: Tx, who: Who, id: str) -> None:
    """Remove an archive, its tags and its links. Its passages are removed by `passages.delete_archive`."""
    rows.delete(tx, who, id)
    tx.execute(agents_archives.delete().where(link.organization_id == who.organization_id, link.archive_id == id))
    tx.execute(archive_tags.delete().where(tag.organization_id == who.organization_id, tag.archive_id == id))


def of_agent(tx: Tx, who: Who, agent_id: str) -> Archive | None:
    return ask_of_agent(tx, who, agent_id)()


def ask_of_agent(tx: Tx, who: Who, agent_id: str) -> Callable[[], Archive | None]:
    """The archive of an agent, taken when it is needed."""
    found = _OF_AGENT.soon(tx, {"org": who.organization_id, "agent": agent_id})

    def held() -> Archive | None:
        row = found.row()
        return None if row is None else rows.load(row)

    return held


def of_agent_or_new(tx: Tx, who: Who, agent_id: str, default: Archive) -> Archive:
    """The agent's archive; when it has none, `default` becomes its own."""
    held = of_agent(tx, who, agent_id)
    if held is not None:
        return held
    try:
        with savepoint(tx):
            create(tx, default)
            _link(tx, who, agent_id, default.id, is_default=True)
    except exc.IntegrityError:
        return _held(tx, who, agent_id)
    return default


def attach(tx: Tx, who: Who, agent_id: str, id: str) -> None:
    """Give an agent an archive; it can hold one only, and the same again is no error."""
    rows.get(tx, who, id)
    held = of_agent(tx, who, agent_id)
    if held is None:
        try:
            with savepoint(tx):
                _link(tx, who, agent_id, id, is_default=False)
        except exc.IntegrityError:
            held = _held(tx, who, agent_id)
    if held is not None and held.id != id:
        raise Conflict(
            f"Agent {agent_id} holds the archive {held.name!r} ({held.id}) already, and an agent holds one only; "
            f"detach it first: PATCH /v1/agents/{agent_id}/archives/detach/{held.id}."
        )


def detach(tx: Tx, who: Who, agent_id: str, id: str) -> None:
    rows.get(tx, who, id)
    gone = tx.execute(agents_archives.delete().where(*_of_agent(who, agent_id), link.archive_id == id))
    if gone.rowcount == 0:
        raise NotFound(f"Agent {agent_id} does not hold archive {id}.")


def unlink_agent(tx: Tx, who: Who, agent_id: str) -> str | None:
    """Take its archive from an agent that goes; the archive's id if it was the agent's own and nobody else holds it."""
    gone = agents_archives.delete().where(*_of_agent(who, agent_id)).returning(link.archive_id, link.is_default)
    row = tx.execute(gone).one_or_none()
    if row is None or not row.is_default:
        return None
    others = sa.select(link.agent_id).where(*_of_archive(who, row.archive_id)).limit(1)
    return None if tx.execute(others).first() else row.archive_id


def agent_ids(tx: Tx, who: Who, id: str) -> sa.ScalarSelect[Any]:
    """The ids of the agents that hold an archive, as a subquery; an unknown archive is an error."""
    rows.get(tx, who, id)
    return sa.select(link.agent_id).where(*_of_archive(who, id)).scalar_subquery()


def move(tx: Tx, who: Who, id: str, *, stored: int = 0, shown: int = 0) -> Archive:
    """Note that passages were stored or changed, and how many more lists show; the archive is held from then on."""
    row = _MOVE.row(tx, {"the_org": who.organization_id, "the_id": id, "stored": stored, "shown": shown})
    if row is None:
        raise rows.missing(id)
    return rows.load(row)


def count_tags(tx: Tx, who: Who, id: str, changes: Mapping[str, int]) -> None:
    """Add to the uses of tags; the archive is held, so that nobody else does at the same time."""
    differing = {name: change for name, change in changes.items() if change}
    if not differing:
        return
    mine = tag.organization_id == who.organization_id, tag.archive_id == id
    known = set(_known_tags(tx, mine, list(differing)))
    use = archive_tags.update().where(*mine, tag.tag == sa.bindparam("the_tag"))
    more = [{"the_tag": name, "more": change} for name, change in differing.items() if name in known]
    if more:
        tx.execute(use.values(uses=tag.uses + sa.bindparam("more")), more)
        tx.execute(archive_tags.delete().where(*mine, tag.uses <= 0))
    new = [
        {"organization_id": who.organization_id, "archive_id": id, "tag": name, "uses": change}
        for name, change in differing.items()
        if name not in known and change > 0
    ]
    if new:
        tx.execute(archive_tags.insert(), new)


TAGS_AT_ONCE = 500
"""How many values a statement is given at most."""


def _known_tags(tx: Tx, mine: tuple[Where, Where], names: Sequence[str]) -> Iterable[str]:
    for first in range(0, len(names), TAGS_AT_ONCE):
        wanted = tag.tag.in_(names[first : first + TAGS_AT_ONCE])
        yield from tx.execute(sa.select(tag.tag).where(*mine, wanted)).scalars()


def tags(tx: Tx, who: Who, id: str, limit: int) -> list[str]:
    """The tags that most passages of an archive have, by name."""
    mine = tag.organization_id == who.organization_id, tag.archive_id == id
    most = sa.select(tag.tag).where(*mine).order_by(tag.uses.desc(), tag.tag).limit(limit)
    return sorted(tx.execute(most).scalars())


def _link(tx: Tx, who: Who, agent_id: str, id: str, *, is_default: bool) -> None:
    values = {"organization_id": who.organization_id, "agent_id": agent_id, "archive_id": id, "is_default": is_default}
    tx.execute(agents_archives.insert().values(values))


def _held(tx: Tx, who: Who, agent_id: str) -> Archive:
    """The archive that somebody else gave the agent at the same moment."""
    held = of_agent(tx, who, agent_id)
    if held is None:
        raise Conflict(f"The archive of agent {agent_id} was changed at the same moment; try again.")
    return held


def _of_agent(who: Who, agent_id: str) -> tuple[Where, Where]:
    return link.organization_id == who.organization_id, link.agent_id == agent_id


def _of_archive(who: Who, id: str) -> tuple[Where, Where]:
    return link.organization_id == who.organization_id, link.archive_id == id
