"""HTTP of identities as far as they are linked: to agents, and to blocks where a body names both."""

from typing import Annotated

from fastapi import Response

from holdfast.agents import load, store, wire
from holdfast.agents.asked import Relations
from holdfast.agents.load import Loaded
from holdfast.agents.state import AgentState
from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.identities import store as identities
from holdfast.identities.model import CreateIdentity, Identity
from holdfast.kit.entity import Patch
from holdfast.kit.ids import AgentId, IdentityId
from holdfast.kit.page import WHOLE, Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm.asked import Llms
from holdfast.store.table import Tx

router = Router("identities")


@router.post("/identities/", Identity, deprecated=True)
async def create_identity(who: Caller, db: Db, new: CreateIdentity) -> Response:
    """Create an identity; its key is unique within a project."""
    return reply(await db.write(_create, who, new))


@router.put("/identities/", Identity, deprecated=True)
async def upsert_identity(who: Caller, db: Db, new: CreateIdentity) -> Response:
    """Create the identity of this key, or bring it up to date."""
    return reply(await db.write(_upsert, who, new))


@router.patch("/identities/{identity_id}", Identity, deprecated=True)
async def update_identity(identity_id: IdentityId, who: Caller, db: Db, changes: Patch[CreateIdentity]) -> Response:
    """Change an identity; lists replace what was there, null leaves a field as it is."""
    return reply(await db.write(_change, who, identity_id, changes))


@router.patch("/agents/{agent_id}/identities/attach/{identity_id}", None)
async def attach_identity(agent_id: AgentId, identity_id: IdentityId, who: Caller, db: Db) -> Response:
    """Say whom an agent is for."""
    return reply(await db.write(_attach, who, agent_id, identity_id))


@router.patch("/agents/{agent_id}/identities/detach/{identity_id}", None)
async def detach_identity(agent_id: AgentId, identity_id: IdentityId, who: Caller, db: Db) -> Response:
    """Undo that."""
    return reply(await db.write(_detach, who, agent_id, identity_id))


@router.get("/identities/{identity_id}/agents", list[AgentState], deprecated=True)
async def list_agents_of_identity(
    identity_id: IdentityId,
    who: Caller,
    db: Db,
    models: Llms,
    relations: Relations,
    page: Annotated[Page, page_of("desc", WHOLE)],
) -> Response:
    """The agents that are for an identity."""
    return reply(wire.states(await db.read(_agents, who, identity_id, page, relations), models))


def _agents(tx: Tx, who: Who, identity_id: str, page: Page, relations: frozenset[str]) -> list[Loaded]:
    identities.get(tx, who, identity_id)
    return load.page(tx, who, page, store.Filter(identity_id=identity_id), relations)


def _create(tx: Tx, who: Who, new: CreateIdentity) -> Identity:
    _refuse_unknown(tx, who, new.agent_ids, new.block_ids)
    return identities.create(tx, who, new)


def _upsert(tx: Tx, who: Who, new: CreateIdentity) -> Identity:
    _refuse_unknown(tx, who, new.agent_ids, new.block_ids)
    return identities.upsert(tx, who, new)


def _change(tx: Tx, who: Who, identity_id: str, changes: Patch[CreateIdentity]) -> Identity:
    _refuse_unknown(tx, who, changes.values.get("agent_ids"), changes.values.get("block_ids"))
    return identities.change(tx, who, identity_id, changes.values)


def _refuse_unknown(tx: Tx, who: Who, agent_ids: list[str] | None, block_ids: list[str] | None) -> None:
    store.rows.each(tx, who, agent_ids or ())
    blocks.rows.each(tx, who, block_ids or ())


def _attach(tx: Tx, who: Who, agent_id: str, identity_id: str) -> None:
    store.get(tx, who, agent_id)
    identities.link_agent(tx, who, agent_id, [identity_id])


def _detach(tx: Tx, who: Who, agent_id: str, identity_id: str) -> None:
    store.get(tx, who, agent_id)
    identities.unlink_agent(tx, who, agent_id, identity_id)
