"""A thread: an ordered list of messages. Every agent has its own, every conversation is a further one.

What the model sees of a thread is derived: the compiled prompt, the summary of what compaction left behind, and the
messages from the window's start on. History is never rewritten; compaction only moves the start.
"""

from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field

from holdfast.auth.model import Who
from holdfast.kit.entity import Entity, Shape
from holdfast.store.table import Rows, Tx, take_sequence


class Ancestor(Shape):
    """A thread whose messages, up to a sequence, are also this thread's."""

    thread_id: str
    until: int
    prompt_id: str
    """Its own compiled prompt, which is not shared."""


class Thread(Entity):
    """An agent's own thread has the agent's id; a conversation's has its own."""

    agent_id: str
    ancestors: list[Ancestor] = Field(default_factory=list[Ancestor])
    prompt_id: str
    """The message that holds the compiled system prompt."""
    prompt_digest: str = ""
    """What the prompt was compiled from; another digest means it must be compiled anew."""
    window_start: int = 0
    summary_id: str | None = None
    """The message that stands for everything before the window's start."""
    window_ids: list[str] | None = None
    """An explicit choice of messages (PATCH, import), followed by everything from the window's start on."""
    isolated_block_ids: list[str] = Field(default_factory=list[str])
    summary: str | None = None
    description: str | None = None
    model: str | None = None
    model_settings: dict[str, Any] | None = None
    context_window_limit: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None
    hidden: bool = False
    archived_at: datetime | None = None
    deleted_at: datetime | None = None
    last_message_at: datetime | None = None
    last_run_completion: datetime | None = None
    external_key: str | None = None
    lease_owner: str | None = None
    lease_run_id: str | None = None
    fence: int = 0
    """Counts the owners of the lease, so that a late commit of an earlier one is refused."""

    @property
    def is_own(self) -> bool:
        return self.id == self.agent_id


rows = Rows(
    "threads",
    Thread,
    sa.Index("threads_by_agent", "organization_id", "agent_id", "created_at"),
    sa.Index("threads_by_key", "organization_id", "agent_id", "external_key", unique=True),
    noun="conversation",
)


def get(tx: Tx, who: Who, id: str) -> Thread:
    """A thread that was not deleted."""
    thread = rows.get(tx, who, id)
    if thread.deleted_at is not None:
        raise rows.missing(id)
    return thread


def of_agent_by_id(tx: Tx, who: Who, agent_id: str, id: str) -> Thread:
    """A thread of one agent: a conversation's id, or `default` or the agent's id for its own."""
    thread = get(tx, who, agent_id if id == "default" else id)
    if thread.agent_id != agent_id:
        raise rows.missing(id)
    return thread


def of_agent(tx: Tx, who: Who, agent_id: str) -> list[Thread]:
    return rows.all(tx, who, rows.c.agent_id == agent_id)


def empty_window(tx: Tx, who: Who, id: str) -> Thread:
    """Put nothing but the prompt before the model; the history stays."""
    window = {"window_start": take_sequence(tx, "messages", 1), "window_ids": None, "summary_id": None}
    return rows.update(tx, who, id, window)


def delete_of_agent(tx: Tx, who: Who, agent_id: str) -> None:
    tx.execute(rows.table.delete().where(rows.c.organization_id == who.organization_id, rows.c.agent_id == agent_id))
