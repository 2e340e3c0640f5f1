"""HTTP of sending, streaming, cancelling and resetting."""

from typing import Annotated, Any

from fastapi import Body, Query, Request, Response

from holdfast.agents import store as agents
from holdfast.agents import wire as agents_wire
from holdfast.agents.state import AgentState
from holdfast.auth.caller import Caller, Db, Modern
from holdfast.conversations import store as conversations
from holdfast.conversations.model import Whose
from holdfast.conversations.routes import ConversationId, OfAgent
from holdfast.errors import Invalid
from holdfast.kit.entity import Shape, Sparse
from holdfast.kit.ids import AgentId
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm.asked import Llms
from holdfast.llm.settings import CompactionSettings
from holdfast.turns import reset, send
from holdfast.turns.begin import Asked
from holdfast.turns.cancel import cancel_of_agent, cancel_of_thread
from holdfast.turns.requests import SendConversationMessage, SendMessage
from holdfast.turns.send import Running, Turns
from holdfast.turns.shapes import LettaResponse, StreamedEvent

router = Router("messages")


class CancelRequest(Shape):
    run_ids: list[str] | None = None


class ResetRequest(Sparse):
    add_default_initial_messages: bool = False


class RecompileRequest(Whose):
    compaction_settings: CompactionSettings | None = None


@router.post("/agents/{agent_id}/messages", LettaResponse, streams=StreamedEvent)
async def send_message(
    agent_id: AgentId, body: SendMessage, who: Caller, runner: Turns, modern: Modern, request: Request
) -> Response:
    if body.streaming and not modern:
        raise Invalid(
            "This endpoint streams for 1.x clients only (header X-Stainless-Package-Version); others use "
            f"POST /v1/agents/{agent_id}/messages/stream."
        )
    send.refuse_stream_options(body)
    return await send.to_agent(runner, who, agent_id, body, request)


@router.post("/agents/{agent_id}/messages/stream", StreamedEvent, streams=StreamedEvent, deprecated=True)
async def stream_message(
    agent_id: AgentId, body: SendMessage, who: Caller, runner: Turns, request: Request
) -> Response:
    return await send.to_agent(runner, who, agent_id, body.model_copy(update={"streaming": True}), request)


@router.post("/agents/{agent_id}/messages/preview-raw-payload", dict[str, Any])
async def preview_request(
    agent_id: AgentId, body: SendMessage, who: Caller, db: Db, models: Llms, runner: Running
) -> Response:
    asked = Asked(who, body, lambda tx: agents.with_own_thread(tx, who, agent_id), "preview")
    return reply(await reset.next_request(db, asked, models, runner.worker))


@router.post("/agents/{agent_id}/messages/cancel", dict[str, str])
async def cancel_runs(
    agent_id: AgentId,
    who: Caller,
    db: Db,
    runner: Running,
    body: Annotated[CancelRequest | None, Body()] = None,
) -> Response:
    return reply(await cancel_of_agent(runner, db, who, agent_id, body.run_ids if body else None))


@router.patch("/agents/{agent_id}/reset-messages", AgentState | None)
async def reset_messages(
    agent_id: AgentId, who: Caller, db: Db, models: Llms, body: Annotated[ResetRequest | None, Body()] = None
) -> Response:
    with_first = body is not None and body.add_default_initial_messages
    return reply(agents_wire.state(await db.write(reset.reset, who, agent_id, with_first=with_first), models))


@router.post("/conversations/{conversation_id}/messages", LettaResponse, streams=StreamedEvent, tag="conversations")
async def send_to_conversation(
    conversation_id: ConversationId,
    body: SendConversationMessage,
    who: Caller,
    runner: Turns,
    request: Request,
    agent_id: OfAgent = None,
) -> Response:
    return await send.to_conversation(runner, who, conversation_id, body.of_agent(agent_id), request)


@router.post("/conversations/{conversation_id}/messages/preview-raw-payload", dict[str, Any], tag="conversations")
async def preview_conversation_request(
    conversation_id: ConversationId,
    body: SendConversationMessage,
    who: Caller,
    db: Db,
    models: Llms,
    runner: Running,
    agent_id: OfAgent = None,
) -> Response:
    owner = body.agent_id or agent_id
    asked = Asked(who, body, lambda tx: conversations.with_agent(tx, who, conversation_id, owner), "preview")
    return reply(await reset.next_request(db, asked, models, runner.worker))


@router.post("/conversations/{conversation_id}/cancel", dict[str, str], tag="conversations")
async def cancel_conversation(
    conversation_id: ConversationId,
    who: Caller,
    db: Db,
    runner: Running,
    agent_id: OfAgent = None,
    body: Annotated[Whose | None, Body()] = None,
) -> Response:
    owner = (body and body.agent_id) or agent_id
    return reply(await cancel_of_thread(runner, db, who, conversation_id, owner))


@router.post("/conversations/{conversation_id}/recompile", str, tag="conversations")
async def recompile_conversation(
    conversation_id: ConversationId,
    who: Caller,
    db: Db,
    dry_run: Annotated[bool, Query()] = False,
    body: Annotated[RecompileRequest | None, Body()] = None,
    agent_id: OfAgent = None,
) -> Response:
    owner = (body and body.agent_id) or agent_id
    return reply(await db.write(reset.recompile_conversation, who, conversation_id, owner, dry_run=dry_run))
