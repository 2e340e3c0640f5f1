"""HTTP of the organization's messages. Those of an agent, a conversation, a run or a step have their own paths."""

from typing import Annotated

from fastapi import Query, Response

from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.kit.ids import MessageId
from holdfast.kit.page import Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.messages import store, threads
from holdfast.messages.filter import MessageFilter
from holdfast.messages.model import Message
from holdfast.messages.shapes import LettaMessage, MessageType
from holdfast.messages.wire import expand, expand_all
from holdfast.store.table import Tx

router = Router("messages")

Types = Annotated[list[MessageType] | None, Query(description="Only messages of these types.")]
Conversation = Annotated[str | None, Query(description="Only messages of this conversation.")]


@router.get("/messages/", list[LettaMessage])
async def list_all_messages(
    who: Caller,
    db: Db,
    page: Annotated[Page, page_of("desc", 100)],
    include_return_message_types: Types = None,
    conversation_id: Conversation = None,
) -> Response:
    """The messages of all agents; `after` means newer and `before` older, whatever the order."""
    wanted = MessageFilter(include_return_message_types=include_return_message_types)
    found = await db.read(_page, who, page, wanted, conversation_id)
    return reply(expand_all(found, wanted.view))


@router.get("/messages/{message_id}", list[LettaMessage])
async def retrieve_message(message_id: MessageId, who: Caller, db: Db) -> Response:
    """One stored message, which can be several: reasoning, text and tool calls share its id."""
    return reply(expand(await db.read(store.get, who, message_id)))


def _page(tx: Tx, who: Who, page: Page, wanted: MessageFilter, conversation_id: str | None) -> list[Message]:
    where = store.matching(wanted)
    if conversation_id == "default":
        where.append(store.in_own_threads())
    elif conversation_id is not None:
        where.append(store.in_thread(threads.get(tx, who, conversation_id)))
    return store.page(tx, who, page, *where)
