"""Dates and times as models write them."""

from datetime import UTC, datetime, time

from holdfast.kit.clock import zone
from holdfast.tools.builtin.tool import ToolError


def moment(argument: str, text: str | None, timezone: str | None, when_only_a_date: time) -> datetime | None:
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
