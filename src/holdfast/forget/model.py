"""What is to be forgotten, and the job that does it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from holdfast.errors import BadRequest
from holdfast.kit.entity import Entity, Hidden, Shape

Kind = Literal["agent", "conversation", "message", "passage", "block", "archive", "folder", "file", "identity"]
Status = Literal["erasing", "rewriting", "done"]
"""erasing: rows are being removed; rewriting: they are gone, and the database's files still have to be written anew."""

KINDS: tuple[Kind, ...] = (
    *("agent", "conversation", "message", "passage", "block"),
    *("archive", "folder", "file", "identity"),
)


class WhatToForget(Shape):
    """The body: the id of one thing, in the field that says what it is."""

    agent_id: str | None = None
    conversation_id: str | None = Field(
        default=None, description="A conversation, or an agent's id for the agent's own thread."
    )
    message_id: str | None = None
    passage_id: str | None = None
    block_id: str | None = None
    archive_id: str | None = None
    folder_id: str | None = None
    file_id: str | None = None
    identity_id: str | None = None
    shared: bool = Field(default=False, description="Forget also what others use, instead of reporting it.")

    @property
    def target(self) -> tuple[Kind, str]:
        named: list[tuple[Kind, str]] = [(kind, id) for kind in KINDS if (id := getattr(self, f"{kind}_id"))]
        if len(named) != 1:
            fields = ", ".join(f"{kind}_id" for kind in KINDS)
            raise BadRequest(f"Name exactly one thing to forget, not {len(named)}: one of {fields}.")
        return named[0]


class KeptThing(Shape):
    """Something that stays because others use it too."""

    id: str
    why: str


class Scope(Shape):
    """The ids of all that goes, by kind, and of what lives on without a part of itself."""

    agents: list[str] = Field(default_factory=list[str])
    threads: list[str] = Field(default_factory=list[str])
    messages: list[str] = Field(default_factory=list[str])
    archives: list[str] = Field(default_factory=list[str])
    passages: list[str] = Field(default_factory=list[str])
    folders: list[str] = Field(default_factory=list[str])
    files: list[str] = Field(default_factory=list[str])
    blocks: list[str] = Field(default_factory=list[str])
    identities: list[str] = Field(default_factory=list[str])
    runs: list[str] = Field(default_factory=list[str])
    """Runs that stay, but whose events tell of something that goes."""
    touched: list[str] = Field(default_factory=list[str])
    """Threads, agents, archives and folders that live on; whatever is in memory of them is read again."""

    @property
    def things(self) -> dict[str, list[str]]:
        """What goes, by kind, without the kinds of which there is nothing."""
        own = ("agents", "threads", "messages", "archives", "passages", "blocks", "folders", "files", "identities")
        return {name: ids for name in own if (ids := getattr(self, name))}


class Forgetting(Entity):
    """One job: what it was asked for, how far it is, and what it came to."""

    kind: Kind
    target: str
    shared: bool = False
    key_id: str | None = None
    status: Status = "erasing"
    scope: Annotated[Scope, Hidden] = Field(default_factory=Scope)
    erased: dict[str, int] = Field(default_factory=dict[str, int])
    """How many rows are gone, by table."""
    kept: list[KeptThing] = Field(default_factory=list[KeptThing])
    erased_at: datetime | None = None
    done_at: datetime | None = None
    problem: str | None = None
    """Why it does not go on, if it does not; it is tried again."""
    audit_id: Annotated[str, Hidden] = ""


class Preview(Shape):
    """What would be forgotten."""

    kind: Kind
    target: str
    forgets: dict[str, list[str]]
    kept: list[KeptThing]
