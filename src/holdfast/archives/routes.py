"""HTTP of archives and of the passages in them. An agent's own paths are in `agents/passages_routes.py`."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Query, Response

from holdfast.archives import passages, store, wire
from holdfast.archives.asked import PassageSearch, Searchable, Stored
from holdfast.archives.keep import Beforehand, keep
from holdfast.archives.model import (
    ArchiveFilter,
    NewArchive,
    NewPassages,
    StorePassage,
)
from holdfast.archives.wire import ArchiveJson, PassageJson
from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.kit.entity import Patch
from holdfast.kit.ids import ArchiveId, PassageId
from holdfast.kit.page import WHOLE, Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm import chosen
from holdfast.llm.asked import Llms
from holdfast.store.database import Database
from holdfast.store.table import Tx

router = Router("archives")

Wanted = Annotated[ArchiveFilter, Query()]
FOLLOW = "default"
"""What an archive names as its embedding model to have none of its own."""


@router.get("/archives/", list[ArchiveJson])
async def list_archives(
    who: Caller, db: Db, models: Llms, wanted: Wanted, page: Annotated[Page, page_of("desc", WHOLE)]
) -> Response:
    """The archives that match every filter sent."""
    return reply([wire.archive(found, models) for found in await db.read(store.page, who, page, wanted)])


@router.post("/archives/", ArchiveJson)
async def create_archive(who: Caller, db: Db, models: Llms, new: NewArchive) -> Response:
    """Create an archive; agents get it by attaching it."""
    made = store.made(who, new, chosen.embedding(models, new.embedding, new.embedding_config))
    return reply(wire.archive(await db.write(store.create, made), models))


@router.get("/archives/{archive_id}", ArchiveJson)
async def retrieve_archive(archive_id: ArchiveId, who: Caller, db: Db, models: Llms) -> Response:
    """One archive."""
    return reply(wire.archive(await db.read(store.get, who, archive_id), models))


@router.patch("/archives/{archive_id}", ArchiveJson)
async def update_archive(
    archive_id: ArchiveId, changes: Patch[NewArchive], who: Caller, db: Db, models: Llms
) -> Response:
    """Change what was chosen; null leaves a field as it is.

    Another embedding model embeds all passages anew, in the background; until then the old vectors serve. "default"
    follows the server's default from now on.
    """
    values = {**changes.values}
    handle, config = values.pop("embedding", None), values.pop("embedding_config", None)
    if handle == FOLLOW:
        values |= {"embedding": None, "embedding_config": None}
    else:
        values |= chosen.embedding(models, handle, config)
    default = models.embedding_card(None).handle
    return reply(wire.archive(await db.write(passages.change_archive, who, archive_id, values, default), models))


@router.delete("/archives/{archive_id}", None, status=204)
async def delete_archive(archive_id: ArchiveId, who: Caller, db: Db) -> Response:
    """Delete an archive with its passages and their history, for good; agents that hold it lose it."""
    await db.write(passages.delete_archive, who, archive_id)
    return Response(status_code=204)


@router.post("/archives/{archive_id}/passages", PassageJson)
async def create_passage(
    archive_id: ArchiveId, who: Caller, db: Db, models: Llms, search: Searchable, new: StorePassage
) -> Response:
    """Store a passage."""
    archive, made = await _store(db, who, archive_id, search, NewPassages.of(new))
    return reply(wire.passage(made[0], archive, models))


@router.post("/archives/{archive_id}/passages/batch", list[PassageJson])
async def create_passages(
    archive_id: ArchiveId, who: Caller, db: Db, models: Llms, search: Searchable, new: NewPassages
) -> Response:
    """Store many passages at once: all of them, or none."""
    archive, made = await _store(db, who, archive_id, search, new)
    return reply(wire.passages(made, archive, models))


@router.delete("/archives/{archive_id}/passages/{passage_id}", None, status=204)
async def delete_passage(archive_id: ArchiveId, passage_id: PassageId, who: Caller, db: Db) -> Response:
    """Take a passage out of lists and search; it can be put back with its versions."""
    await db.write(_delete, who, archive_id, passage_id)
    return Response(status_code=204)


async def _store(db: Database, who: Who, archive_id: str, search: PassageSearch, new: NewPassages) -> Stored:
    same: Mapping[str, str] = await search.same(who, archive_id, new.texts) if new.link_duplicates else {}
    return await search.store(new.passages, lambda tx, note: _insert(tx, who, archive_id, new, Beforehand(same, note)))


def _insert(tx: Tx, who: Who, archive_id: str, new: NewPassages, known: Beforehand) -> Stored:
    if new.link_duplicates:
        made = keep(tx, who, archive_id, new.passages, known)
    else:
        made = passages.insert(tx, who, archive_id, new.passages, note=known.note)
    return store.get(tx, who, archive_id), made


def _delete(tx: Tx, who: Who, archive_id: str, passage_id: str) -> None:
    store.get(tx, who, archive_id)
    passages.delete(tx, who, passages.get(tx, who, archive_id, passage_id).id)
