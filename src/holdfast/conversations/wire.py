"""A thread as V1's Conversation (CONTRACT §19)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from typing_extensions import TypedDict

from holdfast.llm.settings import ModelSettings
from holdfast.messages.threads import Thread


class Conversation(TypedDict):
    id: str
    agent_id: str
    created_by_id: str | None
    last_updated_by_id: str | None
    created_at: datetime | None
    updated_at: datetime | None
    summary: str | None
    description: str | None
    in_context_message_ids: list[str]
    isolated_block_ids: list[str]
    model: str | None
    model_settings: ModelSettings | dict[str, Any] | None
    context_window_limit: int | None
    last_message_at: datetime | None
    archived: bool
    archived_at: datetime | None


def conversation(thread: Thread, in_context: Sequence[str]) -> Conversation:
    return {
        "id": thread.id,
        "agent_id": thread.agent_id,
        "created_by_id": thread.created_by_id,
        "last_updated_by_id": thread.last_updated_by_id,
        "created_at": thread.created_at,
        "updated_at": thread.updated_at,
        "summary": thread.summary,
        "description": thread.description,
        "in_context_message_ids": list(in_context),
        "isolated_block_ids": thread.isolated_block_ids,
        "model": thread.model,
        "model_settings": thread.model_settings,
        "context_window_limit": thread.context_window_limit,
        "last_message_at": thread.last_message_at,
        "archived": thread.archived_at is not None,
        "archived_at": thread.archived_at,
    }
