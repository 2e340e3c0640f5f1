"""The tables of blocks, their versions and their links to agents."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.blocks.model import DESCRIPTIONS, Block, BlockFilter, BlockVersion, NewBlock
from holdfast.errors import BadRequest, Conflict, NotFound
from holdfast.history.model import NOTHING, Cause
from holdfast.history.store import Versioned, origin
from holdfast.identities import store as identities
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.kit.page import Page
from holdfast.store.prepared import Prepared, PreparedInsert, among
from holdfast.store.table import Rows, Tx, Where, contains_all, contains_any, metadata, only_where

rows = Rows(
    "blocks",
    Block,
    sa.Index("blocks_by_label", "organization_id", "label", "id"),
    sa.Index("blocks_by_run", "organization_id", "origin_run_id", **only_where("origin_run_id IS NOT NULL")),
)
versions = Rows(
    "block_versions",
    BlockVersion,
    sa.Index("block_versions_by_block", "organization_id", "block_id", "version", unique=True),
    sa.Index("block_versions_by_run", "organization_id", "run_id", **only_where("run_id IS NOT NULL")),
    noun="block version",
)
history = Versioned(rows, versions, ("value", "label", "description", "limit", "read_only", "metadata", "tags"))
agents_blocks = sa.Table(
    "agents_blocks",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("agent_id", sa.Text, primary_key=True),
    sa.Column("block_id", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Index("agents_blocks_by_block", "organization_id", "block_id", "agent_id"),
)
link = agents_blocks.c

_LINK = PreparedInsert(agents_blocks)
_HELD = (
    sa.select(link.agent_id, rows.table)
    .join(rows.table, sa.and_(rows.c.organization_id == link.organization_id, rows.c.id == link.block_id))
    .where(link.organization_id == sa.bindparam("org"))
    .order_by(link.agent_id, link.position, link.block_id)
)
_OF_AGENTS = Prepared(_HELD.where(among(link.agent_id, "agents")))
_OF_AGENT = Prepared(_HELD.where(link.agent_id == sa.bindparam("agent")))
_IS_ISOLATED = among(rows.c.id, "isolated")
_FOR_EDIT = Prepared(
    sa.select(rows.table)
    .where(rows.c.organization_id == sa.bindparam("org"), rows.c.label == sa.bindparam("label"))
    .where(
        sa.or_(
            _IS_ISOLATED,
            rows.c.id.in_(
                sa.select(link.block_id).where(
                    link.organization_id == sa.bindparam("org"), link.agent_id == sa.bindparam("agent")
                )
            ),
        )
    )
    .order_by(sa.case((_IS_ISOLATED, 0), else_=1))
    .limit(1)
    .with_for_update()
)


def made(who: Who, new: NewBlock, cause: Cause = NOTHING) -> Block:
    """A block that is not stored yet."""
    values = {name: getattr(new, name) for name in NewBlock.model_fields}
    values["description"] = new.description or DESCRIPTIONS.get(new.label or "")
    moment = now()
    return Block(
        **values,
        **origin(who, cause),
        id=new_id("block"),
        organization_id=who.organization_id,
        created_by_id=who.user_id,
        last_updated_by_id=who.user_id,
        created_at=moment,
        updated_at=moment,
    )


def create(tx: Tx, who: Who, new: NewBlock, cause: Cause = NOTHING) -> Block:
    return rows.insert(tx, made(who, new, cause))


def get(tx: Tx, who: Who, id: str) -> Block:
    return rows.get(tx, who, id)


def page(tx: Tx, who: Who, page: Page, wanted: BlockFilter) -> list[Block]:
    return rows.page(tx, who, page, *_where(tx, who, wanted))


def count(tx: Tx, who: Who, wanted: BlockFilter) -> int:
    return rows.count(tx, who, *_where(tx, who, wanted))


def change(tx: Tx, who: Who, id: str, values: Mapping[str, Any], cause: Cause = NOTHING) -> Block:
    """Set fields; the state before is kept as a version."""
    if not values:
        return rows.get(tx, who, id)
    if "label" in values and values["label"] != rows.get(tx, who, id).label:
        _refuse_taken_label(tx, who, id, values["label"])
    return history.change(tx, who, id, values, cause)


def restore(tx: Tx, who: Who, id: str, version: int, reason: str | None) -> Block:
    """Put back a version's state; it becomes the newest version."""
    return put_back(tx, who, history.held(tx, who, id), version, Cause(reason=reason, action="restore"))


def undo(tx: Tx, who: Who, id: str, reason: str | None) -> Block:
    """Put back the state before the last change; undoing again goes further back."""
    block = history.held(tx, who, id)
    return put_back(tx, who, block, history.before_last(tx, who, block), Cause(reason=reason, action="undo"))


def put_back(tx: Tx, who: Who, block: Block, version: int, cause: Cause) -> Block:
    label = history.state_at(tx, who, block, version)["label"]
    if label != block.label:
        _refuse_taken_label(tx, who, block.id, label)
    return history.put_back(tx, who, block, version, cause)


def delete(tx: Tx, who: Who, id: str) -> None:
    """Remove a block everywhere; forgetting is complete, so its versions go too."""
    rows.delete(tx, who, id)
    tx.execute(agents_blocks.delete().where(link.organization_id == who.organization_id, link.block_id == id))
    history.delete(tx, who, versions.c.block_id == id)
    identities.unlink_block(tx, who, id)


def of_agent(tx: Tx, who: Who, agent_id: str) -> list[Block]:
    return ask_of_agent(tx, who, agent_id)()


def ask_of_agent(tx: Tx, who: Who, agent_id: str) -> Callable[[], list[Block]]:
    """The blocks of an agent, taken when they are needed."""
    found = _OF_AGENT.soon(tx, {"org": who.organization_id, "agent": agent_id})
    return lambda: [rows.load(row, skip=1) for row in found.rows()]


def of_agents(tx: Tx, who: Who, agent_ids: Iterable[str]) -> dict[str, list[Block]]:
    """The blocks of each agent, in the order in which they were attached."""
    return ask_of_agents(tx, who, agent_ids)()


def ask_of_agents(tx: Tx, who: Who, agent_ids: Iterable[str]) -> Callable[[], dict[str, list[Block]]]:
    """The same, taken when it is needed."""
    asked = _OF_AGENTS.soon(tx, {"org": who.organization_id, "agents": list(agent_ids)})

    def held() -> dict[str, list[Block]]:
        found: dict[str, list[Block]] = {}
        for row in asked.rows():
            found.setdefault(row[0], []).append(rows.load(row, skip=1))
        return found

    return held


def page_of_agent(tx: Tx, who: Who, agent_id: str, page: Page) -> list[Block]:
    return rows.page(tx, who, page, _held_by(who, agent_id))


def page_of_identity(tx: Tx, who: Who, identity_id: str, page: Page) -> list[Block]:
    identities.get(tx, who, identity_id)
    return rows.page(tx, who, page, rows.c.id.in_(identities.linked_blocks(who, identity_id, ())))


def link_identity(tx: Tx, who: Who, id: str, identity_id: str) -> Block:
    block = rows.get(tx, who, id)
    identities.link_block(tx, who, id, [identity_id])
    return block


def unlink_identity(tx: Tx, who: Who, id: str, identity_id: str) -> Block:
    block = rows.get(tx, who, id)
    identities.unlink_block(tx, who, id, identity_id)
    return block


def of_agent_by_label(tx: Tx, who: Who, agent_id: str, label: str) -> Block:
    found = next((block for block in of_agent(tx, who, agent_id) if block.label == label), None)
    if found is None:
        raise NotFound(f"Agent {agent_id} holds no block labelled {label!r}.")
    return found


def held_for_edit(tx: Tx, who: Who, agent_id: str, label: str, isolated: Sequence[str] = ()) -> Block | None:
    """The block of this label, locked until the transaction ends: the value read is the one replaced.

    A conversation's isolated blocks take the place of the agent's.
    """
    sent = {"org": who.organization_id, "agent": agent_id, "label": label, "isolated": list(isolated)}
    row = _FOR_EDIT.row(tx, sent)
    return None if row is None else rows.load(row)


def attach(tx: Tx, who: Who, agent_id: str, blocks: Sequence[Block]) -> None:
    """Give an agent further blocks; labels are unique within an agent."""
    held = of_agent(tx, who, agent_id)
    new = [block for block in blocks if block.id not in {b.id for b in held}]
    refuse_same_labels([*held, *new])
    last = sa.select(sa.func.max(link.position)).where(*_link(who, agent_id))
    link_to(tx, who, agent_id, new, first=tx.execute(last).scalar_one() + 1 if held else 0)


def link_to(tx: Tx, who: Who, agent_id: str, blocks: Sequence[Block], first: int = 0) -> None:
    if blocks:
        links = [
            {"organization_id": who.organization_id, "agent_id": agent_id, "block_id": block.id, "position": position}
            for position, block in enumerate(blocks, first)
        ]
        _LINK.run_many(tx, links)


def detach(tx: Tx, who: Who, agent_id: str, block_id: str, cause: Cause | None = None) -> None:
    """Take a block from an agent; with a cause, the block's history says so."""
    gone = tx.execute(agents_blocks.delete().where(*_link(who, agent_id), link.block_id == block_id))
    if gone.rowcount == 0:
        raise NotFound(f"Agent {agent_id} does not hold block {block_id}.")
    if cause is not None:
        block = history.held(tx, who, block_id)
        same = history.effective(tx, who, block, block.version)
        detached = dataclasses.replace(cause, action="detach", back_to=same, agent_id=agent_id)
        history.change(tx, who, block_id, {}, detached)


def replace(tx: Tx, who: Who, agent_id: str, block_ids: Sequence[str]) -> None:
    """Make exactly these blocks the agent's."""
    blocks = rows.each(tx, who, block_ids)
    refuse_same_labels(blocks)
    unlink_agent(tx, who, agent_id)
    link_to(tx, who, agent_id, blocks)


def unlink_agent(tx: Tx, who: Who, agent_id: str) -> None:
    tx.execute(agents_blocks.delete().where(*_link(who, agent_id)))


def refuse_same_labels(blocks: Sequence[NewBlock]) -> None:
    seen = set[str]()
    for block in blocks:
        if block.label in seen:
            raise Conflict(f"An agent can hold one block labelled {block.label!r} only; rename or detach the other.")
        seen.add(block.label or "")


def agent_ids(tx: Tx, who: Who, block_id: str) -> sa.ScalarSelect[Any]:
    """The ids of the agents that hold a block, as a subquery; an unknown block is an error."""
    rows.get(tx, who, block_id)
    return (
        sa.select(link.agent_id)
        .where(link.organization_id == who.organization_id, link.block_id == block_id)
        .scalar_subquery()
    )


def _link(who: Who, agent_id: str) -> tuple[Where, Where]:
    return link.organization_id == who.organization_id, link.agent_id == agent_id


def _held_by(who: Who, agent_id: str) -> Where:
    return rows.c.id.in_(sa.select(link.block_id).where(*_link(who, agent_id)))


def _refuse_taken_label(tx: Tx, who: Who, id: str, label: str | None) -> None:
    if not label:
        raise BadRequest("A block's label cannot be empty.")
    mine = sa.select(link.agent_id).where(link.organization_id == who.organization_id, link.block_id == id)
    clash = (
        sa.select(rows.c.id)
        .join(agents_blocks, sa.and_(link.organization_id == rows.c.organization_id, link.block_id == rows.c.id))
        .where(
            rows.c.organization_id == who.organization_id,
            link.agent_id.in_(mine),
            rows.c.label == label,
            rows.c.id != id,
        )
    )
    if tx.execute(clash.limit(1)).first() is not None:
        raise Conflict(f"An agent that holds this block has another one labelled {label!r} already.")


def _where(tx: Tx, who: Who, wanted: BlockFilter) -> list[Where]:
    where: list[Where] = []
    label = wanted.label or wanted.name
    if label:
        where.append(rows.c.label == label)
    for column, text in (
        (rows.c.label, wanted.label_search),
        (rows.c.description, wanted.description_search),
        (rows.c.value, wanted.value_search),
    ):
        if text:
            where.append(sa.func.lower(column).contains(text.lower(), autoescape=True))
    if wanted.tags:
        match = contains_all if wanted.match_all_tags else contains_any
        where.append(match(tx, rows.c.tags, wanted.tags))
    if wanted.templates_only:
        where.append(rows.c.is_template.is_(True))
    if wanted.project_id:
        where.append(rows.c.project_id == wanted.project_id)
    if wanted.identity_id or wanted.identifier_keys:
        where.append(rows.c.id.in_(identities.linked_blocks(who, wanted.identity_id, wanted.identifier_keys)))
    return where + _count_where(who, wanted)


def _count_where(who: Who, wanted: BlockFilter) -> list[Where]:
    holders = (
        sa.select(sa.func.count())
        .select_from(agents_blocks)
        .where(link.organization_id == who.organization_id, link.block_id == rows.c.id)
        .scalar_subquery()
    )
    where: list[Where] = []
    if wanted.connected_to_agents_count_gt is not None:
        where.append(holders > wanted.connected_to_agents_count_gt)
    if wanted.connected_to_agents_count_lt is not None:
        where.append(holders < wanted.connected_to_agents_count_lt)
    if wanted.connected_to_agents_count_eq:
        where.append(holders.in_(wanted.connected_to_agents_count_eq))
    return where
