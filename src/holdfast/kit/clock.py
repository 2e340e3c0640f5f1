"""The time, as the rest of the code asks for it."""

from datetime import UTC, datetime, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator


def now() -> datetime:
    return datetime.now(UTC)


def zone(name: str | None) -> tzinfo:
    """The time zone of that name; UTC when there is none of it."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def in_utc(moment: datetime) -> datetime:
    """A time without an offset is meant in UTC."""
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as beyond:
        raise ValueError("this point in time is outside the years 1 to 9999 in UTC") from beyond


Moment = Annotated[datetime, AfterValidator(in_utc)]
"""A point in time as clients send it."""
