"""Tools that an agent's client runs itself, and what else such a client has chosen: kept in the agent's metadata."""

from collections.abc import Sequence
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from holdfast.agents.model import Agent
from holdfast.facades.agents_api.asked import IdleHours
from holdfast.turns.requests import ClientTool

TOOLS = "client_tools"
IDLE = "session_idle_hours"

ANYTHING: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": True}
"""The parameters of a tool of which nothing but the name is known."""


def kept(tools: Sequence[ClientTool], idle: float | None) -> dict[str, Any]:
    """The metadata of an agent that has these tools."""
    metadata: dict[str, Any] = {}
    if tools:
        metadata[TOOLS] = [tool.model_dump(exclude_none=True) for tool in tools]
    if idle is not None:
        metadata[IDLE] = idle
    return metadata


def of_agent(agent: Agent) -> list[ClientTool]:
    """The tools that the agent's client runs; what somebody wrote there that is no tool does not count."""
    sent: Any = (agent.metadata or {}).get(TOOLS)
    found = dict[str, ClientTool]()
    for each in cast(list[Any], sent) if isinstance(sent, list) else []:
        try:
            tool = ClientTool.model_validate(each)
        except ValidationError:
            continue
        found[tool.name] = tool
    return list(found.values())


def idle_hours(agent: Agent) -> float | None:
    """After how long a session of this agent is over, if that was chosen for it."""
    sent: Any = (agent.metadata or {}).get(IDLE)
    try:
        return None if sent is None else _IDLE.validate_python(sent)
    except ValidationError:
        return None


_IDLE: TypeAdapter[float] = TypeAdapter(IdleHours)
