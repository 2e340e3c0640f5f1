"""CrewAI's memory records as passages of the server, and back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, cast

ORIGIN = "crewai"
"""The tag of every record, and where a passage's metadata keep what CrewAI knows about it."""


@dataclass(frozen=True)
class Selection:
    """Which records are meant; without anything, all of them."""

    scope: str | None = None
    categories: list[str] | None = None
    metadata: Mapping[str, Any] | None = None
    ids: list[str] | None = None
    older_than: datetime | None = None

    @property
    def tags(self) -> list[str]:
        """What the server can select by."""
        path = "/" if self.scope is None else normal(self.scope)
        return [ORIGIN] if path == "/" else [ORIGIN, f"scope:{path}"]

    @property
    def is_finer_than_tags(self) -> bool:
        return bool(self.categories or self.metadata or self.older_than or self.ids)

    def takes(self, record: Any) -> bool:
        """Whether a record is one of them."""
        if self.categories and not set(self.categories) & set(record.categories):
            return False
        if self.metadata and any(record.metadata.get(key) != value for key, value in self.metadata.items()):
            return False
        if self.older_than is not None and _utc(record.created_at) >= _utc(self.older_than):
            return False
        return within(record.scope, self.scope) and (not self.ids or record.id in self.ids)


def passage_of(record: Any) -> dict[str, Any]:
    """The text, tags and metadata of a passage."""
    kept: dict[str, Any] = record.model_dump(mode="json", exclude={"content", "embedding"})
    tags = [ORIGIN, f"record:{record.id}", *(f"scope:{path}" for path in _lines(record.scope)), *record.categories]
    return {"text": record.content, "tags": tags, "metadata": {ORIGIN: kept}}


def record_of(passage: Any) -> Any | None:
    """The record in a passage; None for passages that others stored."""
    kept = cast(dict[str, Any], passage.metadata or {}).get(ORIGIN)
    if not isinstance(kept, dict):
        return None
    return import_module("crewai.memory.types").MemoryRecord(content=passage.text, **cast(dict[str, Any], kept))


def created_at(record: Any) -> str:
    return _utc(record.created_at).isoformat()


def normal(scope: str) -> str:
    return "/" + "/".join(part for part in scope.split("/") if part)


def within(scope: str, above: str | None) -> bool:
    """Whether a scope is another one or inside it."""
    return above is None or normal(above) == "/" or normal(above) in _lines(scope)


def children(scopes: list[str], parent: str) -> list[str]:
    """The scopes right below a parent."""
    depth = len(normal(parent).rstrip("/").split("/"))
    below = [list(_lines(scope)) for scope in scopes if within(scope, parent)]
    return sorted({lines[depth - 1] for lines in below if len(lines) >= depth})


def _lines(scope: str) -> Iterator[str]:
    """A scope with all that it is in: /a, /a/b, /a/b/c."""
    parts = normal(scope).strip("/").split("/")
    return ("/" + "/".join(parts[: end + 1]) for end in range(len(parts)) if parts[0])


def _utc(moment: datetime) -> datetime:
    """CrewAI's moments are UTC without saying so."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
