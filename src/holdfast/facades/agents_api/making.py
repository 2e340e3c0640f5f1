"""Making an agent of a simple body: what is not known here is replaced or left to the client, with a warning."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.agents import create, load, store, wire
from holdfast.agents.load import Loaded
from holdfast.agents.model import CreateAgent
from holdfast.auth.model import Who
from holdfast.blocks.model import DEFAULT_LIMIT, CreateBlock
from holdfast.errors import AppError, Invalid
from holdfast.facades.agents_api import client_tools
from holdfast.facades.agents_api.asked import NamedBlock, NewApiAgent
from holdfast.kit.page import Page
from holdfast.llm.models import Models
from holdfast.llm.settings import LLMConfig
from holdfast.store.table import Tx
from holdfast.tools import store as tools
from holdfast.tools.builtin import registry
from holdfast.turns.requests import ClientTool

NAMES = ("handle", "embedding_model", "model")
"""Where a description of an embedding model has its name, the best first."""


@dataclass(slots=True)
class Settled:
    """What becomes of the tools and the embedding model that a client has named."""

    server: list[str] = field(default_factory=list[str])
    client: list[ClientTool] = field(default_factory=list[ClientTool])
    embedding: str | None = None
    warnings: list[str] = field(default_factory=list[str])


def make(tx: Tx, who: Who, new: NewApiAgent, models: Models) -> dict[str, Any]:
    chosen = Settled()
    names = [tool for tool in new.tools or () if isinstance(tool, str)]
    known = {*registry.names(), *tools.by_name(tx, who, names)}
    for tool in new.tools or ():
        _choose_tool(tool, known, chosen)
    _choose_embedding(new, models, chosen)
    made = create.create(tx, who, _agent(new, chosen), models)
    return {**shown(made, models), "warnings": chosen.warnings}


def one(tx: Tx, who: Who, agent_id: str, models: Models) -> dict[str, Any]:
    return shown(load.one(tx, who, agent_id), models)


def every(tx: Tx, who: Who, page: Page, name: str | None, models: Models) -> list[dict[str, Any]]:
    loaded = load.page(tx, who, page, store.Filter(name=name) if name else store.Filter(), load.ALL)
    states = wire.states(loaded, models)
    return [{**state, **_beside(each)} for state, each in zip(states, loaded, strict=True)]


def shown(loaded: Loaded, models: Models) -> dict[str, Any]:
    """An agent as V1 shows it, and which tools its client runs."""
    return {**wire.state(loaded, models), **_beside(loaded)}


def _beside(loaded: Loaded) -> dict[str, Any]:
    tools = client_tools.of_agent(loaded.agent)
    return {"client_tools": [tool.model_dump() for tool in tools]}


def _choose_tool(tool: str | ClientTool, known: Collection[str], chosen: Settled) -> None:
    """A tool by its name is one of the server's; a description, or a name that nothing has, is run by the client."""
    if isinstance(tool, ClientTool):
        if any(each.name == tool.name for each in chosen.client):
            raise Invalid(f"`tools` has {tool.name} more than once; give each tool a name of its own.")
        chosen.client.append(tool)
    elif tool in known:
        chosen.server.append(tool)
    elif all(each.name != tool for each in chosen.client):
        chosen.client.append(_named(tool))
        chosen.warnings.append(
            f"This server has no tool {tool!r}: the client has to run it. Calls of it are answered in `tool_calls`; "
            "send {name, description, parameters} instead of the name, so that the model knows what it takes."
        )


def _named(name: str) -> ClientTool:
    try:
        return ClientTool(name=name, description=None, parameters=client_tools.ANYTHING)
    except ValueError as wrong:
        raise Invalid(
            f"{name[:100]!r} is no name of a tool: it has 1 to 64 letters, digits, `_` and `-` only."
        ) from wrong


def _choose_embedding(new: NewApiAgent, models: Models, chosen: Settled) -> None:
    """The embedding model that was named, if a provider of this server has it; else the default."""
    wanted = new.embedding or _embedding_name(new.embedding_config)
    if not wanted:
        return
    try:
        handle = models.embedding_card(wanted).handle
    except AppError:
        handle = None
    if handle is not None and handle in {card.handle for card in models.embedding_cards()}:
        chosen.embedding = handle
        return
    default = models.embedding_card(None).handle
    chosen.warnings.append(f"No provider of this server has the embedding model {wanted[:100]!r}: {default} is used.")


def _embedding_name(config: dict[str, Any] | str | None) -> str | None:
    if config is None or isinstance(config, str):
        return config
    return next((config[name] for name in NAMES if config.get(name) and isinstance(config[name], str)), None)


def _agent(new: NewApiAgent, chosen: Settled) -> CreateAgent:
    config = LLMConfig.model_validate({"model": new.llm_config}) if isinstance(new.llm_config, str) else new.llm_config
    metadata = {**(new.metadata or {}), **client_tools.kept(chosen.client, new.session_idle_hours)}
    return CreateAgent(
        name=new.name,
        description=new.description,
        persona=new.persona,
        human=new.human,
        system=new.system,
        model=new.model,
        llm_config=config,
        context_window_limit=new.context_window,
        embedding=chosen.embedding,
        tools=chosen.server,
        tool_rules=new.tool_rules,
        memory_blocks=_blocks(new.memory_blocks or ()),
        include_base_tools=new.include_base_tools,
        tags=new.tags,
        metadata=metadata or None,
        timezone=new.timezone,
    )


def _blocks(sent: Sequence[NamedBlock]) -> list[CreateBlock]:
    return [
        CreateBlock(
            label=block.label or block.name or "",
            value=block.value or "",
            description=block.description,
            limit=DEFAULT_LIMIT if block.limit is None else block.limit,
            read_only=block.read_only,
            metadata={"name": block.name} if block.name and block.label else {},
        )
        for block in sent
    ]
