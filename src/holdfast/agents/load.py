"""An agent with everything that hangs on it, loaded for many agents in one statement per kind."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Self

from holdfast.agents import store
from holdfast.agents.model import Agent, AgentSecret
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.blocks.model import Block
from holdfast.files import attached, opened
from holdfast.files.model import Folder
from holdfast.files.opened import FileView, NamedFile
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


LINKED = {"tools", "identities", "secrets"}


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
    folders: list[Folder] = field(default_factory=list[Folder])
    open_files: list[tuple[NamedFile, FileView]] = field(default_factory=list[tuple[NamedFile, FileView]])
    pending: Message | None = None


@dataclass(frozen=True, slots=True)
class AskedRelations:
    """What hangs on some agents, taken when it is needed."""

    windows: Callable[[], dict[str, messages.Window]]
    links: Callable[[], store.Links]
    blocks: Callable[[], dict[str, list[Block]]]

    @classmethod
    def about(cls, tx: Tx, who: Who, ids: Sequence[str], relations: Collection[str]) -> Self:
        return cls(
            messages.ask_window_ids(tx, who, ids),
            store.ask_links(tx, who, ids) if LINKED & set(relations) else store.Links,
            blocks.ask_of_agents(tx, who, ids) if "blocks" in relations else dict,
        )


def one(tx: Tx, who: Who, id: str, relations: Collection[str] = ALL) -> Loaded:
    asked = AskedRelations.about(tx, who, [id], relations)
    return _loaded(tx, who, [store.get(tx, who, id)], relations, asked)[0]


def page(tx: Tx, who: Who, page: Page, wanted: store.Filter, relations: Collection[str]) -> list[Loaded]:
    return load(tx, who, store.page(tx, who, page, wanted), relations)


def load(tx: Tx, who: Who, agents: Sequence[Agent], relations: Collection[str] = ALL) -> list[Loaded]:
    if not agents:
        return []
    asked = AskedRelations.about(tx, who, [agent.id for agent in agents], relations)
    return _loaded(tx, who, agents, relations, asked)


def _loaded(
    tx: Tx, who: Who, agents: Sequence[Agent], relations: Collection[str], asked: AskedRelations
) -> list[Loaded]:
    ids = [agent.id for agent in agents]
    windows, links, held = asked.windows(), asked.links(), asked.blocks()
    usable = tools.rows.many(tx, who, links.tools) if "tools" in relations else {}
    people = identities.of_agents(tx, who, ids) if links.identities and "identities" in relations else {}
    known = store.secrets_of(tx, who, ids) if links.secrets and "secrets" in relations else {}
    has = _folders(tx, who, agents) if "sources" in relations else {}
    found = [
        Loaded(
            agent=agent,
            message_ids=windows[agent.id].ids if agent.id in windows else [],
            relations=relations,
            blocks=held.get(agent.id, []),
            tools=[usable[id] for id in links.of_agent.get(agent.id, ()) if id in usable],
            identities=people.get(agent.id, []),
            secrets=known.get(agent.id, []),
            folders=has.get(agent.id, []),
            open_files=_open_files(tx, who, agent) if agent.id in has else [],
        )
        for agent in agents
    ]
    if "pending_approval" in relations:
        _load_pending(tx, who, [each for each in found if _may_wait(windows.get(each.agent.id))])
    return found


def _folders(tx: Tx, who: Who, agents: Sequence[Agent]) -> dict[str, list[Folder]]:
    having = [agent.id for agent in agents if agent.has_folders]
    return attached.folders_of_agents(tx, who, having) if having else {}


def _open_files(tx: Tx, who: Who, agent: Agent) -> list[tuple[NamedFile, FileView]]:
    most = agent.per_file_view_window_char_limit or opened.VIEW_CHARACTERS
    known = opened.known(tx, who, attached.open_files(tx, who, agent.id))
    return [(each, opened.view(tx, who, each.link, most)) for each in known]


def _may_wait(window: messages.Window | None) -> bool:
    return window is not None and window.newest == "approval"


def _load_pending(tx: Tx, who: Who, found: Sequence[Loaded]) -> None:
    """An agent waits for an approval while the newest message of its own thread asks for one."""
    newest = {each.message_ids[-1]: each for each in found}
    for id, message in messages.many(tx, who, newest).items():
        if message.calls:
            newest[id].pending = message
