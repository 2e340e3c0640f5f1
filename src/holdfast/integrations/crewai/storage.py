"""`HoldfastStorage`: CrewAI's own memory, kept on the server in the archive of one agent."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from importlib import import_module
from typing import Any, Self

from holdfast.integrations.crewai.aside import Aside
from holdfast.integrations.crewai.memory import MemoryService
from holdfast.integrations.crewai.place import MemoryServer
from holdfast.integrations.crewai.records import Selection, children, normal
from holdfast.integrations.crewai.shelf import RecordShelf
from holdfast.integrations.crewai.texts import TextNames


class HoldfastStorage:
    """A storage backend for `crewai.Memory(storage=storage, embedder=storage.embedder)`; any thread may use it.

    The records are passages in the archive of the agent of `memory_id`, so that this agent finds them too.
    """

    def __init__(self, memory_id: str, server: MemoryServer | None = None) -> None:
        self.embedder = TextNames()
        self._memory = MemoryService(server)
        self._shelf = RecordShelf(self._memory, memory_id)
        self._aside = Aside()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copies of a crew share its memory."""
        return self

    def save(self, records: Sequence[Any]) -> None:
        self._aside.run(self._shelf.save(records))

    def search(
        self,
        query_embedding: Sequence[float],
        scope_prefix: str | None = None,
        categories: list[str] | None = None,
        metadata_filter: dict[str, Any] | None = None,
        limit: int = 10,
        min_score: float = 0.0,
    ) -> list[tuple[Any, float]]:
        if not query_embedding:
            return []
        wanted = Selection(scope_prefix, categories, metadata_filter)
        return self._aside.run(self._shelf.search(self.embedder.text(query_embedding), wanted, limit, min_score))

    def delete(
        self,
        scope_prefix: str | None = None,
        categories: list[str] | None = None,
        record_ids: list[str] | None = None,
        older_than: datetime | None = None,
        metadata_filter: dict[str, Any] | None = None,
    ) -> int:
        doomed = Selection(scope_prefix, categories, metadata_filter, record_ids, older_than)
        return self._aside.run(self._shelf.delete(doomed))

    def update(self, record: Any) -> None:
        self._aside.run(self._shelf.update(record))

    def get_record(self, record_id: str) -> Any | None:
        held = self._aside.run(self._shelf.one(record_id))
        return held and held[1]

    def list_records(self, scope_prefix: str | None = None, limit: int = 200, offset: int = 0) -> list[Any]:
        return self._records(scope_prefix)[offset : offset + limit]

    def get_scope_info(self, scope: str) -> Any:
        found = self._records(scope)
        return import_module("crewai.memory.types").ScopeInfo(
            path=normal(scope),
            record_count=len(found),
            categories=sorted({category for record in found for category in record.categories}),
            oldest_record=found[-1].created_at if found else None,
            newest_record=found[0].created_at if found else None,
            child_scopes=children([record.scope for record in found], scope),
        )

    def list_scopes(self, parent: str = "/") -> list[str]:
        return children([record.scope for record in self._records(parent)], parent)

    def list_categories(self, scope_prefix: str | None = None) -> dict[str, int]:
        return dict(Counter(category for record in self._records(scope_prefix) for category in record.categories))

    def count(self, scope_prefix: str | None = None) -> int:
        return len(self._records(scope_prefix))

    def reset(self, scope_prefix: str | None = None) -> None:
        self.delete(scope_prefix)

    def close(self) -> None:
        """End the connection; what is stored stays."""
        self._aside.run(self._memory.close())
        self._aside.close()

    async def asave(self, records: Sequence[Any]) -> None:
        await asyncio.to_thread(self.save, records)

    async def asearch(self, query_embedding: Sequence[float], **wanted: Any) -> list[tuple[Any, float]]:
        return await asyncio.to_thread(self.search, query_embedding, **wanted)

    async def adelete(self, **wanted: Any) -> int:
        return await asyncio.to_thread(self.delete, **wanted)

    def _records(self, scope: str | None) -> list[Any]:
        """The records in a scope, newest first."""
        return [record for _, record in self._aside.run(self._shelf.every(Selection(scope)))]
