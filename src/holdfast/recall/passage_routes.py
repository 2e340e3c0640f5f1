"""HTTP of searching what is kept in archives."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import Field
from typing_extensions import TypedDict

from holdfast.agents import store as agents
from holdfast.archives import wire
from holdfast.archives.model import Passage
from holdfast.archives.passages import Narrowing
from holdfast.archives.wire import PassageJson
from holdfast.auth.caller import Caller, Db
from holdfast.errors import BadRequest
from holdfast.kit.clock import Moment
from holdfast.kit.entity import Sparse
from holdfast.kit.found import Found
from holdfast.kit.ids import AgentId
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm.asked import Llms
from holdfast.recall.asked import Finding
from holdfast.recall.find import Where

router = Router("passages")

DEFAULT_RESULTS = 5
MOST_RESULTS = 100

Match = Literal["any", "all"]
AsOf = Annotated[
    Moment | None, Query(description="What was true then, superseded passages included; now when left out.")
]


class SearchPassages(Sparse):
    """What to look for in archives: an agent's, one, or all. Without a query the newest passages are listed."""

    query: str | None = None
    agent_id: str | None = None
    archive_id: str | None = None
    tags: list[str] | None = None
    tag_match_mode: Match = "any"
    limit: Annotated[int, Field(ge=1, le=MOST_RESULTS)] = 50
    start_date: Moment | None = None
    end_date: Moment | None = None
    as_of: Moment | None = None


class SearchedPassage(TypedDict):
    """A passage, how well it fits, and what the score is the sum of."""

    passage: PassageJson
    score: float
    metadata: dict[str, Any]


class FoundMemory(TypedDict):
    """A passage as agents are shown it."""

    id: str
    timestamp: str
    content: str
    tags: list[str]
    score: float
    score_parts: dict[str, float]
    matched_terms: list[str]
    relevance: float


class Memories(TypedDict):
    """What an agent's archival memory holds about something."""

    results: list[FoundMemory]
    count: int


@router.post("/passages/search", list[SearchedPassage])
async def search_passages(body: SearchPassages, who: Caller, find: Finding, models: Llms) -> Response:
    """Passages by their words and their meaning, the best fit first; an agent counts more than an archive."""
    wanted = _narrowing(body.tags, body.tag_match_mode, body.start_date, body.end_date, body.as_of)
    where = Where(agent_id=body.agent_id) if body.agent_id is not None else Where(archive_id=body.archive_id)
    found = await find.passages(who, where, wanted, body.query or "", body.limit)
    shown = wire.found_passages([(each.item, archive) for each, archive in found], models)
    return reply([_shown(each, passage) for (each, _), passage in zip(found, shown, strict=True)])


@router.get("/agents/{agent_id}/archival-memory/search", Memories)
async def search_archival_memory(
    agent_id: AgentId,
    who: Caller,
    db: Db,
    find: Finding,
    query: Annotated[str, Query(description="What to look for: words, names or a question.")],
    tags: Annotated[list[str] | None, Query(description="Only passages with these tags.")] = None,
    tag_match_mode: Annotated[Match, Query(description="One of the tags is enough, or all must be there.")] = "any",
    top_k: Annotated[int | None, Query(ge=1, le=MOST_RESULTS, description="How many passages at most.")] = None,
    start_datetime: Annotated[Moment | None, Query(description="Only passages from then on.")] = None,
    end_datetime: Annotated[Moment | None, Query(description="Only passages until then.")] = None,
    as_of: AsOf = None,
) -> Response:
    """What an agent's archival memory holds about something, the best fit first."""
    wanted = _narrowing(tags, tag_match_mode, start_datetime, end_datetime, as_of)
    if not query.strip():
        await db.read(agents.get, who, agent_id)
        return reply({"results": [], "count": 0})
    found = await find.memories(who, agent_id, wanted, query, top_k or DEFAULT_RESULTS)
    return reply({"results": [_memory(each) for each in found], "count": len(found)})


def _narrowing(
    tags: list[str] | None, match: Match, start: datetime | None, end: datetime | None, as_of: Moment | None
) -> Narrowing:
    if start is not None and end is not None and start > end:
        raise BadRequest(f"The search starts at {start.isoformat()} and ends before that, at {end.isoformat()}.")
    return Narrowing(tags or (), match == "all", start, end, as_of)


def _shown(found: Found[Passage], passage: PassageJson) -> SearchedPassage:
    why = {"score_parts": dict(found.parts), "matched_terms": list(found.terms), "relevance": found.relevance}
    return {"passage": passage, "score": found.score, "metadata": why}


def _memory(found: Found[Passage]) -> FoundMemory:
    passage = found.item
    return {
        "id": passage.id,
        "timestamp": passage.created_at.astimezone(UTC).isoformat(),
        "content": passage.text,
        "tags": passage.tags,
        "score": found.score,
        "score_parts": dict(found.parts),
        "matched_terms": list(found.terms),
        "relevance": found.relevance,
    }
