"""HTTP of how far search is with what it has been given to embed."""

from typing import Annotated

from fastapi import Query, Response
from typing_extensions import TypedDict

from holdfast.agents import store as agents
from holdfast.archives import store as archives
from holdfast.auth.caller import Caller, Db
from holdfast.errors import BadRequest
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.recall.asked import Recalling
from holdfast.recall.items import MESSAGES, PASSAGES, SOURCES
from holdfast.store.search import Corpus

router = Router("search")

QUICKLY_S = 0.5
"""How long it may take to find out which of the new items can be found at all; the others are said to wait."""


class ModelProgress(TypedDict):
    """How far one embedding model is."""

    embedding: str
    items: int
    waiting: int
    trouble: str | None


class SearchProgress(TypedDict):
    """What can be found by its meaning already, and what waits for that; all of it is found by its words."""

    items: int
    waiting: int
    models: list[ModelProgress]


@router.get("/search/progress", SearchProgress)
async def retrieve_search_progress(
    who: Caller,
    db: Db,
    recall: Recalling,
    archive_id: Annotated[str | None, Query(description="Only the passages of this archive.")] = None,
    agent_id: Annotated[str | None, Query(description="Only what was said to and by this agent.")] = None,
) -> Response:
    """How much is embedded, by model: after a change of model, or while much is stored."""
    if archive_id and agent_id:
        raise BadRequest("Ask for an archive or for an agent, not for both.")
    corpora = [Corpus(who.organization_id, kind) for kind in SOURCES]
    if archive_id:
        await db.read(archives.get, who, archive_id)
        corpora = [Corpus(who.organization_id, PASSAGES, archive_id)]
    if agent_id:
        await db.read(agents.get, who, agent_id)
        corpora = [Corpus(who.organization_id, MESSAGES, agent_id)]
    for each in corpora:
        await recall.indexer.catch_up(each, QUICKLY_S)
    found = await db.read(recall.indexer.progress, corpora)
    models: list[ModelProgress] = [
        {
            "embedding": each.model,
            "items": each.items,
            "waiting": each.waiting,
            "trouble": recall.indexer.trouble(each.model) if each.waiting else None,
        }
        for each in found
    ]
    return reply(
        {
            "items": sum(each.items for each in found),
            "waiting": sum(each.waiting for each in found),
            "models": models,
        }
    )
