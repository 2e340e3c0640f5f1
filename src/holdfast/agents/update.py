"""Changing an agent: null means unchanged, a list replaces what was there."""

from collections.abc import Sequence
from typing import Any

from holdfast.agents import choose, directories, folders, load, store
from holdfast.agents.create import is_hidden, with_approvals
from holdfast.agents.load import Loaded
from holdfast.agents.model import Agent, UpdateAgent
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.errors import BadRequest, NotFound
from holdfast.files import opened
from holdfast.identities import store as identities
from holdfast.llm.models import Models
from holdfast.mcp import store as mcp
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.store.table import Tx, take_sequence
from holdfast.tools import store as tools

SAME_COLUMNS = [
    "name",
    "system",
    "description",
    "metadata",
    "tags",
    "tool_rules",
    "timezone",
    "max_files_open",
    "per_file_view_window_char_limit",
    "auto_recall",
    "enable_sleeptime",
    "hidden",
    "project_id",
    "template_id",
    "base_template_id",
    "message_buffer_autoclear",
    "last_run_completion",
    "last_run_duration_ms",
    "last_stop_reason",
]
"""Fields of the update that are columns under the same name."""


def update(tx: Tx, who: Who, id: str, change: UpdateAgent, models: Models) -> Loaded:
    agent = store.rows.update(tx, who, id, {})  # touched first: changes of what it has wait for each other
    values: dict[str, Any] = {name: value for name in SAME_COLUMNS if (value := getattr(change, name)) is not None}
    values |= choose.columns(models, change, agent)
    if (wanted := _tools(tx, who, id, change)) is not None:
        rules = change.tool_rules if change.tool_rules is not None else agent.tool_rules
        values["tool_rules"] = with_approvals(rules, tools.replace(tx, who, id, wanted))
    if change.tags is not None:
        values["tags"] = list(dict.fromkeys(change.tags))
        values["hidden"] = is_hidden(values.get("hidden", agent.hidden), values["tags"])
    if change.tool_rules is not None or "model" in values:
        rules = change.tool_rules if change.tool_rules is not None else agent.tool_rules
        choose.check_rules(models, values.get("model", agent.model), rules)
    if agent.agent_type == "workflow_agent":
        values.pop("message_buffer_autoclear", None)
    _replace_links(tx, who, id, change)
    if change.message_ids is not None:
        _choose_window(tx, who, agent, change.message_ids)
    _replace_folders(tx, who, store.rows.update(tx, who, id, values), change, models)
    return load.one(tx, who, id)


def _tools(tx: Tx, who: Who, id: str, change: UpdateAgent) -> list[str] | None:
    """The ids of all tools that the agent is to have; None when they stay as they are."""
    if change.tool_ids is None and not change.mcp_server_ids:
        return None
    kept = [tool.id for tool in tools.of_agent(tx, who, id)] if change.tool_ids is None else change.tool_ids
    added = (tool.id for tool in mcp.of_servers(tx, who, change.mcp_server_ids or []))
    return list(dict.fromkeys((*kept, *added)))


def _replace_folders(tx: Tx, who: Who, agent: Agent, change: UpdateAgent, models: Models) -> None:
    if change.folder_ids is not None or change.source_ids is not None:
        wanted = [*(change.folder_ids or []), *(change.source_ids or [])]
        folders.replace(tx, who, agent.id, wanted, models)
    if change.max_files_open is not None:
        opened.open_all(tx, who, agent.id, [], directories.most_open(agent))


def _replace_links(tx: Tx, who: Who, id: str, change: UpdateAgent) -> None:
    if change.block_ids is not None:
        blocks.replace(tx, who, id, change.block_ids)
    if change.identity_ids is not None:
        identities.unlink_agent(tx, who, id)
        identities.link_agent(tx, who, id, change.identity_ids)
    environment = change.secrets if change.secrets is not None else change.tool_exec_environment_variables
    if environment is not None:
        store.set_secrets(tx, who, id, environment)


def _choose_window(tx: Tx, who: Who, agent: Agent, ids: Sequence[str]) -> None:
    """Put exactly these messages before the model; what comes later follows them."""
    thread = threads.rows.get(tx, who, agent.id)
    found = messages.many(tx, who, ids)
    for id in ids:
        if id not in found or found[id].agent_id != agent.id:
            raise NotFound(f"Agent {agent.id} has no message {id}.")
    if not ids or ids[0] != thread.prompt_id:
        raise BadRequest(f"The first of message_ids must be the agent's system message, {thread.prompt_id}.")
    window = {"window_ids": list(ids[1:]), "summary_id": None, "window_start": take_sequence(tx, "messages", 1)}
    threads.rows.update(tx, who, thread.id, window)
