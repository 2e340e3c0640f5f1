"""HTTP of the blocks that an agent holds, and of the agents that hold a block."""

from typing import Annotated

from fastapi import Body, Path, Response

from holdfast.agents import load, store, wire
from holdfast.agents.asked import Relations
from holdfast.agents.load import Loaded
from holdfast.agents.state import AgentState, Memory
from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.blocks.model import Block, NewBlock
from holdfast.errors import NotFound
from holdfast.kit.entity import Patch
from holdfast.kit.ids import AgentId, BlockId
from holdfast.kit.page import WHOLE, Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm.asked import Llms
from holdfast.store.table import Tx

router = Router("blocks")

Label = Annotated[str, Path(description="The label of a block that the agent holds.")]
Changes = Annotated[Patch[NewBlock], Body()]


@router.get("/agents/{agent_id}/core-memory", Memory, deprecated=True)
async def retrieve_agent_memory(agent_id: AgentId, who: Caller, db: Db, models: Llms) -> Response:
    """An agent's blocks, in the form of the generation before."""
    loaded = await db.read(load.one, who, agent_id, {"blocks"})
    return reply(wire.state(loaded, models)["memory"])


@router.get("/agents/{agent_id}/core-memory/blocks", list[Block])
async def list_blocks_of_agent(
    agent_id: AgentId, who: Caller, db: Db, page: Annotated[Page, page_of("desc", WHOLE)]
) -> Response:
    """The blocks that an agent holds."""
    return reply(await db.read(_page, who, agent_id, page))


@router.patch("/agents/{agent_id}/core-memory/blocks/attach/{block_id}", AgentState)
async def attach_block(agent_id: AgentId, block_id: BlockId, who: Caller, db: Db, models: Llms) -> Response:
    """Give an agent a block; the same block can be in many agents, and is one text in all of them."""
    loaded = await db.write(_attach, who, agent_id, block_id)
    return reply(wire.state(loaded, models))


@router.patch("/agents/{agent_id}/core-memory/blocks/detach/{block_id}", AgentState)
async def detach_block(agent_id: AgentId, block_id: BlockId, who: Caller, db: Db, models: Llms) -> Response:
    """Take a block from an agent; the block stays."""
    loaded = await db.write(_detach, who, agent_id, block_id)
    return reply(wire.state(loaded, models))


@router.get("/agents/{agent_id}/core-memory/blocks/{block_label}", Block)
async def retrieve_block_of_agent(agent_id: AgentId, block_label: Label, who: Caller, db: Db) -> Response:
    """The block of an agent that has this label."""
    return reply(await db.read(_labelled, who, agent_id, block_label))


@router.patch("/agents/{agent_id}/core-memory/blocks/{block_label}", Block)
async def update_block_of_agent(
    agent_id: AgentId, block_label: Label, who: Caller, db: Db, changes: Changes
) -> Response:
    """Change the block of an agent that has this label; null leaves a field as it is."""
    return reply(await db.write(_change, who, agent_id, block_label, changes))


@router.get("/blocks/{block_id}/agents", list[AgentState])
async def list_agents_of_block(
    block_id: BlockId,
    who: Caller,
    db: Db,
    models: Llms,
    relations: Relations,
    page: Annotated[Page, page_of("desc", WHOLE)],
) -> Response:
    """The agents that hold a block."""
    return reply(wire.states(await db.read(_holders, who, block_id, page, relations), models))


def _holders(tx: Tx, who: Who, block_id: str, page: Page, relations: frozenset[str]) -> list[Loaded]:
    wanted = store.Filter(ids=blocks.agent_ids(tx, who, block_id))
    return load.page(tx, who, page, wanted, relations)


def _page(tx: Tx, who: Who, agent_id: str, page: Page) -> list[Block]:
    store.get(tx, who, agent_id)
    return blocks.page_of_agent(tx, who, agent_id, page)


def _attach(tx: Tx, who: Who, agent_id: str, block_id: str) -> Loaded:
    agent = store.get(tx, who, agent_id)
    blocks.attach(tx, who, agent_id, [blocks.get(tx, who, block_id)])
    return load.load(tx, who, [agent])[0]


def _detach(tx: Tx, who: Who, agent_id: str, block_id: str) -> Loaded:
    agent = store.get(tx, who, agent_id)
    blocks.detach(tx, who, agent_id, block_id)
    return load.load(tx, who, [agent])[0]


def _labelled(tx: Tx, who: Who, agent_id: str, label: str) -> Block:
    """The block of this label; only when there is none, it matters whether there is such an agent."""
    try:
        return blocks.of_agent_by_label(tx, who, agent_id, label)
    except NotFound:
        store.get(tx, who, agent_id)
        raise


def _change(tx: Tx, who: Who, agent_id: str, label: str, changes: Patch[NewBlock]) -> Block:
    return blocks.change(tx, who, _labelled(tx, who, agent_id, label).id, changes.values)
