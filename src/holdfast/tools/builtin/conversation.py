"""The tools with which an agent speaks, and finds what was said (CONTRACT §6.3)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any, Literal

from holdfast.kit.clock import now, zone
from holdfast.messages import store as messages
from holdfast.messages.model import Message, Role
from holdfast.tools.builtin import arguments
from holdfast.tools.builtin.context import ToolContext
from holdfast.tools.builtin.tool import ToolError, tool

DEFAULT_RESULTS = 5
MOST_RESULTS = 50
SEARCHED: Mapping[str, Role] = {"user": "user", "assistant": "assistant"}
EVENTS = ('{"type": "heartbeat"', '{"type": "login"')
"""How messages begin that nobody wrote."""
UNITS = ((365 * 86_400, "year"), (30 * 86_400, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute"))


@tool("letta_core")
def send_message(ctx: ToolContext, message: str) -> str:
    """Say something to the user. It is the only thing that the user sees.

    Args:
        message: What to say, in the user's language. Plain text, emoji included.
    """
    return "The message was sent."


@tool("letta_core")
def conversation_search(
    ctx: ToolContext,
    query: str | None = None,
    roles: list[Literal["assistant", "user", "tool"]] | None = None,
    limit: int | None = None,
    start_date: str | None = None,
    end_date: str | None = None,
) -> dict[str, Any]:
    """Find earlier messages of all conversations with you, also those that are out of view.

    Args:
        query: The words to look for. Without it, the newest messages of the given time are listed.
        roles: Whose messages: "user", "assistant" or both (when left out).
        limit: How many messages at most, 5 when left out.
        start_date: Only messages from then on: a date (2026-03-31) or a time (2026-03-31T14:30), yours unless it says.
        end_date: Only messages until then, that day or minute included.
    """
    if limit is not None and limit < 1:
        raise ToolError(f"`limit` is {limit}; give 1 or more, or leave it out.")
    wanted = messages.Search(
        agent_id=ctx.agent_id,
        query=(query or "").strip(),
        roles=[SEARCHED[role] for role in roles or SEARCHED if role in SEARCHED],
        start=_moment("start_date", start_date, ctx.timezone, time.min),
        end=_moment("end_date", end_date, ctx.timezone, time.max),
        limit=min(limit or DEFAULT_RESULTS, MOST_RESULTS),
    )
    if wanted.start and wanted.end and wanted.start > wanted.end:
        raise ToolError(f"`start_date` {start_date} is after `end_date` {end_date}; exchange them.")
    found = [
        _result(ctx, message, text) for message in messages.search(ctx.tx, ctx.who, wanted) if (text := _said(message))
    ]
    return {"message": _summary(found, wanted.query), "results": found}


def _moment(argument: str, text: str | None, timezone: str | None, when_only_a_date: time) -> datetime | None:
    """An ISO date or time; one without an offset is meant in the agent's time zone."""
    text = (text or "").strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if len(text) <= len("2026-03-31"):
            moment = datetime.combine(moment.date(), when_only_a_date)
        elif len(text) <= len("2026-03-31T14:30") and when_only_a_date is time.max:
            moment = moment.replace(second=59, microsecond=999_999)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone(timezone))).astimezone(UTC)
    except (ValueError, OverflowError) as wrong:
        raise ToolError(
            f"`{argument}` is {text!r}; give an ISO date (2026-03-31) or time (2026-03-31T14:30)."
        ) from wrong


def _said(message: Message) -> str:
    """What a message says to people: its text, and what was said through `send_message`; nothing for a mere event."""
    if message.text.startswith(EVENTS):
        return ""
    spoken = [_spoken(call.arguments) for call in message.calls if call.name == send_message.name]
    return "\n".join(filter(None, [message.text, *spoken]))


def _spoken(text: str) -> str:
    """The argument of a `send_message`; a call that was cut short said nothing."""
    try:
        return arguments.read(send_message, text)["message"]
    except ToolError:
        return ""


def _result(ctx: ToolContext, message: Message, text: str) -> dict[str, Any]:
    return {
        "timestamp": message.created_at.astimezone(zone(ctx.timezone)).isoformat(timespec="seconds"),
        "time_ago": _ago(message.created_at),
        "role": message.role,
        "content": text,
    }


def _ago(moment: datetime) -> str:
    seconds = int((now() - moment).total_seconds())
    for size, unit in UNITS:
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def _summary(found: Sequence[dict[str, Any]], query: str) -> str:
    if not found:
        return "No message was found; try fewer or other words, or a wider time."
    about = f" with {query!r}" if query else ""
    return f"{len(found)} message{'' if len(found) == 1 else 's'}{about}, newest first."
