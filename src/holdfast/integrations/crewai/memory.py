"""`MemoryService`: an agent on the server for each agent of an application, which keeps what that one observed."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast, get_args
from uuid import uuid4

from holdfast.integrations.crewai.failures import MemoryServiceError, told
from holdfast.integrations.crewai.finding import get_or_create
from holdfast.integrations.crewai.found import MemoryFound, MemoryKept, MemoryStats, Role, Source, nearness
from holdfast.integrations.crewai.names import agent_name
from holdfast.integrations.crewai.place import MemoryServer

if TYPE_CHECKING:
    from letta_client import AsyncLetta

T = TypeVar("T")

OBSERVATION = "observation"
BOTH: tuple[Source, ...] = get_args(Source)
PERSONA = "I keep what the agents of a crew observed, and tell them what I know when they ask."


class MemoryService:
    """Use it as `async with MemoryService() as memory:`, or call `connect` and `close`; in one event loop."""

    def __init__(
        self,
        server: MemoryServer | None = None,
        *,
        model: str | None = None,
        embedding: str | None = None,
        persona: str = PERSONA,
        human: str = "",
    ) -> None:
        self.server = server or MemoryServer.from_environment()
        self._client = self.server.client()
        self._chosen = {name: value for name, value in (("model", model), ("embedding", embedding)) if value}
        self._blocks = [{"label": "persona", "value": persona}, {"label": "human", "value": human}]
        self._known: dict[str, str] = {}
        self._recalled: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        try:
            await self.connect()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def client(self) -> "AsyncLetta":
        """The official client, for all that is not here."""
        return self._client

    async def connect(self) -> None:
        """See that the server is there and lets us in."""
        await self.health()
        with told(self.server.url):
            await self._client.agents.list(limit=1)

    async def health(self) -> dict[str, str]:
        """The server's version and status."""
        with told(self.server.url):
            found = await self._client.health()
        return {"version": found.version, "status": found.status}

    async def close(self) -> None:
        await self._client.close()

    async def agent_id(self, app_agent_id: str) -> str:
        """The server's id of the agent that keeps a memory; it is made when it is not there."""
        if app_agent_id not in self._known:
            if not app_agent_id.strip():
                raise MemoryServiceError("The id of the application's agent is empty.", 422)
            with told(self.server.url):
                body: dict[str, Any] = {
                    "memory_blocks": self._blocks,
                    "metadata": {"app_agent_id": app_agent_id},
                    **self._chosen,
                }
                self._known[app_agent_id] = await get_or_create(self._client, agent_name(app_agent_id), body)
        return self._known[app_agent_id]

    async def store(
        self, app_agent_id: str, observation: str, role: Role = "user", *, tags: Sequence[str] = ()
    ) -> MemoryKept:
        """Keep an observation, without asking a model."""
        _check(role)
        passage = {"text": observation, "tags": [OBSERVATION, f"role:{role}", *tags], "metadata": {"role": role}}
        return await self.keep(app_agent_id, passage)

    async def keep(self, app_agent_id: str, passage: dict[str, Any], **more: Any) -> MemoryKept:
        """Store a passage in the agent's archive: text, tags, metadata."""
        key = _new_key()

        async def insert(agent: str) -> MemoryKept:
            made = await self._client.agents.passages.create(
                agent,
                text=passage["text"],
                tags=passage["tags"],
                extra_headers=key,
                extra_body={"metadata": passage["metadata"], **more},
            )
            return MemoryKept(agent, made[0].id or "")

        return await self.for_agent(app_agent_id, insert)

    async def drop(self, app_agent_id: str, passage_id: str) -> bool:
        """Remove one passage from the agent's archive; False when it is not there."""

        async def remove(agent: str) -> bool:
            return await _gone(self._client.agents.passages.delete(passage_id, agent_id=agent))

        return await self.for_agent(app_agent_id, remove)

    async def tell(self, app_agent_id: str, text: str, role: Role = "user") -> MemoryKept:
        """Say something to the agent, which thinks about it, keeps what it wants to keep, and answers."""
        _check(role)
        key = _new_key()

        async def say(agent: str) -> MemoryKept:
            turn = await self._client.agents.messages.create(
                agent,
                messages=[{"role": role, "content": text}],
                extra_headers=key,
                timeout=self.server.turn_timeout,
            )
            said = [m for m in turn.messages if m.message_type == "assistant_message"]
            return MemoryKept(agent, said[-1].id if said else "", "\n".join(_plain(m.content) for m in said))

        return await self.for_agent(app_agent_id, say)

    async def ask(self, app_agent_id: str, question: str, role: Role = "user") -> str:
        """The agent's own answer, from all that it knows; a model writes it."""
        answer = (await self.tell(app_agent_id, question, role)).answer or ""
        self._recalled[app_agent_id] += 1
        return answer

    async def recall(
        self, app_agent_id: str, query: str, limit: int = 5, *, sources: Sequence[Source] = BOTH
    ) -> list[MemoryFound]:
        """What was kept or said about something, by words and meaning, the nearest first; no model is asked."""

        async def look(agent: str) -> list[MemoryFound]:
            searches = {"archive": self._archived, "messages": self._said}
            found = await asyncio.gather(*(searches[source](agent, query, limit) for source in sources))
            return sorted((each for some in found for each in some), key=lambda each: -each.relevance)[:limit]

        nearest = await self.for_agent(app_agent_id, look)
        self._recalled[app_agent_id] += len(nearest)
        return nearest

    async def memories(self, app_agent_id: str, limit: int = 50) -> list[MemoryFound]:
        """What was kept, the newest first."""

        async def newest(agent: str) -> list[MemoryFound]:
            kept = await self._client.agents.passages.list(agent, limit=limit, ascending=False)
            return [_kept(passage, 0.0) for passage in kept]

        return await self.for_agent(app_agent_id, newest)

    async def stats(self, app_agent_id: str) -> MemoryStats:
        """How much is kept, how much this service recalled of it, and when something happened last."""

        async def count(agent: str) -> MemoryStats:
            path = f"/v1/agents/{agent}/context"
            counted, state, newest = await asyncio.gather(
                self._client.get(path, cast_to=cast("type[dict[str, Any]]", object)),
                self._client.agents.retrieve(agent),
                self._client.agents.passages.list(agent, limit=1, ascending=False),
            )
            moments = [state.last_run_completion, *(passage.created_at for passage in newest)]
            return MemoryStats(
                agent_id=agent,
                stored=counted["num_archival_memory"],
                messages=counted["num_recall_memory"],
                recalled=self._recalled[app_agent_id],
                last_activity=max((_aware(moment) for moment in moments if moment), default=None),
            )

        return await self.for_agent(app_agent_id, count)

    async def delete(self, app_agent_id: str) -> bool:
        """Remove the agent with its memory; False when there is none."""
        with told(self.server.url):
            page = await self._client.agents.list(name=agent_name(app_agent_id))
            gone = await asyncio.gather(*(_gone(self._client.agents.delete(agent.id)) for agent in page.items))
        self._known.pop(app_agent_id, None)
        self._recalled.pop(app_agent_id, None)
        return any(gone)

    async def for_agent(self, app_agent_id: str, use: Callable[[str], Awaitable[T]]) -> T:
        """Use the agent of a memory; one that was deleted elsewhere is made anew."""
        from letta_client import NotFoundError

        was_known = app_agent_id in self._known
        agent = await self.agent_id(app_agent_id)
        with told(self.server.url):
            try:
                return await use(agent)
            except NotFoundError:
                if not was_known:
                    raise
        del self._known[app_agent_id]
        return await self.for_agent(app_agent_id, use)

    async def _archived(self, agent: str, query: str, limit: int) -> list[MemoryFound]:
        found = await self._client.passages.search(agent_id=agent, query=query, limit=limit)
        return [_kept(hit.passage, nearness(hit.metadata, hit.score)) for hit in found]

    async def _said(self, agent: str, query: str, limit: int) -> list[MemoryFound]:
        """What was said; not the question itself, asked before."""
        found = await self._client.messages.search(query=query, agent_id=agent, limit=limit + 1)
        hits = [cast(Any, hit) for hit in found]
        return [
            MemoryFound(
                id=hit.message_id,
                text=_plain(hit.content),
                role=str(hit.message_type).removesuffix("_message"),
                source="messages",
                created_at=hit.created_at,
                relevance=nearness(hit.model_extra, 0.0),
            )
            for hit in hits
            if _plain(hit.content) != query
        ][:limit]


async def _gone(deletion: Awaitable[object]) -> bool:
    """Whether there was something to delete."""
    from letta_client import NotFoundError

    try:
        await deletion
    except NotFoundError:
        return False
    return True


def _check(role: str) -> None:
    if role not in get_args(Role):
        raise MemoryServiceError(f"The role {role!r} is none of {', '.join(get_args(Role))}.", 422)


def _new_key() -> dict[str, str]:
    """With it, a repeat after a lost answer does nothing twice."""
    return {"Idempotency-Key": uuid4().hex}


def _kept(passage: Any, relevance: float) -> MemoryFound:
    metadata: dict[str, Any] = passage.metadata or {}
    return MemoryFound(passage.id or "", passage.text, metadata.get("role"), "archive", passage.created_at, relevance)


def _plain(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(getattr(part, "text", "") for part in content or ())


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
