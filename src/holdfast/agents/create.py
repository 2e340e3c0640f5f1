"""Making an agent, with everything that hangs on it, in one unit of work."""

import secrets
from collections.abc import Sequence
from typing import Any

from holdfast.agents import choose, folders, load, store
from holdfast.agents.first import first_messages
from holdfast.agents.load import ALL, Loaded
from holdfast.agents.model import Agent, CreateAgent
from holdfast.agents.threads import open_own_thread
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.blocks.model import Block, CreateBlock
from holdfast.errors import BadRequest, Invalid
from holdfast.identities import store as identities
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.llm.models import Models
from holdfast.mcp import store as mcp
from holdfast.messages import requests
from holdfast.messages.model import Message
from holdfast.messages.requests import MessageCreate
from holdfast.prompt import systems
from holdfast.store.table import Tx
from holdfast.tools import defaults
from holdfast.tools import store as tools
from holdfast.tools.model import Tool
from holdfast.tools.rules import RequiresApprovalToolRule, ToolRule

SUBAGENT = "role:subagent"
"""Agents with this tag are hidden from lists."""

ADJECTIVES = [
    "amber",
    "brave",
    "calm",
    "clever",
    "eager",
    "gentle",
    "golden",
    "kind",
    "lively",
    "merry",
    "quiet",
    "silver",
    "steady",
    "swift",
    "warm",
    "wise",
]
NOUNS = [
    "badger",
    "beacon",
    "cedar",
    "comet",
    "falcon",
    "harbour",
    "heron",
    "lantern",
    "maple",
    "meadow",
    "otter",
    "pebble",
    "river",
    "sparrow",
    "thistle",
    "willow",
]

SAME_COLUMNS = [
    "description",
    "metadata",
    "timezone",
    "max_files_open",
    "auto_recall",
    "per_file_view_window_char_limit",
    "enable_sleeptime",
    "project_id",
    "template_id",
    "base_template_id",
]
"""Choices that are columns under the same name."""


def create(tx: Tx, who: Who, new: CreateAgent, models: Models) -> Loaded:
    _refuse_impossible(new)
    usable = _tools(tx, who, new)
    agent = _agent(who, new, models, usable)
    choose.check_rules(models, agent.model, agent.tool_rules)
    held = _blocks(tx, who, new)
    store.rows.insert(tx, agent)
    blocks.link_to(tx, who, agent.id, held)
    tools.link_to(tx, who, agent.id, usable)
    identities.link_agent(tx, who, agent.id, new.identity_ids or [])
    environment = {**(new.tool_exec_environment_variables or {}), **(new.secrets or {})}
    kept = store.set_secrets(tx, who, agent.id, environment) if environment else []
    first = _first_messages(agent, new.initial_message_sequence)
    thread = open_own_thread(tx, who, agent, held, first)
    if folder_ids := [*(new.folder_ids or []), *(new.source_ids or [])]:
        folders.attach(tx, who, agent.id, folder_ids, models)
        return load.one(tx, who, agent.id)
    people = identities.of_agents(tx, who, [agent.id]).get(agent.id, []) if new.identity_ids else []
    ids = [thread.prompt_id, *(message.id for message in first)]
    return Loaded(agent, ids, ALL, held, usable, people, kept)


def random_name() -> str:
    return f"{secrets.choice(ADJECTIVES)}-{secrets.choice(NOUNS)}-{secrets.randbelow(9000) + 1000}"


def is_hidden(hidden: bool | None, tags: Sequence[str]) -> bool | None:
    return True if SUBAGENT in tags else hidden


def with_approvals(rules: Sequence[ToolRule], usable: Sequence[Tool]) -> list[ToolRule]:
    """The rules, with one for each tool that is approved call by call unless somebody decided otherwise."""
    asking = {rule.tool_name for rule in rules if rule.type == "requires_approval"}
    wanting = (tool.name for tool in usable if tool.default_requires_approval and tool.name not in asking)
    return [*rules, *(RequiresApprovalToolRule(tool_name=name) for name in wanting)]


def _refuse_impossible(new: CreateAgent) -> None:
    if new.agent_type == "split_thread_agent":
        raise BadRequest("The agent type split_thread_agent exists in V1's lists only; use letta_v1_agent.")
    if new.agent_type == "voice_convo_agent" and not new.enable_sleeptime:
        raise Invalid("A voice_convo_agent needs enable_sleeptime: true; its memory is kept by a background agent.")


def _tools(tx: Tx, who: Who, new: CreateAgent) -> list[Tool]:
    """The tools by type, by name and by id, each once."""
    names: list[str] = []
    if new.include_base_tools:
        names += defaults.base_tools(new.agent_type, enable_sleeptime=bool(new.enable_sleeptime))
    if new.include_multi_agent_tools:
        names += defaults.MULTI_AGENT_TOOLS
    found = tools.named(tx, who, list(dict.fromkeys([*names, *(new.tools or [])])))
    if new.tool_ids:
        found = [*found, *tools.each(tx, who, new.tool_ids)]
    found = [*found, *mcp.of_servers(tx, who, new.mcp_server_ids or [])]
    return list({tool.id: tool for tool in found}.values())


def _rules(new: CreateAgent, usable: Sequence[Tool]) -> list[ToolRule]:
    rules = list(new.tool_rules or [])
    if defaults.wants_base_rules(new.agent_type, choose.handle_of(new), new.include_base_tool_rules):
        ruled = {(rule.tool_name, rule.type) for rule in rules}
        base = defaults.base_rules([tool.name for tool in usable])
        rules += [rule for rule in base if (rule.tool_name, rule.type) not in ruled]
    return with_approvals(rules, usable)


def _agent(who: Who, new: CreateAgent, models: Models, usable: Sequence[Tool]) -> Agent:
    chosen: dict[str, Any] = {name: getattr(new, name) for name in SAME_COLUMNS}
    chosen |= choose.columns(models, new)
    tags = list(dict.fromkeys(new.tags or []))
    moment = now()
    return Agent(
        **chosen,
        id=new_id("agent"),
        organization_id=who.organization_id,
        created_at=moment,
        updated_at=moment,
        created_by_id=who.user_id,
        last_updated_by_id=who.user_id,
        name=new.name or random_name(),
        agent_type=new.agent_type,
        system=systems.BY_TYPE[new.agent_type] if new.system is None else new.system,
        tags=tags,
        tool_rules=_rules(new, usable),
        message_buffer_autoclear=bool(new.message_buffer_autoclear) or new.agent_type == "workflow_agent",
        hidden=is_hidden(new.hidden, tags),
    )


def _blocks(tx: Tx, who: Who, new: CreateAgent) -> list[Block]:
    """New blocks, then shared ones; `persona` and `human` as plain strings are blocks too."""
    wanted = list(new.memory_blocks or [])
    for label, value in (("persona", new.persona), ("human", new.human)):
        if value is not None and all(block.label != label for block in wanted):
            wanted.append(CreateBlock(label=label, value=value))
    made = [blocks.made(who, _filled(block, new.memory_variables)) for block in wanted]
    shared = blocks.rows.each(tx, who, new.block_ids) if new.block_ids else []
    blocks.refuse_same_labels([*made, *shared])
    blocks.rows.insert_many(tx, made)
    return [*made, *shared]


def _filled(block: CreateBlock, variables: dict[str, str] | None) -> CreateBlock:
    """`{{name}}` in a block's value is replaced by the variable of that name."""
    value = block.value
    for name, text in (variables or {}).items():
        value = value.replace("{{" + name + "}}", text)
    return block.model_copy(update={"value": value})


def _first_messages(agent: Agent, asked: Sequence[MessageCreate] | None) -> list[Message]:
    """What stands after the prompt: what was asked for, else what suits the type."""
    if asked is None:
        return first_messages(agent)
    where = {"organization_id": agent.organization_id, "agent_id": agent.id, "thread_id": agent.id}
    return [requests.stored(sent, **where) for sent in asked]
