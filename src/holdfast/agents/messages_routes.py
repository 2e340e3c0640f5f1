"""HTTP of an agent's stored messages; sending is in `turns/`."""

from typing import Annotated

from fastapi import Query, Response

from holdfast.agents import store
from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.errors import NotAllowed
from holdfast.kit.ids import AgentId, MessageId
from holdfast.kit.page import Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.messages.filter import MessageFilter
from holdfast.messages.model import Message
from holdfast.messages.shapes import LettaMessage
from holdfast.messages.wire import expand_all
from holdfast.store.table import Tx

router = Router("agents")

Conversation = Annotated[
    str | None,
    Query(description="`default` for the agent's own thread, or a conversation's id; unset for all threads."),
]


@router.get("/agents/{agent_id}/messages", list[LettaMessage])
async def list_agent_messages(
    agent_id: AgentId,
    who: Caller,
    db: Db,
    wanted: Annotated[MessageFilter, Query()],
    page: Annotated[Page, page_of("desc", 100)],
    conversation_id: Conversation = None,
) -> Response:
    """The messages of an agent; `after` means newer and `before` older, whatever the order."""
    found = await db.read(_page, who, agent_id, conversation_id, page, wanted)
    return reply(expand_all(found, wanted.view))


@router.patch("/agents/{agent_id}/messages/{message_id}", LettaMessage, deprecated=True)
async def modify_message(agent_id: AgentId, message_id: MessageId) -> Response:
    """Always refused: history is never rewritten."""
    raise NotAllowed(
        f"Message {message_id} cannot be edited: history is never rewritten. "
        "Send a new message, or fork the conversation before it."
    )


def _page(
    tx: Tx, who: Who, agent_id: str, conversation_id: str | None, page: Page, wanted: MessageFilter
) -> list[Message]:
    store.get(tx, who, agent_id)
    if conversation_id is None:
        where = messages.of_agent(agent_id)
    else:
        where = messages.in_thread(threads.of_agent_by_id(tx, who, agent_id, conversation_id))
    return messages.page(tx, who, page, where, *messages.matching(wanted))
