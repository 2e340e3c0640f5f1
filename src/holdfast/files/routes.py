"""HTTP of folders and their files. What agents have of them is in `agents/folder_routes.py` and `file_routes.py`."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import File as Part
from fastapi import Path, Query, Response, UploadFile

from holdfast.archives.wire import PassageJson
from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.files import chunks, folders, store, wire
from holdfast.files.asked import Nudge
from holdfast.files.kinds import kind_of, media_type_of
from holdfast.files.model import ChangeFolder, Chunk, Duplicates, File, Folder, FolderFilter, NewFolder
from holdfast.files.names import LONGEST, named
from holdfast.files.received import Received
from holdfast.files.wire import FileMetadata, OrganizationSourcesStats, Source
from holdfast.kit.entity import Patch
from holdfast.kit.ids import FileId, FolderId
from holdfast.kit.page import WHOLE, Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.kit.text import clean
from holdfast.llm import chosen
from holdfast.llm.asked import Llms
from holdfast.store.table import Tx

router = Router("folders")

Wanted = Annotated[FolderFilter, Query()]
WithContent = Annotated[bool, Query(description="Show the whole text too.")]


@router.get("/folders/", list[Source])
async def list_folders(
    who: Caller, db: Db, models: Llms, wanted: Wanted, page: Annotated[Page, page_of("asc", WHOLE)]
) -> Response:
    """The folders, or the one of a name."""
    return reply([wire.folder(found, models) for found in await db.read(folders.page, who, page, wanted)])


@router.post("/folders/", Source)
async def create_folder(who: Caller, db: Db, models: Llms, new: NewFolder) -> Response:
    """Create a folder; its name is its own in the organization."""
    return reply(wire.folder(await db.write(folders.create, who, new, _embedding(models, new)), models))


@router.get("/folders/count", int)
async def count_folders(who: Caller, db: Db) -> Response:
    """How many folders there are."""
    return reply(await db.read(folders.count, who))


@router.get("/folders/metadata", OrganizationSourcesStats)
async def measure_folders(
    who: Caller,
    db: Db,
    include_detailed_per_source_metadata: Annotated[bool, Query(description="List the files of each folder.")] = False,
) -> Response:
    """How many folders and files there are, and how large the files are."""
    return reply(wire.stats(*await db.read(_stats, who, include_detailed_per_source_metadata)))


@router.get("/folders/name/{folder_name}", str, deprecated=True)
async def find_folder(
    who: Caller, db: Db, folder_name: Annotated[str, Path(description="The name of a folder.")]
) -> Response:
    """The id of the folder of a name."""
    return reply((await db.read(folders.named, who, folder_name)).id)


@router.get("/folders/{folder_id}", Source)
async def retrieve_folder(folder_id: FolderId, who: Caller, db: Db, models: Llms) -> Response:
    """One folder."""
    return reply(wire.folder(await db.read(folders.get, who, folder_id), models))


@router.patch("/folders/{folder_id}", Source)
async def update_folder(
    folder_id: FolderId, changes: Patch[ChangeFolder], who: Caller, db: Db, models: Llms
) -> Response:
    """Change the fields that are sent; null leaves a field as it is. Another model embeds the files anew."""
    values = {**changes.values}
    config = values.pop("embedding_config", None)
    if config is not None:
        values |= chosen.embedding(models, None, config)
    default = models.embedding_card(None).handle
    return reply(wire.folder(await db.write(folders.change, who, folder_id, values, default), models))


@router.get("/folders/{folder_id}/files", list[FileMetadata])
async def list_files(
    folder_id: FolderId,
    who: Caller,
    db: Db,
    page: Annotated[Page, page_of("desc", WHOLE)],
    include_content: WithContent = False,
    check_status_updates: Annotated[bool, Query(deprecated=True, description="Without effect.")] = True,
) -> Response:
    """The files of a folder, and how far each is."""
    return reply([wire.file(*each) for each in await db.read(_page, who, folder_id, page, include_content)])


@router.get("/folders/{folder_id}/files/{file_id}", FileMetadata)
async def retrieve_file(
    folder_id: FolderId, file_id: FileId, who: Caller, db: Db, include_content: WithContent = False
) -> Response:
    """A file of a folder: how far it is, and what is wrong with it."""
    return reply(wire.file(*await db.read(_file, who, folder_id, file_id, include_content)))


@router.get("/folders/{folder_id}/passages", list[PassageJson])
async def list_passages_of_folder(
    folder_id: FolderId, who: Caller, db: Db, models: Llms, page: Annotated[Page, page_of("desc", 100)]
) -> Response:
    """The pieces of a folder's files that search finds."""
    folder, found, names = await db.read(_chunks, who, folder_id, page)
    config = wire.folder(folder, models)["embedding_config"]
    return reply([wire.chunk(each, names.get(each.file_id), config) for each in found])


@router.post("/folders/{folder_id}/upload", FileMetadata)
async def upload_file(
    folder_id: FolderId,
    who: Caller,
    db: Db,
    nudge: Nudge,
    file: Annotated[UploadFile, Part(description="The file, as multipart/form-data.")],
    duplicate_handling: Annotated[
        Duplicates, Query(description="When the folder has a file of this name: what becomes of which.")
    ] = "suffix",
    name: Annotated[str | None, Query(description="What to call it, instead of as it is called.")] = None,
) -> Response:
    """Put a file into a folder. It is answered at once; `processing_status` says when its text can be found."""
    made, is_new = await db.write(store.receive, who, folder_id, await _received(file, name), duplicate_handling)
    if is_new:
        nudge()
    return reply(wire.file(made), headers={"X-Upload-Result": "created" if is_new else "skipped"})


@router.delete("/folders/{folder_id}/{file_id}", None, status=204)
async def delete_file(folder_id: FolderId, file_id: FileId, who: Caller, db: Db) -> Response:
    """Delete a file with its text, for good; agents that have the folder lose it."""
    await db.write(store.delete, who, folder_id, file_id)
    return Response(status_code=204)


async def _received(file: UploadFile, name: str | None) -> Received:
    sent_as = clean(file.filename or "")
    called = named(clean(name) if name else sent_as)
    body = await file.read()
    media_type = media_type_of(called, clean(file.content_type or ""))
    return Received(called, sent_as[:LONGEST], media_type, kind_of(called, media_type, body), body)


def _embedding(models: Llms, new: NewFolder) -> dict[str, Any]:
    """The columns of the embedding model that was chosen, if one was."""
    values = chosen.embedding(models, new.embedding, new.embedding_config)
    if new.embedding_chunk_size is not None:
        values["embedding_config"] = {
            **values.get("embedding_config", {}),
            "embedding_chunk_size": new.embedding_chunk_size,
        }
    return values


def _stats(tx: Tx, who: Who, detailed: bool) -> tuple[list[Folder], Any, dict[str, list[File]]]:
    found = folders.rows.all(tx, who, order=[folders.rows.c.name])
    files: dict[str, list[File]] = {}
    for file in store.of_folders(tx, who, [folder.id for folder in found]) if detailed else ():
        files.setdefault(file.folder_id, []).append(file)
    return found, store.stats(tx, who), files


def _page(tx: Tx, who: Who, folder_id: str, page: Page, with_content: bool) -> list[tuple[File, str | None]]:
    found = store.page(tx, who, folder_id, page)
    return [(each, chunks.text(tx, who, each.id) if with_content else None) for each in found]


def _file(tx: Tx, who: Who, folder_id: str, file_id: str, with_content: bool) -> tuple[File, str | None]:
    found = store.get(tx, who, folder_id, file_id)
    return found, chunks.text(tx, who, file_id) if with_content else None


def _chunks(tx: Tx, who: Who, folder_id: str, page: Page) -> tuple[Folder, Sequence[Chunk], dict[str, str]]:
    folder = folders.get(tx, who, folder_id)
    found = chunks.page(tx, who, folder_id, page)
    named_files = store.rows.many(tx, who, {each.file_id for each in found})
    return folder, found, {id: file.name for id, file in named_files.items()}
