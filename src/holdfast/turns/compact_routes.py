"""HTTP of compaction on request (CONTRACT §3.1, §12)."""

from typing import Annotated

from fastapi import Body, Response

from holdfast.agents import store as agents
from holdfast.auth.caller import Caller, Db
from holdfast.conversations import store as conversations
from holdfast.conversations.model import Whose
from holdfast.conversations.routes import ConversationId, OfAgent
from holdfast.kit.entity import Shape
from holdfast.kit.ids import AgentId
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm.asked import Llms
from holdfast.llm.settings import CompactionSettings
from holdfast.turns.begin import Asked
from holdfast.turns.send import Turns
from holdfast.turns.shapes import CompactionResponse
from holdfast.turns.shorten import NO_INPUT, Wish, shorten

router = Router("messages")


class SummarizeRequest(Shape):
    compaction_settings: CompactionSettings | None = None


class CompactRequest(SummarizeRequest, Whose):
    pass


@router.post("/agents/{agent_id}/summarize", CompactionResponse)
async def summarize_messages(
    agent_id: AgentId,
    who: Caller,
    db: Db,
    models: Llms,
    runner: Turns,
    body: Annotated[SummarizeRequest | None, Body()] = None,
) -> Response:
    """Put a summary in the place of older messages of an agent's own thread."""
    asked = Asked(who, NO_INPUT, lambda tx: agents.with_own_thread(tx, who, agent_id), "compact", queues=False)
    return reply(await shorten(db, models, runner.worker, Wish(asked, body and body.compaction_settings)))


@router.post("/conversations/{conversation_id}/compact", CompactionResponse, tag="conversations")
async def compact_conversation(
    conversation_id: ConversationId,
    who: Caller,
    db: Db,
    models: Llms,
    runner: Turns,
    body: Annotated[CompactRequest | None, Body()] = None,
    agent_id: OfAgent = None,
) -> Response:
    """Put a summary in the place of older messages of a conversation."""
    owner = (body and body.agent_id) or agent_id
    asked = Asked(
        who, NO_INPUT, lambda tx: conversations.with_agent(tx, who, conversation_id, owner), "compact", queues=False
    )
    wish = Wish(asked, body and body.compaction_settings, may_be_empty=False)
    return reply(await shorten(db, models, runner.worker, wish))
