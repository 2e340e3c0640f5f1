"""An archive: passages that agents look up when they need them, without any limit."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from holdfast.history.model import Reason, Replaced, Tracked
from holdfast.kit.clock import Moment
from holdfast.kit.entity import Entity, Hidden, Shape, Sparse
from holdfast.llm.settings import EmbeddingConfig

Name = Annotated[str, Field(min_length=1, max_length=500)]


class ArchiveBasics(Shape):
    """What an archive says of itself."""

    name: Name
    description: str | None = None
    link_duplicates: bool = True
    """Whether agents that store what is there already are told so, instead of storing it twice."""


class NewArchive(ArchiveBasics):
    """What a client may set; all of it can be changed later."""

    embedding: str | None = None
    embedding_config: EmbeddingConfig | None = None


class Archive(ArchiveBasics, Entity):
    """The domain object and the row; V1's JSON is `wire.archive`."""

    metadata: dict[str, Any] | None = None
    embedding: str | None = None
    """The handle of the embedding model; None follows the server's default."""
    embedding_config: dict[str, Any] | None = None
    """Fields of V1's embedding_config that were chosen for this archive."""
    last_position: int = 0
    """The position of the passage stored last."""
    passage_count: int = 0
    """How many passages its list shows."""
    revision: int = 0
    """Counts the changes of its passages, so that whatever was made from them can be told to be old."""


class ArchiveFilter(Shape):
    """What a list of archives can be narrowed to; the names are those of the query."""

    agent_id: str | None = None
    name: str | None = None


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("the text of a passage is empty; send what is to be remembered")
    return text


def _distinct(tags: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(tag for tag in tags if tag))


Text = Annotated[str, AfterValidator(_said)]
Tags = Annotated[list[str], BeforeValidator(lambda tags: [] if tags is None else tags), AfterValidator(_distinct)]
Facts = Annotated[dict[str, Any], BeforeValidator(lambda facts: {} if facts is None else facts)]


class ChangePassage(Shape):
    """What can be changed of a passage."""

    text: Text
    tags: Tags = Field(default_factory=list[str])
    metadata: Facts = Field(default_factory=dict[str, Any])


class NewPassage(ChangePassage):
    """What a client may set."""

    created_at: Moment | None = None


Linked = Annotated[bool, Field(description="Answer with the passage that says the same already, if there is one.")]


class StorePassage(NewPassage, Sparse):
    """The body of an insert."""

    link_duplicates: Linked = False


class EditPassage(ChangePassage):
    """The fields of a change, and why it is made."""

    reason: Reason = None


class SupersedePassage(Shape):
    """What is true instead of a passage from now on; without tags it has those of the passage."""

    text: Text
    tags: Tags | None = None
    reason: Reason = None


class NewPassages(Sparse):
    """The body of a batch: all of them are stored, or none."""

    passages: list[NewPassage]
    link_duplicates: Linked = False

    @classmethod
    def of(cls, one: StorePassage) -> "NewPassages":
        return cls(passages=[one], link_duplicates=one.link_duplicates)

    @property
    def texts(self) -> list[str]:
        return [each.text for each in self.passages]


class Passage(ChangePassage, Tracked):
    """The domain object and the row; V1's JSON is `wire.passage`. True from `created_at` to `superseded_at`."""

    archive_id: str
    is_deleted: bool = False
    superseded_by: str | None = None
    superseded_at: datetime | None = None
    stored_at: Annotated[datetime, Hidden]
    """When it really was stored; `created_at` is what the client says."""
    position: Annotated[int, Hidden] = 0
    """Where it stands in its archive, in the order of storing."""
    indexed: Annotated[bool, Hidden] = False
    """Has the search seen it as it is now?"""

    @property
    def made_at(self) -> datetime:
        return self.stored_at

    @property
    def is_shown(self) -> bool:
        return not self.is_deleted and self.superseded_at is None


class PassageVersion(Replaced):
    """A state that a passage had until someone replaced it."""

    passage_id: str
    archive_id: str
    text: str
    tags: list[str]
    metadata: dict[str, Any]
    is_deleted: bool
    superseded_by: str | None = None
    superseded_at: datetime | None = None
