"""HTTP of the service: chatting, and the memory of each user."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response

from holdfast import __version__
from holdfast.facades.qwen import memory
from holdfast.facades.qwen.chat import chat, consolidate
from holdfast.facades.qwen.desk import AtDesk
from holdfast.facades.qwen.shapes import AddRequest, ChatRequest, Limit, SearchRequest, WhoseRequest
from holdfast.kit.clock import now
from holdfast.kit.routes import HoldfastRoute
from holdfast.web import routes as web

router = APIRouter(route_class=HoldfastRoute)

ENDPOINTS = {
    "chat": "POST /chat",
    "add_memory": "POST /memory/add",
    "search_memory": "POST /memory/search",
    "recent": "GET /memory/recent",
    "stats": "GET /memory/stats",
    "export": "GET /memory/export",
    "consolidate": "POST /memory/consolidate",
    "clear": "DELETE /memory/clear",
    "status": "GET /status",
    "health": "GET /health",
    "websocket": "WS /ws/chat",
    "tools": "GET /tools, POST /tools/call",
    "webhook": "POST /webhook/log, POST /webhook/debug",
    "docs": "GET /docs",
}
UserId = Annotated[str | None, Query(description="Whose memory; without it, the default user's.")]

Whose = Annotated[WhoseRequest | None, Body()]


def _meant(user_id: str | None, asked: WhoseRequest | None) -> str | None:
    return user_id or (asked.user_id if asked else None)


def _moment() -> str:
    return now().isoformat()


@router.get("/", operation_id="about")
async def about() -> dict[str, Any]:
    """What this is, and what it answers to."""
    return {
        "service": "Holdfast memory service",
        "version": __version__,
        "status": "running",
        "endpoints": ENDPOINTS,
    }


@router.get("/health", operation_id="health")
async def health(desk: AtDesk) -> dict[str, Any]:
    """Can the memory be read and written? 503 when it cannot."""
    await desk.known(desk.user(None))
    return {"status": "healthy", "timestamp": _moment()}


@router.get("/status", operation_id="status")
async def status(desk: AtDesk, user_id: UserId = None) -> dict[str, Any]:
    """The agent, its model, and how much it remembers of a user."""
    card = desk.models.stored_card(desk.config.model.handle)
    return {
        "agent_name": desk.config.agent.name,
        "model": desk.config.model.name,
        "model_available": not desk.models.lacks(card),
        "status": "ready",
        "timestamp": _moment(),
        "memory_summary": await memory.stats(desk, desk.user(user_id)),
        "notes": desk.notes,
    }


@router.post("/chat", operation_id="chat")
async def say(desk: AtDesk, asked: ChatRequest) -> dict[str, Any]:
    """Say something; the answer, and the memories that the model was shown for it."""
    return await chat(desk, asked)


@router.post("/memory/add", operation_id="add_memory")
async def add(desk: AtDesk, asked: AddRequest) -> dict[str, Any]:
    """Remember something about a user."""
    user = desk.user(asked.user_id)
    id = await memory.add(desk, user, asked)
    return {
        "status": "success",
        "message": f"Remembered as {asked.memory_type}.",
        "id": id,
        "user_id": user,
        "timestamp": _moment(),
    }


@router.post("/memory/search", operation_id="search_memory")
async def search(desk: AtDesk, asked: SearchRequest) -> dict[str, Any]:
    """What a user has said or stored that is nearest to some words or a question."""
    results = await memory.search(desk, desk.user(asked.user_id), asked)
    return {"query": asked.query, "count": len(results), "results": results, "timestamp": _moment()}


@router.get("/memory/stats", operation_id="memory_stats")
async def stats(desk: AtDesk, user_id: UserId = None) -> dict[str, Any]:
    """How much is remembered of a user."""
    return {**await memory.stats(desk, desk.user(user_id)), "timestamp": _moment()}


@router.get("/memory/recent", operation_id="recent_conversations")
async def recent(desk: AtDesk, user_id: UserId = None, limit: Limit = 10) -> dict[str, Any]:
    """What a user and the model said last, the newest first."""
    user = desk.user(user_id)
    found = await memory.recent(desk, user, limit)
    return {"user_id": user, "count": len(found), "conversations": found, "timestamp": _moment()}


@router.get("/memory/export", operation_id="export_memory")
async def export(
    desk: AtDesk,
    user_id: UserId = None,
    filename: Annotated[str, Query(description="The name of the file in the folder `exports` of the data.")] = "",
    save: Annotated[bool, Query(description="false: only answer with it, and write no file.")] = True,
) -> dict[str, Any]:
    """Everything that a user has said and stored, in a file beside the database and in the answer."""
    user = desk.user(user_id)
    told = await memory.everything(desk, user)
    path = str(await memory.written(desk, user, filename, told)) if save else None
    return {"status": "success", "filepath": path, "timestamp": _moment(), "export": told}


@router.post("/memory/consolidate", operation_id="consolidate_memory")
async def consolidate_memory(desk: AtDesk, user_id: UserId = None, asked: Whose = None) -> dict[str, Any]:
    """Put a summary in the place of the older messages that the model sees; all of them can still be found."""
    agent = await desk.known_or_missing(desk.user(_meant(user_id, asked)))
    done = await consolidate(desk, agent)
    return {
        "status": "success",
        "summary": done["summary"],
        "messages_before": done["num_messages_before"],
        "messages_after": done["num_messages_after"],
        "timestamp": _moment(),
    }


@router.delete("/memory/clear", operation_id="clear_memory")
async def clear(desk: AtDesk, user_id: UserId = None, asked: Whose = None) -> dict[str, Any]:
    """Forget everything about one user, for good."""
    user = desk.user(_meant(user_id, asked))
    count = await memory.clear(desk, user)
    return {"status": "success", "message": f"Everything about {user} is forgotten.", "cleared": count}


@router.get("/docs", include_in_schema=False)
@router.get("/redoc", include_in_schema=False)
async def reference() -> Response:
    """The reference of these operations; nothing of it is loaded from elsewhere."""
    return await web.reference()
