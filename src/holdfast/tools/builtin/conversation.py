"""The tools with which an agent speaks, and finds what was said (CONTRACT §6.3)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any, Literal

from holdfast.kit.clock import now, zone
from holdfast.kit.found import Found
from holdfast.messages.model import Message, Role
from holdfast.messages.said import said
from holdfast.messages.store import Narrowed
from holdfast.tools.builtin.context import LookContext, ToolContext
from holdfast.tools.builtin.moments import moment
from holdfast.tools.builtin.tool import ToolError, tool

DEFAULT_RESULTS = 5
MOST_RESULTS = 50
SEARCHED: Mapping[str, Role] = {"user": "user", "assistant": "assistant"}
UNITS = ((365 * 86_400, "year"), (30 * 86_400, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute"))


@tool("letta_core")
def send_message(ctx: ToolContext, message: str) -> str:
    """Say something to the user. It is the only thing that the user sees.

    Args:
        message: What to say, in the user's language. Plain text, emoji included.
    """
    return "The message was sent."


@tool("letta_core")
async def conversation_search(
    ctx: LookContext,
    query: str | None = None,
    roles: list[Literal["assistant", "user", "tool"]] | None = None,
    limit: int | None = None,
    start_date: str | None = None,
    end_date: str | None = None,
) -> dict[str, Any]:
    """Find earlier messages of all conversations with you, also those that are out of view.

    Args:
        query: What to look for: words, names or a question. Without it, the newest messages of that time are listed.
        roles: Whose messages: "user", "assistant" or both (when left out).
        limit: How many messages at most, 5 when left out.
        start_date: Only messages from then on: a date (2026-03-31) or a time (2026-03-31T14:30), yours unless it says.
        end_date: Only messages until then, that day or minute included.
    """
    if limit is not None and limit < 1:
        raise ToolError(f"`limit` is {limit}; give 1 or more, or leave it out.")
    wanted = Narrowed(
        agent_id=ctx.agent_id,
        roles=[SEARCHED[role] for role in roles or SEARCHED if role in SEARCHED],
        start=moment("start_date", start_date, ctx.timezone, time.min),
        end=moment("end_date", end_date, ctx.timezone, time.max),
    )
    if wanted.start and wanted.end and wanted.start > wanted.end:
        raise ToolError(f"`start_date` {start_date} is after `end_date` {end_date}; exchange them.")
    query = (query or "").strip()
    found = await ctx.find.messages(ctx.who, wanted, query, min(limit or DEFAULT_RESULTS, MOST_RESULTS))
    results = [told(ctx, each, text) for each in found if (text := said(each.item))]
    return {"message": summary(results, query), "results": results}


def told(ctx: LookContext, found: Found[Message], text: str) -> dict[str, Any]:
    """A message that was found, as a model is told of it."""
    message = found.item
    relevance = {"relevance": {"score": round(found.score, 3), "words": found.terms}} if found.parts else {}
    return {
        "timestamp": message.created_at.astimezone(zone(ctx.timezone)).isoformat(timespec="seconds"),
        "time_ago": _ago(message.created_at),
        "role": message.role,
        **relevance,
        "content": text,
    }


def _ago(moment: datetime) -> str:
    seconds = int((now() - moment).total_seconds())
    for size, unit in UNITS:
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def summary(found: Sequence[dict[str, Any]], query: str) -> str:
    """What a search came to, in one sentence."""
    if not found:
        return "No message was found; try fewer or other words, or a wider time."
    about = f" with {query!r}" if query else ""
    order = "best" if query else "newest"
    return f"{len(found)} message{'' if len(found) == 1 else 's'}{about}, {order} first."
