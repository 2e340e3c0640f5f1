"""HTTP of blocks. What an agent's own paths say about its blocks is in `agents/memory_routes.py`."""

from typing import Annotated

from fastapi import Body, Query, Response

from holdfast.auth.caller import Caller, Db
from holdfast.blocks import store
from holdfast.blocks.model import Block, BlockFilter, CreateBlock, NewBlock
from holdfast.kit.entity import Patch
from holdfast.kit.ids import BlockId, IdentityId
from holdfast.kit.page import WHOLE, Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router

router = Router("blocks")

Wanted = Annotated[BlockFilter, Query()]
Changes = Annotated[Patch[NewBlock], Body()]


@router.get("/blocks/", list[Block])
async def list_blocks(who: Caller, db: Db, wanted: Wanted, page: Annotated[Page, page_of("asc", WHOLE)]) -> Response:
    """The blocks that match every filter sent."""
    return reply(await db.read(store.page, who, page, wanted))


@router.post("/blocks/", Block)
async def create_block(who: Caller, db: Db, new: CreateBlock) -> Response:
    """Create a block; agents get it by attaching it."""
    return reply(await db.write(store.create, who, new))


@router.get("/blocks/count", int)
async def count_blocks(who: Caller, db: Db, wanted: Wanted) -> Response:
    """How many blocks match every filter sent."""
    return reply(await db.read(store.count, who, wanted))


@router.get("/blocks/{block_id}", Block)
async def retrieve_block(block_id: BlockId, who: Caller, db: Db) -> Response:
    """One block."""
    return reply(await db.read(store.get, who, block_id))


@router.patch("/blocks/{block_id}", Block)
async def update_block(block_id: BlockId, who: Caller, db: Db, changes: Changes) -> Response:
    """Change the fields that are sent, for every agent that holds the block; null leaves a field as it is."""
    return reply(await db.write(store.change, who, block_id, changes.values))


@router.delete("/blocks/{block_id}", None)
async def delete_block(block_id: BlockId, who: Caller, db: Db) -> Response:
    """Delete a block with its history; agents that hold it lose it."""
    return reply(await db.write(store.delete, who, block_id))


@router.patch("/blocks/{block_id}/identities/attach/{identity_id}", Block)
async def attach_identity_to_block(block_id: BlockId, identity_id: IdentityId, who: Caller, db: Db) -> Response:
    """Say that a block is about an identity."""
    return reply(await db.write(store.link_identity, who, block_id, identity_id))


@router.patch("/blocks/{block_id}/identities/detach/{identity_id}", Block)
async def detach_identity_from_block(block_id: BlockId, identity_id: IdentityId, who: Caller, db: Db) -> Response:
    """Undo that."""
    return reply(await db.write(store.unlink_identity, who, block_id, identity_id))


@router.get("/identities/{identity_id}/blocks", list[Block], deprecated=True)
async def list_blocks_of_identity(
    identity_id: IdentityId, who: Caller, db: Db, page: Annotated[Page, page_of("desc", WHOLE)]
) -> Response:
    """The blocks that are about an identity."""
    return reply(await db.read(store.page_of_identity, who, identity_id, page))
