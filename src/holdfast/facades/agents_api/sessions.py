"""Sessions: conversations that a client knows by its own names, kept, expired, exported and taken over."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from holdfast.agents import store as agents
from holdfast.agents.model import Agent
from holdfast.auth.model import Who
from holdfast.conversations import store as conversations
from holdfast.errors import BadRequest, NotFound
from holdfast.facades.agents_api import client_tools
from holdfast.facades.agents_api.asked import ImportedCall, ImportedMessage, ImportedSession
from holdfast.facades.agents_api.items import Item, content_text, items
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.kit.page import MOST, Page
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.messages.model import Message, Part, TextPart, ToolCallPart, ToolReturnPart
from holdfast.messages.requests import parts_of
from holdfast.messages.threads import Thread
from holdfast.messages.wire import View, expand_all
from holdfast.store.table import Tx

OWN = "default"
"""The name of the session that is the agent's own thread."""

SHOWN = View(summaries=True)
FORMAT = "holdfast.session/1"


def found(tx: Tx, who: Who, agent: Agent, key: str) -> Thread:
    """A session that there is."""
    thread = threads.get(tx, who, agent.id) if key == OWN else conversations.find_keyed(tx, who, agent.id, key)
    if thread is None:
        raise NotFound(
            f"Agent {agent.id} has no session {key[:100]!r}. GET /api/agents/{agent.id}/sessions lists them; "
            "the first message with a new session_id opens one."
        )
    return thread


def opened(tx: Tx, who: Who, agent: Agent, key: str | None, idle_hours: float | None) -> Thread:
    """The session of this name: opened when there is none, and anew when it was idle for too long."""
    if key is None or key == OWN:
        return threads.get(tx, who, agent.id)
    there = conversations.find_keyed(tx, who, agent.id, key)
    if there is not None and is_over(there, client_tools.idle_hours(agent) or idle_hours):
        conversations.drop_key(tx, who, there.id)
        there = None
    return there or conversations.keyed(tx, who, agent, key)


def is_over(thread: Thread, idle_hours: float | None) -> bool:
    """Was nothing said in it for so long that it does not go on?"""
    if idle_hours is None or thread.lease_run_id is not None:
        return False
    return (thread.last_message_at or thread.created_at) + timedelta(hours=idle_hours) < now()


def listed(tx: Tx, who: Who, agent_id: str) -> list[Item]:
    agent = agents.get(tx, who, agent_id)
    return [shown(thread) for thread in conversations.with_keys(tx, who, agent.id, MOST)]


def shown(thread: Thread) -> Item:
    key = thread.external_key or OWN
    return {
        "id": key,
        "session_id": key,
        "thread_id": key,
        "conversation_id": thread.id,
        "agent_id": thread.agent_id,
        "summary": thread.summary,
        "created_at": thread.created_at,
        "last_message_at": thread.last_message_at,
    }


def read(tx: Tx, who: Who, agent_id: str, key: str, limit: int) -> Item:
    """A session with its newest messages, in order."""
    thread = found(tx, who, agents.get(tx, who, agent_id), key)
    return {**shown(thread), "messages": _newest(tx, who, thread, limit)}


def exported(tx: Tx, who: Who, agent_id: str, key: str) -> Item:
    """A session with everything that another agent needs to go on with it."""
    agent = agents.get(tx, who, agent_id)
    thread = found(tx, who, agent, key)
    said = list[Message]()
    page = Page(MOST, "asc")
    while some := messages.page(tx, who, page, messages.in_thread(thread)):
        said += some
        page = Page(MOST, "asc", after=some[-1].id)
    kept = [item for item in items(expand_all(said, SHOWN)) if item["role"] != "reasoning"]
    about = {"format": FORMAT, "agent": {"id": agent.id, "name": agent.name}, "exported_at": now()}
    return {**about, **shown(thread), "messages": kept}


def imported(tx: Tx, who: Who, agent_id: str, sent: ImportedSession) -> Item:
    """Go on with a session that another agent had; one of the same name gives its name away."""
    agent = agents.get(tx, who, agent_id)
    key = sent.session_id or new_id("session")
    if key == OWN:
        raise BadRequest("The session `default` is the agent's own thread; import under another session_id.")
    there = conversations.find_keyed(tx, who, agent.id, key)
    if there is not None:
        conversations.drop_key(tx, who, there.id)
    thread = conversations.keyed(tx, who, agent, key, summary=sent.summary)
    where = {"organization_id": who.organization_id, "created_by_id": who.user_id}
    where |= {"agent_id": agent.id, "thread_id": thread.id}
    made = [stored for message in sent.messages if (stored := _stored(message, where)) is not None]
    messages.append(tx, made)
    return {**shown(thread), "imported": len(made)}


def emptied(tx: Tx, who: Who, agent_id: str, key: str) -> Item:
    """Begin a session anew; what was said stays as a conversation without its name."""
    agent = agents.get(tx, who, agent_id)
    thread = found(tx, who, agent, key)
    conversations.drop_key(tx, who, thread.id)
    return shown(conversations.keyed(tx, who, agent, key))


def deleted(tx: Tx, who: Who, agent_id: str, key: str) -> None:
    conversations.delete(tx, who, found(tx, who, agents.get(tx, who, agent_id), key).id)


def _newest(tx: Tx, who: Who, thread: Thread, limit: int) -> list[Item]:
    page = messages.page(tx, who, Page(limit, "desc"), messages.in_thread(thread))
    return items(expand_all(reversed(page), SHOWN))


def _stored(sent: ImportedMessage, where: Mapping[str, Any]) -> Message | None:
    """A message as it is kept; None for one that says nothing."""
    content: list[Part] = []
    if sent.role == "tool":
        text = content_text([part.model_dump() for part in parts] if (parts := _parts(sent)) else "")
        content.append(
            ToolReturnPart(call_id=sent.tool_call_id or "", name=sent.name or "", output=text, status=sent.status)
        )
    else:
        content += _parts(sent)
        content += [_call(call) for call in sent.tool_calls if sent.role == "assistant"]
    if not content:
        return None
    moment = sent.created_at.astimezone(UTC) if sent.created_at else now()
    return Message(**where, id=new_id("message"), role=sent.role, content=content, created_at=_past(moment))


def _past(moment: datetime) -> datetime:
    return min(moment, now())


def _parts(sent: ImportedMessage) -> list[Part]:
    has_some = sent.content if isinstance(sent.content, str) else any(sent.content or ())
    parts = parts_of(sent.content) if sent.content and has_some else []
    return [part for part in parts if not isinstance(part, TextPart) or part.text]


def _call(call: ImportedCall) -> ToolCallPart:
    text = call.arguments if isinstance(call.arguments, str) else orjson.dumps(call.arguments).decode()
    return ToolCallPart(id=call.id, name=call.name, arguments=text)
