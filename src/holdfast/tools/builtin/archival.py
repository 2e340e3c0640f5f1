"""The tools with which an agent keeps facts for later, and finds them (CONTRACT §6.3)."""

from datetime import time
from typing import Any, Literal

from typing_extensions import TypedDict, Unpack

from holdfast.archives import passages
from holdfast.archives import store as archives
from holdfast.archives.keep import Beforehand, keep
from holdfast.archives.model import NewPassage, Passage
from holdfast.archives.passages import Narrowing
from holdfast.kit.clock import zone
from holdfast.kit.found import Found
from holdfast.tools.builtin.context import LookContext, ToolContext
from holdfast.tools.builtin.moments import moment
from holdfast.tools.builtin.tool import ToolError, tool

DEFAULT_RESULTS = 5
MOST_RESULTS = 50


async def _said_already(ctx: LookContext, content: str, tags: list[str] | None = None) -> str | None:
    return await ctx.find.same_memory(ctx.who, ctx.agent_id, content) if content.strip() else None


@tool("letta_core", first=_said_already)
def archival_memory_insert(ctx: ToolContext, content: str, tags: list[str] | None = None) -> str | None:
    """Keep something for later, in a memory without limit that you can search. Write it so that it makes sense alone.

    Args:
        content: What to keep: names, dates and places instead of "he", "yesterday" and "there".
        tags: Words under which it belongs, if any.
    """
    if not content.strip():
        raise ToolError("`content` is empty; write what is to be kept.")
    own = archives.default_of(ctx.who, ctx.agent_name, ctx.embedding)
    archive = archives.of_agent_or_new(ctx.tx, ctx.who, ctx.agent_id, own)
    new = NewPassage(text=content, tags=tags or [])
    known = Beforehand({content: ctx.seen} if ctx.seen else {})
    (kept,) = keep(ctx.tx, ctx.who, archive.id, [new], known, ctx.cause)
    if kept.id == ctx.seen:
        return f"This is kept already, so it was not stored twice: {kept.text!r} ({kept.id})."
    return None


@tool("letta_core")
def archival_memory_supersede(ctx: ToolContext, passage_id: str, content: str, tags: list[str] | None = None) -> str:
    """Keep what is true from now on instead of something that you have kept before and that is true no longer.

    Args:
        passage_id: The id of what is true no longer, as archival_memory_search shows it.
        content: What is true now, in words that make sense alone.
        tags: Words under which it belongs; those of the old one when left out.
    """
    if not content.strip():
        raise ToolError("`content` is empty; write what is true now.")
    archive = archives.of_agent(ctx.tx, ctx.who, ctx.agent_id)
    if archive is None or not passage_id.startswith("passage-"):
        raise ToolError(f"You have kept nothing with the id {passage_id!r}; archival_memory_search shows ids.")
    old = passages.get(ctx.tx, ctx.who, archive.id, passage_id)
    made = passages.supersede(ctx.tx, ctx.who, old.id, content, tags, ctx.cause)
    return f"{made.id} is kept instead of {old.id}."


class Narrow(TypedDict, total=False):
    """What a search may be narrowed to."""

    tags: list[str] | None
    tag_match_mode: Literal["any", "all"] | None
    top_k: int | None
    start_datetime: str | None
    end_datetime: str | None


@tool("letta_core")
async def archival_memory_search(
    ctx: LookContext,
    query: str,
    **given: Unpack[Narrow],
) -> list[dict[str, Any]]:
    """Find what you have kept for later, by its words and its meaning, the best fit first.

    Args:
        query: What to look for: words, names or a question.
        tags: Only what was kept under these tags.
        tag_match_mode: "any" (when left out): one of the tags is enough. "all": all must be there.
        top_k: How many results at most, 5 when left out.
        start_datetime: Only what was kept from then on: a date (2026-03-31) or a time (2026-03-31T14:30).
        end_datetime: Only what was kept until then, that day or minute included.
    """
    top_k = given.get("top_k") or DEFAULT_RESULTS
    if top_k < 1:
        raise ToolError(f"`top_k` is {top_k}; give 1 or more, or leave it out.")
    wanted = _narrowing(ctx, given)
    if not query.strip():
        return []
    found = await ctx.find.memories(ctx.who, ctx.agent_id, wanted, query, min(top_k, MOST_RESULTS))
    return [_result(ctx, each) for each in found]


def _narrowing(ctx: LookContext, given: Narrow) -> Narrowing:
    begins, ends = given.get("start_datetime"), given.get("end_datetime")
    start = moment("start_datetime", begins, ctx.timezone, time.min)
    end = moment("end_datetime", ends, ctx.timezone, time.max)
    if start and end and start > end:
        raise ToolError(f"`start_datetime` {begins} is after `end_datetime` {ends}; exchange them.")
    return Narrowing(given.get("tags") or (), given.get("tag_match_mode") == "all", start, end)


def _result(ctx: LookContext, found: Found[Passage]) -> dict[str, Any]:
    passage = found.item
    return {
        "id": passage.id,
        "timestamp": passage.created_at.astimezone(zone(ctx.timezone)).isoformat(timespec="seconds"),
        "content": passage.text,
        "tags": passage.tags,
        "relevance": {"score": round(found.score, 3), "words": found.terms},
    }
