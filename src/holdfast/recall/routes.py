"""HTTP of searching what was said."""

from collections.abc import Sequence
from datetime import UTC
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Response
from pydantic import Field
from typing_extensions import TypedDict

from holdfast.agents import store as agents
from holdfast.auth.caller import Caller
from holdfast.auth.model import Who
from holdfast.conversations import store as conversations
from holdfast.kit.clock import Moment
from holdfast.kit.entity import Sparse
from holdfast.kit.found import Found
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.messages.internal import InternalMessage, internal
from holdfast.messages.model import Message, Role
from holdfast.messages.said import said
from holdfast.messages.shapes import Timestamp
from holdfast.messages.store import SEARCHED, Narrowed
from holdfast.recall.asked import Finding
from holdfast.recall.query import Mode
from holdfast.store.table import Tx

router = Router("messages")


class SearchMessages(Sparse):
    """What to look for in all that was said."""

    query: str
    search_mode: Mode = "hybrid"
    agent_id: str | None = None
    conversation_id: str | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    start_date: Moment | None = None
    end_date: Moment | None = None


class SearchAgentMessages(SearchMessages):
    """The same for the older address, which lists the newest messages when nothing is asked for."""

    query: str | None = None  # pyright: ignore[reportIncompatibleVariableOverride] -- wider on purpose
    roles: list[Role] | None = None
    project_id: str | None = None
    template_id: str | None = None


class SearchedMessage(TypedDict):
    """A message as search shows it, with what its score is the sum of."""

    message_type: Literal["user_message", "assistant_message"]
    content: str
    message_id: str
    agent_id: str
    conversation_id: str | None
    created_at: Timestamp
    score: float
    score_parts: dict[str, float]
    matched_terms: list[str]
    relevance: float


class RankedMessage(TypedDict):
    """A stored message, and where it stands."""

    embedded_text: str
    message: InternalMessage
    fts_rank: int | None
    vector_rank: int | None
    rrf_score: float
    score_parts: dict[str, float]
    matched_terms: list[str]
    relevance: float


@router.post("/messages/search", list[SearchedMessage])
async def search_messages(body: SearchMessages, who: Caller, find: Finding) -> Response:
    """What was said to and by agents, the best fit first: by its words, its meaning, or both."""
    narrowed = partial(_narrowed, who=who, body=body, roles=SEARCHED)
    found = await find.messages_of(who, narrowed, body.query, body.limit, body.search_mode)
    return reply([_shown(each) for each in found])


@router.post("/agents/messages/search", list[RankedMessage])
async def search_agent_messages(body: SearchAgentMessages, who: Caller, find: Finding) -> Response:
    """The same with whole messages; only what users and assistants said is searched."""
    roles = SEARCHED if body.roles is None else [role for role in SEARCHED if role in body.roles]
    narrowed = partial(_narrowed, who=who, body=body, roles=roles)
    found = await find.messages_of(who, narrowed, body.query or "", body.limit, body.search_mode)
    return reply([_ranked(each, found) for each in found])


def _narrowed(tx: Tx, who: Who, body: SearchMessages, roles: Any) -> Narrowed:
    """Which messages may be found; an agent or a conversation that is not there is an error."""
    thread = None
    if body.conversation_id is not None:
        thread = conversations.resolve(tx, who, body.conversation_id, body.agent_id)
    agent_id = thread.agent_id if thread is not None else body.agent_id
    if agent_id is not None:
        agents.get(tx, who, agent_id)
    return Narrowed(agent_id, thread, roles, body.start_date, body.end_date)


def _shown(found: Found[Message]) -> SearchedMessage:
    message = found.item
    return {
        "message_type": "user_message" if message.role == "user" else "assistant_message",
        "content": said(message),
        "message_id": message.id,
        "agent_id": message.agent_id,
        "conversation_id": None if message.thread_id == message.agent_id else message.thread_id,
        "created_at": message.created_at.astimezone(UTC).isoformat(),
        "score": found.score,
        "score_parts": dict(found.parts),
        "matched_terms": list(found.terms),
        "relevance": found.relevance,
    }


def _ranked(found: Found[Message], among: Sequence[Found[Message]]) -> RankedMessage:
    return {
        "embedded_text": said(found.item),
        "message": internal(found.item),
        "fts_rank": _rank(found, among, "text"),
        "vector_rank": _rank(found, among, "meaning"),
        "rrf_score": found.score,
        "score_parts": dict(found.parts),
        "matched_terms": list(found.terms),
        "relevance": found.relevance,
    }


def _rank(found: Found[Message], among: Sequence[Found[Message]], part: str) -> int | None:
    """Where it stands among the found ones by this part of the score alone."""
    if part not in found.parts:
        return None
    return 1 + sum(other.parts.get(part, 0.0) > found.parts[part] for other in among)
