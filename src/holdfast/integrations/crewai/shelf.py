"""CrewAI's records in the archive of one agent: stored, found, changed and removed through the server's API."""

from collections.abc import Sequence
from typing import Any, cast

from holdfast.integrations.crewai import records
from holdfast.integrations.crewai.found import nearness
from holdfast.integrations.crewai.memory import MemoryService
from holdfast.integrations.crewai.records import Selection

PAGE = 1000
MOST_FOUND = 100
"""As many as one search of the server answers with."""
OVERSAMPLE = 3
"""So many times more are looked at when the server cannot select by all that is asked for."""

Held = tuple[str, Any]
"""The id of a passage, and the record in it."""


class RecordShelf:
    """All the records of one memory."""

    def __init__(self, memory: MemoryService, memory_id: str) -> None:
        self._memory = memory
        self._client = memory.client
        self._id = memory_id

    async def save(self, saved: Sequence[Any]) -> None:
        for record in saved:
            passage = records.passage_of(record)
            await self._memory.keep(self._id, passage, created_at=records.created_at(record))

    async def search(self, query: str, wanted: Selection, limit: int, min_score: float) -> list[tuple[Any, float]]:
        """Records with how near they are, the nearest first."""

        async def look(agent: str) -> list[tuple[Any, float]]:
            some = limit * OVERSAMPLE if wanted.is_finer_than_tags else limit
            hits = await self._client.passages.search(
                agent_id=agent,
                query=query,
                tags=wanted.tags,
                tag_match_mode="all",
                limit=max(1, min(some, MOST_FOUND)),
            )
            scored = ((records.record_of(hit.passage), nearness(hit.metadata, hit.score)) for hit in hits)
            near = [(record, score) for record, score in scored if record is not None and score >= min_score]
            return sorted(((r, score) for r, score in near if wanted.takes(r)), key=lambda each: -each[1])[:limit]

        return await self._memory.for_agent(self._id, look)

    async def one(self, record_id: str) -> Held | None:
        """A record with its passage."""

        async def look(agent: str) -> Held | None:
            hits = await self._client.passages.search(agent_id=agent, tags=[f"record:{record_id}"], limit=1)
            held = ((hit.passage.id or "", records.record_of(hit.passage)) for hit in hits)
            return next(((id, record) for id, record in held if record is not None), None)

        return await self._memory.for_agent(self._id, look)

    async def every(self, wanted: Selection) -> list[Held]:
        """All records that are meant, newest first."""
        if wanted.ids:
            each = [await self.one(id) for id in wanted.ids]
            return [held for held in each if held is not None and wanted.takes(held[1])]

        async def read(agent: str) -> list[Held]:
            found: list[Held] = []
            after: str | None = None
            while page := await self._page(agent, after):
                held = ((passage.id or "", records.record_of(passage)) for passage in page)
                found += [(id, record) for id, record in held if record is not None and wanted.takes(record)]
                after = page[-1].id
            return sorted(found, key=lambda held: records.created_at(held[1]), reverse=True)

        return await self._memory.for_agent(self._id, read)

    async def update(self, record: Any) -> None:
        """Put a record in the place of the one with its id; the server keeps the former version."""
        held = await self.one(record.id)
        if held is None:
            await self.save([record])
            return
        passage = held[0]

        async def change(agent: str) -> None:
            path = f"/v1/agents/{agent}/archival-memory/{passage}"
            await self._client.patch(path, cast_to=cast("type[Any]", object), body=records.passage_of(record))

        await self._memory.for_agent(self._id, change)

    async def delete(self, wanted: Selection) -> int:
        doomed = await self.every(wanted)
        for passage, _ in doomed:
            await self._memory.drop(self._id, passage)
        return len(doomed)

    async def _page(self, agent: str, after: str | None) -> list[Any]:
        beyond: dict[str, Any] = {} if after is None else {"after": after}
        return await self._client.agents.passages.list(agent, limit=PAGE, ascending=False, **beyond)
