"""What a memory answers with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Role = Literal["user", "system", "assistant"]
Source = Literal["archive", "messages"]


@dataclass(frozen=True)
class MemoryFound:
    """Something that an agent's memory holds."""

    id: str
    text: str
    role: str | None
    source: Source
    created_at: datetime | None
    relevance: float = 0.0
    """How near it is to what was asked, from 0 to 1; 0 in lists."""


@dataclass(frozen=True)
class MemoryKept:
    """An observation that was kept: as a passage, or as a message with the agent's answer."""

    agent_id: str
    id: str
    answer: str | None = None


@dataclass(frozen=True)
class MemoryStats:
    """What one agent's memory holds and how it is used."""

    agent_id: str
    stored: int
    messages: int
    recalled: int
    """How many memories this MemoryService has recalled; other processes count their own."""
    last_activity: datetime | None


def nearness(told: Mapping[str, object] | None, score: float | None) -> float:
    """The relevance of a hit; the score, which only orders the hits, where a server does not tell it."""
    relevance = (told or {}).get("relevance")
    return float(relevance) if isinstance(relevance, int | float) else float(score or 0.0)
