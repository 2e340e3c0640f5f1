"""HTTP of runs that nobody waits for: starting them, and reading their events."""

from typing import Annotated

from fastapi import Body, Request, Response

from holdfast.auth.caller import Caller, Db
from holdfast.conversations.routes import ConversationId, OfAgent
from holdfast.kit.ids import AgentId
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.runs.wire import RunJson, run
from holdfast.turns import resume, send
from holdfast.turns.requests import ReadOn, SendAsync
from holdfast.turns.send import Turns
from holdfast.turns.shapes import StreamedEvent

router = Router("messages")

Where = Annotated[ReadOn | None, Body()]


@router.post("/agents/{agent_id}/messages/async", RunJson)
async def send_message_async(
    agent_id: AgentId, body: SendAsync, who: Caller, runner: Turns, request: Request
) -> Response:
    """Have a message worked on in the background; the answer is the run, whose metadata gets the result."""
    return reply(run(await send.asynchronously(runner, who, agent_id, body, request)))


@router.post("/runs/{path_run_id}/stream", StreamedEvent, streams=StreamedEvent, tag="runs")
async def stream_run(path_run_id: str, who: Caller, db: Db, request: Request, body: Where = None) -> Response:
    """The events of a background run, from any of them on, to its end."""
    return send.read_on(request, await resume.of_run(db, who, path_run_id, body or ReadOn()))


@router.post("/conversations/{conversation_id}/stream", StreamedEvent, streams=StreamedEvent, tag="conversations")
async def stream_conversation(
    conversation_id: ConversationId,
    who: Caller,
    db: Db,
    request: Request,
    body: Where = None,
    agent_id: OfAgent = None,
) -> Response:
    """The events of a background run of a conversation: the one named, or the newest at work."""
    asked = (body or ReadOn()).of_agent(agent_id)
    return send.read_on(request, await resume.of_conversation(db, who, conversation_id, asked))
