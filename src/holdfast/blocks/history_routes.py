"""HTTP of the history of blocks."""

from typing import Annotated

from fastapi import Body, Response

from holdfast.auth.caller import Caller, Db
from holdfast.blocks import store
from holdfast.blocks.model import Block
from holdfast.blocks.store import history
from holdfast.history.asked import Changes, VersionInPath, Versions
from holdfast.history.model import Change, Difference, Restore, Undo
from holdfast.kit.ids import BlockId
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router

router = Router("blocks")


@router.get("/blocks/{block_id}/versions", list[Change])
async def list_block_versions(block_id: BlockId, who: Caller, db: Db, page: Changes) -> Response:
    """The changes of a block, newest first; cursors are versions."""
    return reply(await db.read(history.page, who, block_id, page))


@router.get("/blocks/{block_id}/versions/{version}", Change)
async def retrieve_block_version(block_id: BlockId, version: VersionInPath, who: Caller, db: Db) -> Response:
    """The change that made a version of a block."""
    return reply(await db.read(history.get, who, block_id, version))


@router.get("/blocks/{block_id}/diff", Difference)
async def compare_block_versions(block_id: BlockId, who: Caller, db: Db, versions: Versions) -> Response:
    """How two versions of a block differ; by default, what the last change did."""
    return reply(await db.read(history.difference, who, block_id, versions.first, versions.last))


@router.post("/blocks/{block_id}/restore", Block)
async def restore_block(block_id: BlockId, body: Restore, who: Caller, db: Db) -> Response:
    """Put back a version of a block; it becomes the newest one."""
    return reply(await db.write(store.restore, who, block_id, body.version, body.reason))


@router.post("/blocks/{block_id}/undo", Block)
async def undo_block(block_id: BlockId, who: Caller, db: Db, body: Annotated[Undo | None, Body()] = None) -> Response:
    """Undo the last change of a block; undoing again goes further back."""
    return reply(await db.write(store.undo, who, block_id, body.reason if body else None))
