"""HTTP of single passages by their ids: their history, and what is true instead of them."""

from typing import Annotated

from fastapi import Body, Response

from holdfast.archives import passages, store, wire
from holdfast.archives.model import Archive, Passage, SupersedePassage
from holdfast.archives.passages import history
from holdfast.archives.wire import PassageJson
from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.history.asked import Changes, VersionInPath, Versions
from holdfast.history.model import Cause, Change, Difference, Restore, Undo
from holdfast.kit.ids import PassageId
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm.asked import Llms
from holdfast.store.table import Tx

router = Router("passages")


@router.get("/passages/{passage_id}/versions", list[Change])
async def list_passage_versions(passage_id: PassageId, who: Caller, db: Db, page: Changes) -> Response:
    """The changes of a passage, a deleted one too, newest first; cursors are versions."""
    return reply(await db.read(history.page, who, passage_id, page))


@router.get("/passages/{passage_id}/versions/{version}", Change)
async def retrieve_passage_version(passage_id: PassageId, version: VersionInPath, who: Caller, db: Db) -> Response:
    """The change that made a version of a passage."""
    return reply(await db.read(history.get, who, passage_id, version))


@router.get("/passages/{passage_id}/diff", Difference)
async def compare_passage_versions(passage_id: PassageId, who: Caller, db: Db, versions: Versions) -> Response:
    """How two versions of a passage differ; by default, what the last change did."""
    return reply(await db.read(history.difference, who, passage_id, versions.first, versions.last))


@router.post("/passages/{passage_id}/restore", PassageJson)
async def restore_passage(passage_id: PassageId, body: Restore, who: Caller, db: Db, models: Llms) -> Response:
    """Put back a version of a passage; it becomes the newest one. A deleted passage is there again."""

    def restore(tx: Tx) -> tuple[Archive, Passage]:
        return _with_archive(tx, who, passages.restore(tx, who, passage_id, body.version, body.reason))

    archive, passage = await db.write(restore)
    return reply(wire.passage(passage, archive, models))


@router.post("/passages/{passage_id}/undo", PassageJson)
async def undo_passage(
    passage_id: PassageId, who: Caller, db: Db, models: Llms, body: Annotated[Undo | None, Body()] = None
) -> Response:
    """Undo the last change of a passage; undoing again goes further back."""

    def undo(tx: Tx) -> tuple[Archive, Passage]:
        return _with_archive(tx, who, passages.undo(tx, who, passage_id, body.reason if body else None))

    archive, passage = await db.write(undo)
    return reply(wire.passage(passage, archive, models))


@router.post("/passages/{passage_id}/supersede", PassageJson)
async def supersede_passage(
    passage_id: PassageId, body: SupersedePassage, who: Caller, db: Db, models: Llms
) -> Response:
    """Store what is true instead of a passage from now on; the answer is the new one."""

    def supersede(tx: Tx) -> tuple[Archive, Passage]:
        cause = Cause(reason=body.reason)
        return _with_archive(tx, who, passages.supersede(tx, who, passage_id, body.text, body.tags, cause))

    archive, passage = await db.write(supersede)
    return reply(wire.passage(passage, archive, models))


def _with_archive(tx: Tx, who: Who, passage: Passage) -> tuple[Archive, Passage]:
    return store.get(tx, who, passage.archive_id), passage
