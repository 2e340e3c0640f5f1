"""An agent with everything that hangs on it, loaded for many agents in one statement per kind."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from holdfast.agents import store
from holdfast.agents.model import Agent, AgentSecret
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.blocks.model import Block
from holdfast.identities import store as identities
from holdfast.identities.model import Identity
from holdfast.kit.page import Page
from holdfast.messages import store as messages
from holdfast.messages.model import Message
from holdfast.store.table import Tx
from holdfast.tools import store as tools
from holdfast.tools.model import Tool

ALL = frozenset(("blocks", "tools", "identities", "secrets", "tags", "sources", "managed_group", "pending_approval"))
"""The relations of an agent, by the names that `include=agent.…` uses."""


@dataclass(slots=True)
class Loaded:
    """One agent and those of its relations that were asked for."""

    agent: Agent
    message_ids: list[str]
    relations: Collection[str]
    blocks: list[Block] = field(default_factory=list[Block])
    tools: list[Tool] = field(default_factory=list[Tool])
    identities: list[Identity] = field(default_factory=list[Identity])
    secrets: list[AgentSecret] = field(default_factory=list[AgentSecret])
    pending: Message | None = None


def one(tx: Tx, who: Who, id: str, relations: Collection[str] = ALL) -> Loaded:
    return load(tx, who, [store.get(tx, who, id)], relations)[0]


def page(tx: Tx, who: Who, page: Page, wanted: store.Filter, relations: Collection[str]) -> list[Loaded]:
    return load(tx, who, store.page(tx, who, page, wanted), relations)


def load(tx: Tx, who: Who, agents: Sequence[Agent], relations: Collection[str] = ALL) -> list[Loaded]:
    if not agents:
        return []
    ids = [agent.id for agent in agents]
    windows = messages.window_ids(tx, who, ids)
    found = [Loaded(agent, windows.get(agent.id, []), relations) for agent in agents]
    held = blocks.of_agents(tx, who, ids) if "blocks" in relations else {}
    usable = tools.of_agents(tx, who, ids) if "tools" in relations else {}
    people = identities.of_agents(tx, who, ids) if "identities" in relations else {}
    known = store.secrets_of(tx, who, ids) if "secrets" in relations else {}
    for each in found:
        id = each.agent.id
        each.blocks, each.tools = held.get(id, []), usable.get(id, [])
        each.identities, each.secrets = people.get(id, []), known.get(id, [])
    if "pending_approval" in relations:
        _load_pending(tx, who, found)
    return found


def _load_pending(tx: Tx, who: Who, found: Sequence[Loaded]) -> None:
    """An agent waits for an approval while the newest message of its own thread asks for one."""
    newest = {each.message_ids[-1]: each for each in found if each.message_ids}
    for id, message in messages.many(tx, who, newest).items():
        if message.role == "approval" and message.calls:
            newest[id].pending = message
