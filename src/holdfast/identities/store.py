"""The table of identities and their links to agents and blocks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.errors import Conflict, NotFound
from holdfast.identities.model import CreateIdentity, Identity, IdentityFilter, IdentityProperty, NewIdentity
from holdfast.kit.ids import new_id
from holdfast.kit.page import Page
from holdfast.store.prepared import Prepared, among
from holdfast.store.table import Rows, Tx, Where, metadata

rows = Rows(
    "identities",
    Identity,
    sa.Index(
        "identities_by_key", "organization_id", "identifier_key", sa.text("coalesce(project_id, '')"), unique=True
    ),
)


def _links(name: str, other: str) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("organization_id", sa.Text, primary_key=True),
        sa.Column("identity_id", sa.Text, primary_key=True),
        sa.Column(other, sa.Text, primary_key=True),
        sa.Index(f"{name}_back", "organization_id", other, "identity_id"),
    )


agents_identities = _links("agents_identities", "agent_id")
blocks_identities = _links("blocks_identities", "block_id")

_OF_AGENTS = Prepared(
    sa.select(agents_identities.c.agent_id, agents_identities.c.identity_id)
    .where(
        agents_identities.c.organization_id == sa.bindparam("org"),
        among(agents_identities.c.agent_id, "agents"),
    )
    .order_by(agents_identities.c.identity_id)
)


def create(tx: Tx, who: Who, new: CreateIdentity) -> Identity:
    """A new identity with its links; the key must be free in its project."""
    _refuse_taken_key(tx, who, new.identifier_key, new.project_id)
    identity = Identity(
        identifier_key=new.identifier_key,
        name=new.name,
        identity_type=new.identity_type,
        project_id=new.project_id,
        properties=new.properties or [],
        id=new_id("identity"),
        organization_id=who.organization_id,
        created_by_id=who.user_id,
        last_updated_by_id=who.user_id,
    )
    rows.insert(tx, identity)
    return _replace_links(tx, who, identity, new.agent_ids, new.block_ids)


def upsert(tx: Tx, who: Who, new: CreateIdentity) -> Identity:
    """The identity of this key, made or brought up to date."""
    there = _of_key(tx, who, new.identifier_key, new.project_id)
    if there is None:
        return create(tx, who, new)
    return change(tx, who, there.id, {name: value for name, value in new if value is not None})


def change(tx: Tx, who: Who, id: str, values: Mapping[str, Any]) -> Identity:
    """Set fields; lists replace what was there."""
    identity = rows.get(tx, who, id)
    own = {name: value for name, value in values.items() if name in NewIdentity.model_fields}
    if {"identifier_key", "project_id"} & own.keys():
        key, project = own.get("identifier_key", identity.identifier_key), own.get("project_id", identity.project_id)
        _refuse_taken_key(tx, who, key, project, but=id)
    if own:
        identity = rows.update(tx, who, id, own)
    return _replace_links(tx, who, identity, values.get("agent_ids"), values.get("block_ids"))


def set_properties(tx: Tx, who: Who, id: str, properties: Sequence[IdentityProperty]) -> None:
    """Add properties; one with the same key takes the place of the one before."""
    kept = {each.key: each for each in rows.get(tx, who, id).properties}
    rows.update(tx, who, id, {"properties": list((kept | {each.key: each for each in properties}).values())})


def get(tx: Tx, who: Who, id: str) -> Identity:
    return with_links(tx, who, [rows.get(tx, who, id)])[0]


def page(tx: Tx, who: Who, page: Page, wanted: IdentityFilter) -> list[Identity]:
    where = [rows.c[name] == value for name, value in wanted if value]
    return with_links(tx, who, rows.page(tx, who, page, *where))


def count(tx: Tx, who: Who) -> int:
    return rows.count(tx, who)


def delete(tx: Tx, who: Who, id: str) -> None:
    """Remove an identity; the agents and blocks that were linked to it stay."""
    rows.delete(tx, who, id)
    for table in (agents_identities, blocks_identities):
        tx.execute(table.delete().where(*_links_of(who, table, id)))


def _of_key(tx: Tx, who: Who, key: str, project_id: str | None) -> Identity | None:
    """Whoever has this key in the same project."""
    project = sa.func.coalesce(rows.c.project_id, "") == (project_id or "")
    return rows.first(tx, who, rows.c.identifier_key == key, project)


def _refuse_taken_key(tx: Tx, who: Who, key: str, project_id: str | None, but: str = "") -> None:
    holder = _of_key(tx, who, key, project_id)
    if holder is not None and holder.id != but:
        raise Conflict(
            f"{holder.id} has the identifier_key {key!r} already; choose another one, or change that identity."
        )


def _replace_links(
    tx: Tx, who: Who, identity: Identity, agent_ids: Sequence[str] | None, block_ids: Sequence[str] | None
) -> Identity:
    """Lists that were sent become the links; the identity with the links it has now."""
    for table, ids in ((agents_identities, agent_ids), (blocks_identities, block_ids)):
        if ids is not None:
            _relink(tx, who, table, identity.id, ids)
    return with_links(tx, who, [identity])[0]


def _relink(tx: Tx, who: Who, table: sa.Table, id: str, ids: Sequence[str]) -> None:
    tx.execute(table.delete().where(*_links_of(who, table, id)))
    other = list(table.c)[2].name
    links = [{"organization_id": who.organization_id, "identity_id": id, other: each} for each in dict.fromkeys(ids)]
    if links:
        tx.execute(table.insert(), links)


def _links_of(who: Who, table: sa.Table, id: str) -> tuple[Where, Where]:
    return table.c.organization_id == who.organization_id, table.c.identity_id == id


def of_agents(tx: Tx, who: Who, agent_ids: Iterable[str]) -> dict[str, list[Identity]]:
    """The identities of each agent, complete with their links."""
    pairs = _OF_AGENTS.rows(tx, {"org": who.organization_id, "agents": list(agent_ids)})
    if not pairs:
        return {}
    by_id = {identity.id: identity for identity in with_links(tx, who, rows.each(tx, who, [p[1] for p in pairs]))}
    found: dict[str, list[Identity]] = {}
    for agent_id, identity_id in pairs:
        found.setdefault(agent_id, []).append(by_id[identity_id])
    return found


def with_links(tx: Tx, who: Who, identities: Sequence[Identity]) -> list[Identity]:
    """The same identities with the ids of their agents and blocks."""
    ids = [identity.id for identity in identities]
    agents = _linked(tx, who, agents_identities, ids)
    blocks = _linked(tx, who, blocks_identities, ids)
    return [
        identity.model_copy(update={"agent_ids": agents.get(identity.id, []), "block_ids": blocks.get(identity.id, [])})
        for identity in identities
    ]


def _linked(tx: Tx, who: Who, table: sa.Table, ids: Sequence[str]) -> dict[str, list[str]]:
    if not ids:
        return {}
    other = list(table.c)[2]
    mine = sa.select(table.c.identity_id, other).where(
        table.c.organization_id == who.organization_id, table.c.identity_id.in_(ids)
    )
    found: dict[str, list[str]] = {}
    for identity_id, linked in tx.execute(mine.order_by(other)):
        found.setdefault(identity_id, []).append(linked)
    return found


def linked_agents(who: Who, identity_id: str | None, identifier_keys: Sequence[str]) -> sa.Select[Any]:
    return _of_identities(who, agents_identities, identity_id, identifier_keys)


def linked_blocks(who: Who, identity_id: str | None, identifier_keys: Sequence[str]) -> sa.Select[Any]:
    return _of_identities(who, blocks_identities, identity_id, identifier_keys)


def _of_identities(who: Who, table: sa.Table, identity_id: str | None, keys: Sequence[str]) -> sa.Select[Any]:
    wanted = sa.select(list(table.c)[2]).where(table.c.organization_id == who.organization_id)
    if identity_id:
        wanted = wanted.where(table.c.identity_id == identity_id)
    if keys:
        named = sa.select(rows.c.id).where(
            rows.c.organization_id == who.organization_id, rows.c.identifier_key.in_(keys)
        )
        wanted = wanted.where(table.c.identity_id.in_(named))
    return wanted


def link_agent(tx: Tx, who: Who, agent_id: str, identity_ids: Sequence[str]) -> None:
    """Add links; unknown identities are an error, links that exist stay."""
    _link(tx, who, agents_identities, agent_id, identity_ids)


def link_block(tx: Tx, who: Who, block_id: str, identity_ids: Sequence[str]) -> None:
    _link(tx, who, blocks_identities, block_id, identity_ids)


def _link(tx: Tx, who: Who, table: sa.Table, other_id: str, identity_ids: Sequence[str]) -> None:
    if not identity_ids:
        return
    rows.each(tx, who, identity_ids)
    other = list(table.c)[2]
    there = sa.select(table.c.identity_id).where(table.c.organization_id == who.organization_id, other == other_id)
    have = set(tx.execute(there).scalars())
    new = [
        {"organization_id": who.organization_id, "identity_id": each, other.name: other_id}
        for each in dict.fromkeys(identity_ids)
        if each not in have
    ]
    if new:
        tx.execute(table.insert(), new)


def unlink_agent(tx: Tx, who: Who, agent_id: str, identity_id: str | None = None) -> None:
    _unlink(tx, who, agents_identities, agent_id, identity_id)


def unlink_block(tx: Tx, who: Who, block_id: str, identity_id: str | None = None) -> None:
    _unlink(tx, who, blocks_identities, block_id, identity_id)


def _unlink(tx: Tx, who: Who, table: sa.Table, other_id: str, identity_id: str | None) -> None:
    """Remove one link, which must exist, or all of them."""
    other = list(table.c)[2]
    query = table.delete().where(table.c.organization_id == who.organization_id, other == other_id)
    if identity_id is None:
        tx.execute(query)
    elif tx.execute(query.where(table.c.identity_id == identity_id)).rowcount == 0:
        raise NotFound(f"{other_id} is not linked to identity {identity_id}.")
