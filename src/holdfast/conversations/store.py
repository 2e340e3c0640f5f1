"""Conversations are threads: found, opened, listed, changed and deleted here; forks are in `fork.py`."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from holdfast.agents import store as agents
from holdfast.agents.model import Agent
from holdfast.agents.threads import open_thread
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.blocks.model import Block
from holdfast.conversations.model import Changeable, ConversationFilter, NewConversation
from holdfast.conversations.wire import Conversation, conversation
from holdfast.errors import BadRequest, Invalid
from holdfast.kit.clock import now
from holdfast.kit.page import Page
from holdfast.llm.models import Models
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.messages.filter import MessageFilter
from holdfast.messages.model import Message
from holdfast.messages.threads import Thread
from holdfast.store.prepared import savepoint
from holdfast.store.table import Tx, Where

c = threads.rows.c

LONGEST_KEY = 500
"""So many characters has the key at most by which a program outside knows a conversation."""

SORTS = {
    "created_at": c.created_at,
    "last_run_completion": c.last_run_completion,
    "last_message_at": c.last_message_at,
}


def resolve(tx: Tx, who: Who, conversation_id: str, agent_id: str | None = None) -> Thread:
    """The thread that a path names: a conversation, `default` with an agent, or (deprecated) the agent's id."""
    if conversation_id != "default":
        return threads.get(tx, who, conversation_id)
    if agent_id is None:
        raise BadRequest("The conversation `default` is an agent's own thread; say whose with agent_id=agent-….")
    return threads.get(tx, who, agents.get(tx, who, agent_id).id)


def with_agent(tx: Tx, who: Who, conversation_id: str, agent_id: str | None = None) -> tuple[Thread, Agent]:
    """The thread that a path names, and whose it is."""
    thread = resolve(tx, who, conversation_id, agent_id)
    return thread, agents.get(tx, who, thread.agent_id)


def create(tx: Tx, who: Who, agent_id: str, new: NewConversation, models: Models) -> Conversation:
    """Open a further thread of an agent; isolated blocks are copied for it alone."""
    agent = agents.get(tx, who, agent_id)
    held = {block.label: block for block in blocks.of_agent(tx, who, agent_id)}
    isolated = list[Block]()
    for label in dict.fromkeys(new.isolated_block_labels or ()):
        if label not in held:
            raise BadRequest(f"Agent {agent_id} holds no block labelled {label!r}, so it cannot be isolated.")
        isolated.append(held[label])
    thread = open_thread(
        tx,
        who,
        agent,
        **_columns({name: getattr(new, name) for name in Changeable.model_fields}, models),
        hidden=bool(new.hidden),
        isolated_block_ids=copies(tx, who, isolated),
    )
    return shown(tx, who, [thread])[0]


def find_keyed(tx: Tx, who: Who, agent_id: str, key: str) -> Thread | None:
    """The agent's conversation with this key, if it was opened."""
    return threads.rows.first(tx, who, c.agent_id == agent_id, c.external_key == key)


def keyed(tx: Tx, who: Who, agent: Agent, key: str, **fields: Any) -> Thread:
    """The agent's conversation with this key, opened when there is none; `fields` are those of a new `Thread`."""
    if not key or len(key) > LONGEST_KEY or "\0" in key:
        raise Invalid(f"A conversation's key has 1 to {LONGEST_KEY} characters and no NUL; this one has {len(key)}.")
    there = find_keyed(tx, who, agent.id, key)
    if there is not None:
        return there
    try:
        with savepoint(tx):
            return open_thread(tx, who, agent, **fields, external_key=key)
    except exc.IntegrityError:  # another request opened it between our look and our insert
        there = find_keyed(tx, who, agent.id, key)
        if there is None:
            raise
        return there


def with_keys(tx: Tx, who: Who, agent_id: str, limit: int) -> list[Thread]:
    """The agent's conversations that have a key, the one used last first."""
    newest = sa.func.coalesce(c.last_message_at, c.created_at).desc()
    mine = c.agent_id == agent_id, c.external_key.is_not(None), c.deleted_at.is_(None)
    return threads.rows.all(tx, who, *mine, order=[newest, c.id], limit=limit)


def drop_key(tx: Tx, who: Who, id: str) -> None:
    """Let a new conversation have the key; the old one stays, without it."""
    threads.rows.update(tx, who, id, {"external_key": None})


def _columns(chosen: Mapping[str, Any], models: Models) -> dict[str, Any]:
    """What was chosen as columns: of settings what was said, so that the agent's apply to the rest."""
    columns = dict(chosen)
    if named := columns.get("model"):
        columns["model"] = models.chosen(named)
    if columns.get("model_settings") is not None:
        columns["model_settings"] = columns["model_settings"].model_dump(exclude_unset=True, exclude_none=True)
    return columns


def copies(tx: Tx, who: Who, originals: Sequence[Block]) -> list[str]:
    """The ids of new blocks with the same contents, in the same order."""
    return [blocks.create(tx, who, original).id for original in originals]


def shown(tx: Tx, who: Who, found: Sequence[Thread]) -> list[Conversation]:
    windows = messages.window_ids(tx, who, (thread.id for thread in found))
    return [conversation(thread, windows[thread.id].ids) for thread in found]


def get(tx: Tx, who: Who, conversation_id: str, agent_id: str | None = None) -> Conversation:
    return shown(tx, who, [resolve(tx, who, conversation_id, agent_id)])[0]


def page(tx: Tx, who: Who, page: Page, wanted: ConversationFilter) -> list[Conversation]:
    """Conversations that are neither hidden nor deleted; an agent's own thread is none."""
    sort = SORTS.get(page.order_by)
    if sort is None:
        raise BadRequest(f"Conversations cannot be sorted by {page.order_by!r}; use one of {', '.join(SORTS)}.")
    return shown(tx, who, threads.rows.page(tx, who, page, *_where(wanted), sort=sort))


def _where(wanted: ConversationFilter) -> list[Where]:
    where: list[Where] = [c.id != c.agent_id, c.deleted_at.is_(None), c.hidden.is_(False)]
    if wanted.agent_id is not None:
        where.append(c.agent_id == wanted.agent_id)
    if wanted.summary_search:
        where.append(sa.func.lower(c.summary).contains(wanted.summary_search.lower(), autoescape=True))
    if wanted.archive_status != "all":
        where.append(c.archived_at.is_(None) if wanted.archive_status == "unarchived" else c.archived_at.is_not(None))
    return where


def change(
    tx: Tx, who: Who, conversation_id: str, agent_id: str | None, values: Mapping[str, Any], models: Models
) -> Conversation:
    thread = resolve(tx, who, conversation_id, agent_id)
    changed = _columns(values, models)
    archived = changed.pop("archived", None)
    if archived is not None and archived != (thread.archived_at is not None):
        changed["archived_at"] = now() if archived else None
    if changed:
        thread = threads.rows.update(tx, who, thread.id, changed)
    return shown(tx, who, [thread])[0]


def delete(tx: Tx, who: Who, conversation_id: str) -> None:
    """Hide a conversation for good; its own copies of blocks go, its messages stay until they are forgotten."""
    thread = threads.get(tx, who, conversation_id)
    if thread.is_own:
        raise BadRequest(
            "An agent's own thread cannot be deleted: delete the agent, or empty the thread with "
            f"PATCH /v1/agents/{thread.agent_id}/reset-messages."
        )
    for block_id in blocks.rows.many(tx, who, thread.isolated_block_ids):
        blocks.delete(tx, who, block_id)
    gone = {"deleted_at": now(), "external_key": None, "isolated_block_ids": list[str]()}
    threads.rows.update(tx, who, thread.id, gone)


def page_of_messages(
    tx: Tx, who: Who, conversation_id: str, agent_id: str | None, page: Page, wanted: MessageFilter
) -> list[Message]:
    """The messages of a conversation, those that it shares with the one it was forked from included."""
    thread = resolve(tx, who, conversation_id, agent_id)
    where = messages.in_thread(thread), *messages.matching(wanted)
    return messages.page(tx, who, page, *where, lenient=True)
