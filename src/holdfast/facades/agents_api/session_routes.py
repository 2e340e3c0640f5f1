"""HTTP of talking to an agent in sessions, and of the sessions themselves."""

from typing import Annotated, Any

from fastapi import Body, Path, Query, Request, Response

from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.config import Settings
from holdfast.facades.agents_api import interrupting, sessions
from holdfast.facades.agents_api.answering import Ending, Exchange, answer, asked
from holdfast.facades.agents_api.asked import ImportedSession, Interruption, WhatIsSaid
from holdfast.facades.agents_api.speech import speak
from holdfast.kit import sse
from holdfast.kit.ids import AgentId
from holdfast.kit.page import MOST
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.messages import threads
from holdfast.store.table import Tx
from holdfast.turns import reset
from holdfast.turns.collect import collect
from holdfast.turns.send import Running, Turns

router = Router("api", prefix="/api")

SessionKey = Annotated[
    str,
    Path(
        alias="session_id",
        description="The client's own name of the session; `default` is the agent's own thread.",
    ),
]


@router.post("/agents/{agent_id}/messages", dict[str, Any], streams=dict[str, Any])
async def say_to_agent(
    agent_id: AgentId, said: WhatIsSaid, who: Caller, db: Db, runner: Turns, request: Request
) -> Response:
    """Say something to an agent; a session of that name is opened when there is none."""
    settings: Settings = request.app.state.settings
    exchange = Exchange(who, agent_id, said, settings.session_idle_hours)
    live = await runner.launch(await asked(db, request.app.state.egress, exchange))
    if said.stream:
        return sse.stream(speak(db, exchange, live, runner.keepalive))
    came = await collect(live)
    ending = Ending(came["stop_reason"]["stop_reason"], came["usage"])
    return reply(await answer(db, exchange, live, came["messages"], ending))


@router.post("/agents/{agent_id}/messages/stream", dict[str, Any], streams=dict[str, Any])
async def stream_from_agent(
    agent_id: AgentId, said: WhatIsSaid, who: Caller, db: Db, runner: Turns, request: Request
) -> Response:
    """The same as server-sent events."""
    return await say_to_agent(agent_id, said.model_copy(update={"stream": True}), who, db, runner, request)


@router.get("/agents/{agent_id}/sessions", list[dict[str, Any]])
async def list_sessions(agent_id: AgentId, who: Caller, db: Db) -> Response:
    """The sessions of an agent, the one used last first."""
    return reply(await db.read(sessions.listed, who, agent_id))


@router.post("/agents/{agent_id}/sessions/import", dict[str, Any])
async def import_session(agent_id: AgentId, sent: ImportedSession, who: Caller, db: Db) -> Response:
    """Go on with a session that was exported, here or from another agent."""
    return reply(await db.write(sessions.imported, who, agent_id, sent))


@router.get("/agents/{agent_id}/sessions/{session_id}", dict[str, Any])
async def retrieve_session(
    agent_id: AgentId,
    key: SessionKey,
    who: Caller,
    db: Db,
    limit: Annotated[int, Query(ge=0, le=MOST, description="How many of the newest messages.")] = MOST,
) -> Response:
    """A session and what was said in it, in order."""
    return reply(await db.read(sessions.read, who, agent_id, key, limit))


@router.delete("/agents/{agent_id}/sessions/{session_id}", dict[str, str])
async def delete_session(agent_id: AgentId, key: SessionKey, who: Caller, db: Db, runner: Running) -> Response:
    """Delete a session; what it is working on is ended."""
    await interrupting.stop(runner, db, who, agent_id, key)
    await db.write(sessions.deleted, who, agent_id, key)
    return reply({"message": f"Session {key} is deleted."})


@router.post("/agents/{agent_id}/sessions/{session_id}/reset", dict[str, Any])
async def reset_session(agent_id: AgentId, key: SessionKey, who: Caller, db: Db, runner: Running) -> Response:
    """Begin a session anew under its name; what was said before stays a conversation of the agent."""
    await interrupting.stop(runner, db, who, agent_id, key)
    return reply(await db.write(_reset, who, agent_id, key))


@router.get("/agents/{agent_id}/sessions/{session_id}/export", dict[str, Any])
async def export_session(agent_id: AgentId, key: SessionKey, who: Caller, db: Db) -> Response:
    """A session as JSON, which an import takes."""
    return reply(await db.read(sessions.exported, who, agent_id, key))


@router.post("/agents/{agent_id}/sessions/{session_id}/cancel", dict[str, Any])
async def interrupt_session(
    agent_id: AgentId,
    key: SessionKey,
    who: Caller,
    db: Db,
    runner: Running,
    body: Annotated[Interruption | None, Body()] = None,
) -> Response:
    """Stop what a session is working on; with `spoken`, keep of the answer what the user has heard."""
    spoken = body.spoken if body else None
    return reply(await interrupting.interrupt(runner, db, who, agent_id, key, spoken))


def _reset(tx: Tx, who: Who, agent_id: str, key: str) -> dict[str, Any]:
    if key != sessions.OWN:
        return sessions.emptied(tx, who, agent_id, key)
    reset.reset(tx, who, agent_id, with_first=False)
    return sessions.shown(threads.get(tx, who, agent_id))
