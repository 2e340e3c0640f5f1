"""A turn of a user's agent, and what may follow it: old messages giving way to a summary."""

import asyncio
import logging
from typing import Any

from holdfast.agents import store as agents
from holdfast.agents.model import Agent
from holdfast.errors import AppError, BadRequest
from holdfast.facades.qwen import store
from holdfast.facades.qwen.desk import MemoryDesk
from holdfast.facades.qwen.people import recall_of
from holdfast.facades.qwen.shapes import ChatRequest
from holdfast.kit.clock import now
from holdfast.messages import store as messages
from holdfast.messages.requests import MessageCreate
from holdfast.turns.begin import Asked
from holdfast.turns.collect import collect, texts_said
from holdfast.turns.requests import SendMessage
from holdfast.turns.shapes import CompactionResponse
from holdfast.turns.shorten import NO_INPUT, Wish, shorten

log = logging.getLogger("holdfast.qwen")


async def chat(desk: MemoryDesk, asked: ChatRequest) -> dict[str, Any]:
    """Say something to a user's agent: what it answers, and which memories it was shown."""
    user, config = desk.user(asked.user_id), desk.config
    agent = await desk.agent(user)
    searches = config.searches if asked.wants_memory is None else asked.wants_memory
    searches = searches and config.features.enable_memory_search
    body = SendMessage(
        messages=[MessageCreate(role="user", content=asked.message)], override_model=_model(desk, asked.model)
    )
    recall = recall_of(config, enabled=searches, top_k=asked.max_memory_results)
    turn = Asked(
        desk.who,
        body,
        lambda tx: agents.with_own_thread(tx, desk.who, agent.id),
        "send_message",
        to=agent.id,
        auto_recall=recall,
    )
    live = await desk.runner.launch(turn)
    answer = await collect(live)
    used = await desk.db.read(store.used, desk.who, live.run_id) if searches else None
    await _consolidate_in_time(desk, agent)
    text = "\n".join(texts_said(answer))
    return {
        "message": text,
        "response": text,
        "user_id": user,
        "timestamp": now().isoformat(),
        "memory_used": used,
        "memory_context": used or [],
        "model": asked.model or config.model.name,
    }


def _model(desk: MemoryDesk, asked: str | None) -> str | None:
    """The handle of another model than the configured one."""
    kind = desk.config.model.type
    name = (asked or "").removeprefix(f"{kind}/")
    return f"{kind}/{name}" if name and name != desk.config.model.name else None


async def consolidate(desk: MemoryDesk, agent: Agent) -> CompactionResponse:
    """Put a summary in the place of a user's older messages; all of them can still be found."""
    asked = Asked(
        desk.who, NO_INPUT, lambda tx: agents.with_own_thread(tx, desk.who, agent.id), "compact", queues=False
    )
    return await shorten(desk.db, desk.models, desk.runner.worker, Wish(asked))


async def _consolidate_in_time(desk: MemoryDesk, agent: Agent) -> None:
    """When so many messages are in view as the configuration says, and nobody waits for it."""
    features = desk.config.features
    if not features.enable_memory_consolidation:
        return
    windows = await desk.db.read(messages.window_ids, desk.who, [agent.id])
    if len(windows[agent.id].ids) <= features.consolidation_interval_messages:
        return
    task = asyncio.create_task(_quietly(desk, agent))
    desk.tasks.add(task)
    task.add_done_callback(desk.tasks.discard)


async def _quietly(desk: MemoryDesk, agent: Agent) -> None:
    try:
        await consolidate(desk, agent)
    except BadRequest as nothing:
        log.info("%s", nothing.detail)
    except AppError as failed:
        log.warning("the conversation of %s was not consolidated: %s", agent.name, failed.detail)
