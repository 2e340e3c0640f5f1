"""HTTP of agents for clients that speak the simple dialect: `/api/agents`, and what their archives hold."""

from typing import Annotated, Any

from fastapi import Query, Response
from typing_extensions import TypedDict

from holdfast.agents import store as agents
from holdfast.agents.archive_routes import delete_archival_memory
from holdfast.agents.remembering import remember
from holdfast.archives.asked import Searchable
from holdfast.archives.model import NewPassage, Passage
from holdfast.archives.passages import Narrowing
from holdfast.auth.caller import Caller, Db
from holdfast.facades.agents_api import making
from holdfast.facades.agents_api.asked import NewApiAgent, NewMemory
from holdfast.kit.ids import AgentId
from holdfast.kit.page import WHOLE, Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm.asked import Llms
from holdfast.recall.asked import Finding

router = Router("api", prefix="/api")

RESULTS = 5
MOST_RESULTS = 100


class ApiMemory(TypedDict):
    """Something an agent has stored, with how well it fits what was looked for."""

    id: str
    content: str
    metadata: dict[str, Any]
    tags: list[str]
    created_at: Any
    score: float
    relevance: float


class FoundApiMemories(TypedDict):
    results: list[ApiMemory]
    count: int


@router.get("/agents", list[dict[str, Any]])
async def list_api_agents(
    who: Caller,
    db: Db,
    models: Llms,
    page: Annotated[Page, page_of("desc", WHOLE)],
    name: Annotated[str | None, Query(description="Only the agent of this name.")] = None,
) -> Response:
    """All agents, the newest first."""
    return reply(await db.read(making.every, who, page, name, models))


@router.post("/agents", dict[str, Any])
async def create_api_agent(new: NewApiAgent, who: Caller, db: Db, models: Llms) -> Response:
    """Make an agent; `warnings` says what of the request was replaced, and which tools the client has to run."""
    return reply(await db.write(making.make, who, new, models))


@router.get("/agents/{agent_id}", dict[str, Any])
async def retrieve_api_agent(agent_id: AgentId, who: Caller, db: Db, models: Llms) -> Response:
    """One agent."""
    return reply(await db.read(making.one, who, agent_id, models))


@router.delete("/agents/{agent_id}", dict[str, str])
async def delete_api_agent(agent_id: AgentId, who: Caller, db: Db) -> Response:
    """Delete an agent with its sessions."""
    await db.write(agents.delete, who, agent_id)
    return reply({"message": f"Agent {agent_id} is deleted."})


@router.post("/agents/{agent_id}/archival", ApiMemory)
async def store_api_memory(agent_id: AgentId, new: NewMemory, who: Caller, db: Db, search: Searchable) -> Response:
    """Store something in an agent's archival memory."""
    passage = NewPassage(text=new.content, tags=new.tags, metadata=new.metadata)
    _, made = await remember(db, search, who, agent_id, passage)
    return reply(_memory(made[0]))


@router.get("/agents/{agent_id}/archival/search", FoundApiMemories)
async def search_api_memory(
    agent_id: AgentId,
    who: Caller,
    find: Finding,
    query: Annotated[str, Query(description="What to look for; empty for the newest.")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_RESULTS, description="How many at most.")] = RESULTS,
) -> Response:
    """What an agent's archival memory holds about something, the best fit first."""
    found = await find.memories(who, agent_id, Narrowing(), query, limit)
    results = [_memory(each.item, each.score, each.relevance) for each in found]
    return reply({"results": results, "count": len(results)})


router.delete("/agents/{agent_id}/archival/{memory_id}", dict[str, str])(delete_archival_memory)


def _memory(passage: Passage, score: float = 0.0, relevance: float = 0.0) -> ApiMemory:
    return {
        "id": passage.id,
        "content": passage.text,
        "metadata": passage.metadata,
        "tags": passage.tags,
        "created_at": passage.created_at,
        "score": score,
        "relevance": relevance,
    }
