"""The two tools that agents of a crew call. They answer with JSON, failures too: a crew goes on without its memory."""

import json
from collections.abc import Callable, Coroutine
from datetime import datetime
from importlib import import_module
from typing import Any, cast

from holdfast.integrations.crewai.aside import Aside
from holdfast.integrations.crewai.failures import MemoryServiceError
from holdfast.integrations.crewai.found import MemoryFound, Role
from holdfast.integrations.crewai.memory import MemoryService

Job = Callable[[MemoryService], Coroutine[Any, Any, dict[str, Any]]]


def store_memory_tool(app_agent_id: str, observation: str, role: str = "user") -> str:
    """Remember an observation for later. role says whose it is: user, assistant or system."""

    async def store(memory: MemoryService) -> dict[str, Any]:
        kept = await memory.store(app_agent_id, observation, cast(Role, role))
        return {"memory_id": kept.id, "agent_id": kept.agent_id}

    return _answer(store)


def recall_memories_tool(app_agent_id: str, query: str, role: str = "user", synthesize: bool = False) -> str:
    """Find what is remembered about something. With synthesize, the memory also answers in its own words."""

    async def recall(memory: MemoryService) -> dict[str, Any]:
        found = await memory.recall(app_agent_id, query)
        answer = await memory.ask(app_agent_id, query, cast(Role, role)) if synthesize else None
        return {"memories": [_shown(each) for each in found], "answer": answer}

    return _answer(recall)


def crewai_tools() -> list[Any]:
    """Both as tools of CrewAI, for `Agent(tools=crewai_tools())`."""
    tool = import_module("crewai.tools").tool
    return [tool("store_memory")(store_memory_tool), tool("recall_memories")(recall_memories_tool)]


def _answer(job: Job) -> str:
    aside = Aside()
    try:
        told = {"success": True, **aside.run(_done(job))}
    except MemoryServiceError as error:
        told = {
            "success": False,
            "error": str(error),
            "status_code": error.status_code,
            "retryable": error.retryable,
        }
    finally:
        aside.close()
    return json.dumps(told)


async def _done(job: Job) -> dict[str, Any]:
    memory = MemoryService()
    try:
        return await job(memory)
    finally:
        await memory.close()


def _shown(found: MemoryFound) -> dict[str, Any]:
    created: datetime | None = found.created_at
    return {
        "text": found.text,
        "role": found.role,
        "source": found.source,
        "relevance": found.relevance,
        "created_at": created.isoformat() if created else None,
    }
