"""The agent of a name: found, or made once even when many processes want it at the same time."""

from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from holdfast.integrations.crewai.failures import MemoryServiceError

if TYPE_CHECKING:
    from letta_client import AsyncLetta
    from letta_client.types import AgentState

LIVES = 50
"""So often may an agent be deleted and made anew within a day, which is how long the server knows a key."""


async def get_or_create(client: "AsyncLetta", name: str, body: Mapping[str, Any]) -> str:
    """The id of the agent with a name. All who make it send the same key, and get the same agent.

    The key of an agent that was deleted still answers with that one; whoever does not find it then takes the next key.
    """
    for life in range(LIVES):
        if (found := await _oldest(client, name)) is not None:
            return found.id
        await _make(client, name, body, life)
    raise MemoryServiceError(f"The agent {name!r} was deleted {LIVES} times within a day; use another id.", 409)


async def _oldest(client: "AsyncLetta", name: str) -> "AgentState | None":
    """Of several, everybody takes the one that was there first."""
    page = await client.agents.list(name=name, order="asc", order_by="created_at")
    return min((agent for agent in page.items if agent.name == name), key=_age, default=None)


async def _make(client: "AsyncLetta", name: str, body: Mapping[str, Any], life: int) -> None:
    from letta_client import UnprocessableEntityError

    key = sha256(f"{name}\n{life}".encode()).hexdigest()
    try:
        await client.agents.create(name=name, extra_headers={"Idempotency-Key": key}, **body)
    except UnprocessableEntityError as refused:
        if "Idempotency-Key" not in str(refused):
            raise


def _age(agent: "AgentState") -> tuple[str, str]:
    created = agent.created_at
    return created.isoformat() if created else "", agent.id
