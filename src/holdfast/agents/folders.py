"""The folders that an agent has: given and taken with the tools for files; what of them is open."""

from collections.abc import Sequence

from holdfast.agents import store, wire
from holdfast.agents.directories import most_open
from holdfast.agents.model import Agent
from holdfast.auth.model import Who
from holdfast.files import attached, folders, opened
from holdfast.files import store as files
from holdfast.files.model import File
from holdfast.llm.models import Models
from holdfast.store.table import Tx
from holdfast.tools import store as tools

FILE_TOOLS = ("open_files", "grep_files", "semantic_search_files")
"""An agent has them as long as it has a folder."""


def attach(tx: Tx, who: Who, agent_id: str, folder_ids: Sequence[str], models: Models) -> Agent:
    """Give an agent folders, and open as many of their files as it may have open."""
    if not folder_ids:
        return store.get(tx, who, agent_id)
    agent = _held(tx, who, agent_id, models)
    for folder in folders.rows.each(tx, who, folder_ids):
        there = files.of_folders(tx, who, [folder.id])
        if attached.attach(tx, who, agent_id, there, folder.id):
            opened.fill(tx, who, agent_id, there, most_open(agent))
    for tool in tools.named(tx, who, FILE_TOOLS):
        tools.attach(tx, who, agent_id, tool.id)
    return agent


def detach(tx: Tx, who: Who, agent_id: str, folder_id: str) -> Agent:
    """Take a folder from an agent, and with the last one the tools."""
    store.rows.update(tx, who, agent_id, {})
    attached.detach(tx, who, agent_id, folder_id)
    return settle(tx, who, agent_id)


def replace(tx: Tx, who: Who, agent_id: str, folder_ids: Sequence[str], models: Models) -> None:
    """Make exactly these folders the agent's."""
    for folder in attached.folders_of(tx, who, agent_id):
        if folder.id not in folder_ids:
            detach(tx, who, agent_id, folder.id)
    attach(tx, who, agent_id, folder_ids, models)


def settle(tx: Tx, who: Who, agent_id: str) -> Agent:
    """Take the tools for files from an agent if it has no folder any more."""
    if attached.folders_of(tx, who, agent_id):
        return store.get(tx, who, agent_id)
    for tool in tools.of_agent(tx, who, agent_id):
        if tool.name in FILE_TOOLS:
            tools.detach(tx, who, agent_id, tool.id)
    return store.rows.update(tx, who, agent_id, {"has_folders": False})


def show_new(tx: Tx, who: Who, file: File) -> None:
    """Open a file that has just been read for the agents that have its folder and room for it."""
    readable = files.rows.get(tx, who, file.id)
    for agent in store.rows.many(tx, who, attached.agents_of(tx, who, file.folder_id)).values():
        opened.fill(tx, who, agent.id, [readable], most_open(agent))


def _held(tx: Tx, who: Who, agent_id: str, models: Models) -> Agent:
    """The agent, touched first, so that changes wait for each other, with limits that suit its model from now on."""
    agent = store.get(tx, who, agent_id)
    most, characters = wire.file_limits(agent, models)
    limits = {"max_files_open": most, "per_file_view_window_char_limit": characters}
    return store.rows.update(tx, who, agent_id, {"has_folders": True, **limits})
