"""The memory of one user: stored, looked up, counted, written out, cleared."""

import asyncio
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdfast.agents.model import Agent
from holdfast.agents.remembering import remember
from holdfast.archives.model import NewPassage, Passage
from holdfast.archives.passages import Narrowing
from holdfast.errors import AppError
from holdfast.facades.qwen import store
from holdfast.facades.qwen.desk import MemoryDesk
from holdfast.facades.qwen.shapes import AddRequest, SearchRequest
from holdfast.facades.qwen.store import PastExchange
from holdfast.forget.model import WhatToForget
from holdfast.kit.clock import now
from holdfast.kit.found import Found
from holdfast.messages.model import Message
from holdfast.messages.said import said
from holdfast.messages.store import Narrowed

MOST_EXPORTED = 100_000


async def add(desk: MemoryDesk, user: str, asked: AddRequest) -> str:
    """Remember something; the id of what was stored."""
    agent = await desk.agent(user)
    told = {**(asked.metadata or {}), "memory_type": asked.memory_type, "source_type": asked.source_type or "manual"}
    new = NewPassage(text=asked.content, tags=[asked.memory_type], metadata=told)
    _, made = await remember(desk.db, desk.find, desk.who, agent.id, new, link_duplicates=True)
    return made[0].id


async def search(desk: MemoryDesk, user: str, asked: SearchRequest) -> list[dict[str, Any]]:
    """What was stored and what was said that is nearest to the query, the nearest first; an exchange counts once."""
    agent = await desk.known(user)
    if agent is None:
        return []
    stored = await desk.find.memories(desk.who, agent.id, Narrowing(), asked.query, asked.limit)
    talked = await desk.find.messages(desk.who, Narrowed(agent_id=agent.id), asked.query, asked.limit * 2)
    runs = [hit.item.run_id for hit in talked if hit.item.run_id]
    known = await desk.db.read(store.exchanges, desk.who, agent.id, runs)
    found = [_passage(user, hit) for hit in stored]
    best = dict[str, Found[Message]]()
    for hit in talked:
        best.setdefault(hit.item.run_id or hit.item.id, hit)
    found += [_message(user, hit, known.get(hit.item.run_id or "")) for hit in best.values()]
    return sorted(found, key=lambda each: -each["score"])[: asked.limit]


def _passage(user: str, hit: Found[Passage]) -> dict[str, Any]:
    passage, told = hit.item, hit.item.metadata
    return {
        **_result(user, hit.relevance, passage.text),
        "id": passage.id,
        "message": str(told.get("message") or passage.text),
        "response": str(told.get("response") or ""),
        "memory_type": str(told.get("memory_type") or "archival"),
        "source_type": str(told.get("source_type") or "agent"),
        "source": "archival",
        "timestamp": passage.created_at.isoformat(),
    }


def _message(user: str, hit: Found[Message], exchange: PastExchange | None) -> dict[str, Any]:
    message, text = hit.item, said(hit.item)
    return {
        **_result(user, hit.relevance, text),
        "id": message.id,
        "message": (exchange and exchange.message) or text,
        "response": exchange.response if exchange else "",
        "memory_type": "recall",
        "source_type": "conversation",
        "source": "recall",
        "timestamp": message.created_at.isoformat(),
    }


def _result(user: str, relevance: float, text: str) -> dict[str, Any]:
    score = round(relevance, 4)
    return {"user_id": user, "text": text, "content": text, "score": score, "similarity": score}


async def recent(desk: MemoryDesk, user: str, limit: int) -> list[dict[str, Any]]:
    """What was said last, the newest first."""
    agent = await desk.known(user)
    if agent is None:
        return []
    found = await desk.db.read(store.recent, desk.who, agent, limit)
    return [each.shown() for each in found]


async def stats(desk: MemoryDesk, user: str) -> dict[str, Any]:
    counted = await desk.db.read(store.counts, desk.who, await desk.known(user))
    files = [desk.database, *(desk.database.with_name(f"{desk.database.name}-{end}") for end in ("wal", "shm"))]
    size = sum(file.stat().st_size for file in files if file.exists())
    return {
        "user_id": user,
        **counted,
        "total_conversations": counted["conversations"],
        "total_memories": counted["memories"],
        "database_size_mb": round(size / 2**20, 3),
        "database": str(desk.database),
    }


async def everything(desk: MemoryDesk, user: str) -> dict[str, Any]:
    """All that a user has said and stored, with what a reader needs to make sense of it."""
    agent = await desk.known(user)
    talked, kept = list[PastExchange](), list[Passage]()
    if agent is not None:
        talked = await desk.db.read(store.recent, desk.who, agent, MOST_EXPORTED)
        kept = await desk.db.read(store.stored, desk.who, agent, MOST_EXPORTED)
    return {
        "metadata": {
            "agent_name": desk.config.agent.name,
            "model": desk.config.model.name,
            "user_id": user,
            "exported_at": now().isoformat(),
            **await stats(desk, user),
        },
        "conversations": [each.shown() for each in reversed(talked)],
        "memories": [_kept(each) for each in reversed(kept)],
    }


def _kept(passage: Passage) -> Mapping[str, Any]:
    kind = passage.metadata.get("memory_type") or "archival"
    told = {"id": passage.id, "content": passage.text, "memory_type": kind, "metadata": passage.metadata}
    return {**told, "timestamp": passage.created_at.isoformat()}


async def written(desk: MemoryDesk, user: str, name: str, told: Mapping[str, Any]) -> Path:
    """The export as a file beside the database; of the name only its last part counts."""
    path = _place(desk, user, name)
    try:
        await asyncio.to_thread(_write, path, told)
    except OSError as failed:
        raise AppError(f"The export cannot be written to {path}: {failed.strerror}.") from failed
    return path


def _place(desk: MemoryDesk, user: str, name: str) -> Path:
    folder = desk.database.parent / "exports"
    last = re.sub(r"[^\w.\- ]", "_", name.replace("\\", "/").rsplit("/", 1)[-1]).strip(". ")[:150]
    if not last:
        whose = re.sub(r"[^\w-]", "_", user)[:60]
        last = f"conversation_{whose}_{now():%Y%m%d_%H%M%S}"
    return folder / (last if last.endswith(".json") else f"{last}.json")


def _write(path: Path, told: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(told, file, ensure_ascii=False, indent=2)


async def clear(desk: MemoryDesk, user: str) -> int:
    """Forget a user for good: the agent with everything said to it and stored in it; how much that was."""
    agent: Agent | None = await desk.known(user)
    counted = await desk.db.read(store.counts, desk.who, agent)
    if agent is not None:
        await desk.forgetter.forget(desk.who, WhatToForget(agent_id=agent.id))
    return sum(counted.values())
