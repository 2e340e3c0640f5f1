"""Agents as the models of chat programs: by which names they go, and which one a name means."""

from collections import Counter
from dataclasses import dataclass

from holdfast.agents import store as agents
from holdfast.agents.model import Agent
from holdfast.auth.model import Who
from holdfast.errors import BadRequest, NotFound
from holdfast.kit.ids import is_id
from holdfast.kit.page import WHOLE, Page
from holdfast.store.table import Tx

COPY = "chat-copy"
"""The tag of an agent that was made for one user of a chat program: nobody else chooses it."""

LATEST = ":latest"
"""What Ollama's clients put behind the name of a model."""

TOLD = 20
"""So many agents are named when there is none of the name that was asked for."""


@dataclass(frozen=True, slots=True)
class Named:
    """An agent, and the name that means it and no other: its own, or its id when several have the same."""

    name: str
    agent: Agent


def listed(tx: Tx, who: Who) -> list[Named]:
    """The agents that can be chosen, the newest first."""
    found = [agent for agent in agents.page(tx, who, Page(WHOLE, "desc"), agents.Filter()) if COPY not in agent.tags]
    taken = Counter(agent.name for agent in found)
    return [Named(agent.name if taken[agent.name] == 1 else agent.id, agent) for agent in found]


def named(tx: Tx, who: Who, model: str) -> Agent:
    """The agent with this id or name."""
    wanted = model.strip().removesuffix(LATEST)
    if is_id("agent", wanted):
        return agents.get(tx, who, wanted)
    same = agents.page(tx, who, Page(WHOLE, "desc"), agents.Filter(name=wanted))
    found = [agent for agent in same if COPY not in agent.tags]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(agent.id for agent in found[:TOLD])
        raise BadRequest(f"{len(found)} agents are named {wanted!r}; name one by its id: {ids}.")
    known = ", ".join(each.name for each in listed(tx, who)[:TOLD])
    way_out = f"There are: {known}." if known else "There are no agents yet; make one with POST /v1/agents/."
    raise NotFound(f"There is no agent {wanted[:100]!r} that could be the model. {way_out}")
