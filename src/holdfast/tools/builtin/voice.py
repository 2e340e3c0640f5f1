"""The tools of agents that listen along with a conversation by voice, and of those that speak in it (CONTRACT §6.3)."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from typing_extensions import TypedDict

from holdfast.archives import store as archives
from holdfast.archives.keep import Beforehand, keep
from holdfast.archives.model import NewPassage
from holdfast.kit.clock import now
from holdfast.kit.found import Found
from holdfast.messages.model import Message
from holdfast.messages.said import said
from holdfast.messages.store import Narrowed
from holdfast.tools.builtin.context import LookContext, ToolContext
from holdfast.tools.builtin.conversation import DEFAULT_RESULTS, SEARCHED, summary, told
from holdfast.tools.builtin.editing import editable, refuse_line_numbers, write
from holdfast.tools.builtin.tool import ToolError, tool

USER_MEMORY = "human"
LONGEST_AGO = 100 * 366 * 24 * 60
"""Minutes."""
MOST_QUERIES = 10
NUMBERED_LINE = re.compile(r"\s*(\d{1,9})[.:)]\s+(.*)")


@tool("letta_voice_sleeptime_core")
async def search_memory(
    ctx: LookContext,
    convo_keyword_queries: list[str] | None,
    start_minutes_ago: int | None,
    end_minutes_ago: int | None,
) -> dict[str, Any]:
    """Search what was said before, when what is in view does not answer the question.

    Args:
        convo_keyword_queries: What to look for: names, words or questions, each a search of its own. null: the newest.
        start_minutes_ago: Only what was said since then, so many minutes ago. null: from the beginning.
        end_minutes_ago: Only what was said until then, so many minutes ago. null: up to now.
    """
    start, end = _ago("start_minutes_ago", start_minutes_ago), _ago("end_minutes_ago", end_minutes_ago)
    if start and end and start > end:
        raise ToolError(
            f"`start_minutes_ago` {start_minutes_ago} is less than `end_minutes_ago` {end_minutes_ago}; exchange them."
        )
    wanted = Narrowed(agent_id=ctx.agent_id, roles=list(SEARCHED.values()), start=start, end=end)
    queries = [query.strip() for query in convo_keyword_queries or () if query.strip()][:MOST_QUERIES]
    searches = (ctx.find.messages(ctx.who, wanted, query, DEFAULT_RESULTS) for query in queries or [""])
    found = _best(each for hits in await asyncio.gather(*searches) for each in hits)
    results = [told(ctx, each, text) for each in found if (text := said(each.item))]
    return {"message": summary(results, ", ".join(queries)), "results": results}


def _ago(argument: str, minutes: int | None) -> datetime | None:
    if minutes is None:
        return None
    if not 0 <= minutes <= LONGEST_AGO:
        raise ToolError(f"`{argument}` is {minutes}; give the minutes since then, 0 or more, or null.")
    return now() - timedelta(minutes=minutes)


def _best(hits: Iterable[Found[Message]]) -> list[Found[Message]]:
    """Each message once, the best fit of any search first."""
    found = dict[str, Found[Message]]()
    for each in sorted(hits, key=lambda hit: hit.score, reverse=True):
        found.setdefault(each.item.id, each)
    return list(found.values())


class Stretch(TypedDict):
    """A part of the conversation that is worth keeping."""

    start_index: int
    end_index: int
    context: str


@tool("letta_voice_sleeptime_core")
def store_memories(ctx: ToolContext, chunks: list[Stretch]) -> str:
    """Keep parts of the numbered conversation that you were sent, because it is about to leave the view.

    Args:
        chunks: The parts: `start_index` and `end_index` are the numbers of the first and the last line of a part, and
            `context` says in one or two sentences what it is about and why it matters.
    """
    lines = _numbered(ctx)
    texts = [_part(lines, chunk) for chunk in chunks]
    if not texts:
        raise ToolError("`chunks` is empty; give the parts that are to be kept.")
    archive = archives.of_agent_or_new(
        ctx.tx, ctx.who, ctx.agent_id, archives.default_of(ctx.who, ctx.agent_name, ctx.embedding)
    )
    kept = keep(ctx.tx, ctx.who, archive.id, [NewPassage(text=text) for text in texts], Beforehand(), ctx.cause)
    return f"Kept {len(kept)} part{'' if len(kept) == 1 else 's'} of the conversation."


def _numbered(ctx: ToolContext) -> Mapping[int, str]:
    """The lines of the newest message in view that has numbered ones; a line without a number continues the last."""
    for message in reversed(ctx.in_view):
        if message.role in ("user", "system") and (lines := _lines(message.text)):
            return lines
    raise ToolError("Nothing that you were sent is a numbered conversation (0. user: …), so nothing can be kept of it.")


def _lines(text: str) -> Mapping[int, str]:
    lines, last = dict[int, str](), -1
    for line in text.splitlines():
        if numbered := NUMBERED_LINE.fullmatch(line):
            last = int(numbered[1])
            lines[last] = numbered[2]
        elif last >= 0:
            lines[last] += f"\n{line}"
    return lines


def _part(lines: Mapping[int, str], chunk: Stretch) -> str:
    start, end = chunk["start_index"], chunk["end_index"]
    said_there = [text for number, text in lines.items() if start <= number <= end]
    if start not in lines or end not in lines or not said_there:
        raise ToolError(
            f"There are no lines {start} to {end}; the conversation has the lines {min(lines)} to {max(lines)}. "
            "Nothing was kept."
        )
    return "\n".join(filter(None, [chunk["context"].strip(), *said_there]))


@tool("letta_voice_sleeptime_core")
def rethink_user_memory(ctx: ToolContext, new_memory: str) -> str:
    """Rewrite the memory block about the user ("human").

    Args:
        new_memory: The complete new text: what is old and should stay, with what is new worked into it.
    """
    refuse_line_numbers({"new_memory": new_memory})
    return write(ctx, editable(ctx, USER_MEMORY), new_memory)


@tool("letta_voice_sleeptime_core")
def finish_rethinking_memory(ctx: ToolContext) -> None:
    """Say that the memory is in order and nothing is left to do."""
