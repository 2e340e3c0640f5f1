"""HTTP of conversations; sending to them, compacting and recompiling are in `turns/`."""

from typing import Annotated

from fastapi import Body, Path, Query, Response

from holdfast.auth.caller import Caller, Db
from holdfast.conversations import fork, store
from holdfast.conversations.model import ConversationChanges, ConversationFilter, NewConversation, Whose
from holdfast.conversations.wire import Conversation
from holdfast.kit.entity import Patch
from holdfast.kit.ids import UUID4
from holdfast.kit.page import Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm.asked import Llms
from holdfast.messages.filter import MessageFilter
from holdfast.messages.shapes import LettaMessage
from holdfast.messages.wire import expand_all

router = Router("conversations")

ConversationId = Annotated[
    str,
    Path(
        pattern=rf"^(default|(conv|agent)-{UUID4})$",
        examples=["conv-123e4567-e89b-42d3-8456-426614174000", "default"],
        description="A conversation's id, or `default` with `agent_id` for the agent's own thread.",
    ),
]
OfAgent = Annotated[str | None, Query(description="Whose own thread, when the conversation is `default`.")]


@router.get("/conversations/", list[Conversation])
async def list_conversations(
    who: Caller, db: Db, wanted: Annotated[ConversationFilter, Query()], page: Annotated[Page, page_of("desc", 50)]
) -> Response:
    """The conversations that match every filter sent."""
    return reply(await db.read(store.page, who, page, wanted))


@router.post("/conversations/", Conversation)
async def create_conversation(
    agent_id: Annotated[str, Query(description="The agent to talk with.")],
    who: Caller,
    db: Db,
    models: Llms,
    new: Annotated[NewConversation | None, Body()] = None,
) -> Response:
    """Open a further thread of an agent."""
    return reply(await db.write(store.create, who, agent_id, new or NewConversation(), models))


@router.get("/conversations/{conversation_id}", Conversation)
async def retrieve_conversation(
    conversation_id: ConversationId, who: Caller, db: Db, agent_id: OfAgent = None
) -> Response:
    """One conversation."""
    return reply(await db.read(store.get, who, conversation_id, agent_id))


@router.patch("/conversations/{conversation_id}", Conversation)
async def update_conversation(
    conversation_id: ConversationId,
    who: Caller,
    db: Db,
    models: Llms,
    changes: Annotated[Patch[ConversationChanges], Body()],
    agent_id: OfAgent = None,
) -> Response:
    """Change the fields that are sent; null leaves a field as it is."""
    return reply(await db.write(store.change, who, conversation_id, agent_id, changes.values, models))


@router.delete("/conversations/{conversation_id}", None)
async def delete_conversation(conversation_id: ConversationId, who: Caller, db: Db) -> Response:
    """Delete a conversation and its isolated blocks; its messages stay until they are forgotten."""
    return reply(await db.write(store.delete, who, conversation_id))


@router.post("/conversations/{conversation_id}/fork", Conversation)
async def fork_conversation(
    conversation_id: ConversationId,
    who: Caller,
    db: Db,
    agent_id: OfAgent = None,
    message_id: Annotated[str | None, Query(description="The last message to share; unset for all.")] = None,
    hidden: Annotated[bool, Query(description="Leave the fork out of lists.")] = False,
    body: Annotated[Whose | None, Body()] = None,
) -> Response:
    """Go on from a message in a new conversation; neither sees what is said in the other afterwards."""
    owner = (body and body.agent_id) or agent_id
    return reply(await db.write(fork.fork, who, conversation_id, owner, message_id, hidden))


@router.get("/conversations/{conversation_id}/messages", list[LettaMessage])
async def list_conversation_messages(
    conversation_id: ConversationId,
    who: Caller,
    db: Db,
    wanted: Annotated[MessageFilter, Query()],
    page: Annotated[Page, page_of("desc", 100)],
    agent_id: OfAgent = None,
) -> Response:
    """The messages of a conversation; `after` means newer and `before` older, whatever the order."""
    found = await db.read(store.page_of_messages, who, conversation_id, agent_id, page, wanted)
    return reply(expand_all(found, wanted.view))
