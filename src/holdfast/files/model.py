"""A folder: files whose text agents can open and search. V1 calls it a source as well."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from holdfast.kit.entity import Entity, Hidden, Shape
from holdfast.llm.settings import EmbeddingConfig

Name = Annotated[str, Field(min_length=1, max_length=500)]
Status = Literal["pending", "parsing", "embedding", "completed", "error"]
AT_WORK: Sequence[Status] = ("pending", "parsing", "embedding")
"""A file is still being loaded."""
Duplicates = Literal["skip", "error", "suffix", "replace"]
"""What an upload does when the folder has a file of that name."""


class ChangeFolder(Shape):
    """What can be changed of a folder."""

    name: Name
    description: str | None = None
    instructions: str | None = None
    metadata: dict[str, Any] | None = None
    embedding_config: EmbeddingConfig | None = None


class NewFolder(ChangeFolder):
    """What a client may set."""

    embedding: str | None = None
    embedding_chunk_size: Annotated[int | None, Field(ge=1, le=1_000_000)] = None


class FolderFilter(Shape):
    """What a list of folders can be narrowed to; the name is that of the query."""

    name: str | None = None


class Folder(Entity):
    """The domain object and the row; V1's JSON is `wire.folder`."""

    name: str
    description: str | None = None
    instructions: str | None = None
    metadata: dict[str, Any] | None = None
    embedding: str | None = None
    """The handle of the embedding model; None follows the server's default."""
    embedding_config: dict[str, Any] | None = None
    """Fields of V1's embedding_config that were chosen for this folder."""
    revision: int = 0
    """Counts the changes of its files, so that whatever was made from them can be told to be old."""


class File(Entity):
    """The domain object and the row; V1's JSON is `wire.file`. Its text is the chunks, its bytes are in `contents`."""

    folder_id: str
    name: str
    """What it is called in its folder, once only."""
    original_name: str
    media_type: str
    size: int
    kind: Annotated[str, Hidden]
    """What reads it: a name in `kinds.KINDS`."""
    status: Status = "parsing"
    error_message: str | None = None
    total_chunks: int | None = None
    chunks_embedded: int | None = None
    is_settled: Annotated[bool, Hidden] = False
    """Nothing more is to be done for it."""
    tries: Annotated[int, Hidden] = 0
    """How often somebody has begun to read it."""
    owner: Annotated[str | None, Hidden] = None
    leased_until: Annotated[datetime | None, Hidden] = None
    moved_at: Annotated[datetime, Hidden]
    """When it last got on."""
    was_cancelled: Annotated[bool, Hidden] = False
    """Somebody has stopped its load."""
    is_job_gone: Annotated[bool, Hidden] = False
    """Its load was taken off the list of jobs."""


class Chunk(Entity):
    """A piece of a file's text that can be found; V1 shows it as a passage."""

    folder_id: str
    file_id: str
    position: int
    start_line: int
    """The first of its lines, counted from 1."""
    text: str
    indexed: Annotated[bool, Hidden] = False
    """Has the search seen it?"""


class AttachedFile(Entity):
    """A file of a folder that an agent has, and what the agent sees of it."""

    agent_id: str
    folder_id: str
    file_id: str
    is_open: bool = False
    last_accessed_at: datetime | None = None
    first_line: int = 0
    """Where the view begins, counted from 0."""
    line_count: int | None = None
    """How many lines it shows; None for as many as the agent's view holds."""


class FolderStats(Shape):
    """How much an organization keeps in a folder."""

    file_count: int = 0
    total_size: int = 0
