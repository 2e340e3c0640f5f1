"""An archive and a passage in V1's JSON."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from typing_extensions import TypedDict

from holdfast.archives.model import Archive, Passage
from holdfast.llm import wire as llm
from holdfast.llm.models import Models
from holdfast.llm.wire import EmbeddingConfigWire


class ArchiveJson(TypedDict):
    id: str
    name: str
    description: str | None
    vector_db_provider: str
    embedding: str | None
    embedding_config: EmbeddingConfigWire | None
    link_duplicates: bool
    metadata: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime | None
    created_by_id: str | None
    last_updated_by_id: str | None


class PassageJson(TypedDict):
    id: str
    text: str
    archive_id: str | None
    source_id: str | None
    file_id: str | None
    file_name: str | None
    tags: list[str]
    metadata: dict[str, Any]
    embedding: list[float] | None
    embedding_config: EmbeddingConfigWire | None
    is_deleted: bool
    superseded_by: str | None
    superseded_at: datetime | None
    created_at: datetime
    updated_at: datetime | None
    created_by_id: str | None
    last_updated_by_id: str | None


def archive(found: Archive, models: Models) -> ArchiveJson:
    card = models.stored_embedding_card(found.embedding) if found.embedding else None
    return {
        "id": found.id,
        "name": found.name,
        "description": found.description,
        "vector_db_provider": "native",
        "embedding": card.handle if card else None,
        "embedding_config": llm.embedding_config(card, found.embedding_config) if card else None,
        "link_duplicates": found.link_duplicates,
        "metadata": found.metadata,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "created_by_id": found.created_by_id,
        "last_updated_by_id": found.last_updated_by_id,
    }


def passages(found: Iterable[Passage], where: Archive | None, models: Models) -> list[PassageJson]:
    """Passages of one archive."""
    config = archive(where, models)["embedding_config"] if where else None
    return [_passage(each, config) for each in found]


def found_passages(found: Sequence[tuple[Passage, Archive]], models: Models) -> list[PassageJson]:
    """Passages of several archives, each with its own."""
    holders = {where.id: where for _, where in found}
    configs = {id: archive(where, models)["embedding_config"] for id, where in holders.items()}
    return [_passage(each, configs[where.id]) for each, where in found]


def passage(found: Passage, where: Archive, models: Models) -> PassageJson:
    return passages([found], where, models)[0]


def _passage(found: Passage, config: EmbeddingConfigWire | None) -> PassageJson:
    return {
        "id": found.id,
        "text": found.text,
        "archive_id": found.archive_id,
        "source_id": None,
        "file_id": None,
        "file_name": None,
        "tags": found.tags,
        "metadata": found.metadata,
        "embedding": None,
        "embedding_config": config,
        "is_deleted": found.is_deleted,
        "superseded_by": found.superseded_by,
        "superseded_at": found.superseded_at,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "created_by_id": found.created_by_id,
        "last_updated_by_id": found.last_updated_by_id,
    }
