"""A folder, a file and a piece of one in V1's JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from typing_extensions import TypedDict

from holdfast.archives.wire import PassageJson
from holdfast.files.model import Chunk, File, Folder, FolderStats, Status
from holdfast.llm import wire as llm
from holdfast.llm.models import Models
from holdfast.llm.wire import EmbeddingConfigWire


class Source(TypedDict):
    """A folder; `source` is its name of the generation before."""

    id: str
    name: str
    description: str | None
    instructions: str | None
    metadata: dict[str, Any] | None
    embedding_config: EmbeddingConfigWire
    vector_db_provider: Literal["native", "tpuf", "pinecone"]
    created_by_id: str | None
    last_updated_by_id: str | None
    created_at: datetime | None
    updated_at: datetime | None


class FileMetadata(TypedDict):
    id: str
    source_id: str
    file_name: str | None
    original_file_name: str | None
    file_path: str | None
    file_type: str | None
    file_size: int | None
    file_creation_date: str | None
    file_last_modified_date: str | None
    processing_status: Status
    error_message: str | None
    total_chunks: int | None
    chunks_embedded: int | None
    content: str | None
    created_at: datetime | None
    updated_at: datetime | None


class FileStats(TypedDict):
    file_id: str
    file_name: str
    file_size: int | None


class SourceStats(TypedDict):
    source_id: str
    source_name: str
    file_count: int
    total_size: int
    files: list[FileStats]


class OrganizationSourcesStats(TypedDict):
    total_sources: int
    total_files: int
    total_size: int
    sources: list[SourceStats]


def folder(found: Folder, models: Models) -> Source:
    card = models.stored_embedding_card(found.embedding) if found.embedding else models.embedding_card(None)
    return {
        "id": found.id,
        "name": found.name,
        "description": found.description,
        "instructions": found.instructions,
        "metadata": found.metadata,
        "embedding_config": llm.embedding_config(card, found.embedding_config),
        "vector_db_provider": "native",
        "created_by_id": found.created_by_id,
        "last_updated_by_id": found.last_updated_by_id,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
    }


def file(found: File, content: str | None = None) -> FileMetadata:
    return {
        "id": found.id,
        "source_id": found.folder_id,
        "file_name": found.name,
        "original_file_name": found.original_name,
        "file_path": None,
        "file_type": found.media_type,
        "file_size": found.size,
        "file_creation_date": None,
        "file_last_modified_date": None,
        "processing_status": found.status,
        "error_message": found.error_message,
        "total_chunks": found.total_chunks,
        "chunks_embedded": found.chunks_embedded,
        "content": content,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
    }


def chunk(found: Chunk, file_name: str | None, config: EmbeddingConfigWire) -> PassageJson:
    return {
        "id": found.id,
        "text": found.text,
        "archive_id": None,
        "source_id": found.folder_id,
        "file_id": found.file_id,
        "file_name": file_name,
        "tags": [],
        "metadata": {"position": found.position, "start_line": found.start_line},
        "embedding": None,
        "embedding_config": config,
        "is_deleted": False,
        "superseded_by": None,
        "superseded_at": None,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "created_by_id": found.created_by_id,
        "last_updated_by_id": found.last_updated_by_id,
    }


def stats(
    folders: list[Folder], counted: Mapping[str, FolderStats], files: Mapping[str, list[File]]
) -> OrganizationSourcesStats:
    """How much an organization keeps; each folder by itself where its files are given."""
    return {
        "total_sources": len(folders),
        "total_files": sum(each.file_count for each in counted.values()),
        "total_size": sum(each.total_size for each in counted.values()),
        "sources": [_stats(each, counted.get(each.id, FolderStats()), files.get(each.id, ())) for each in folders],
    }


def _stats(found: Folder, counted: FolderStats, files: "list[File] | tuple[()]") -> SourceStats:
    return {
        "source_id": found.id,
        "source_name": found.name,
        "file_count": counted.file_count,
        "total_size": counted.total_size,
        "files": [{"file_id": each.id, "file_name": each.name, "file_size": each.size} for each in files],
    }
