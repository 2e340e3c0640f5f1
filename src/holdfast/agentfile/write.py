"""An agent as an agent file: everything that makes it what it is, without anything secret."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from holdfast import __version__
from holdfast.agentfile.messages import written
from holdfast.agentfile.model import Row, Skill
from holdfast.agents import choose, load, wire
from holdfast.agents.load import Loaded
from holdfast.agents.model import Agent, CreateAgent
from holdfast.auth.model import Who
from holdfast.files import attached, chunks, opened
from holdfast.files import store as files
from holdfast.files import wire as file_wire
from holdfast.files.model import AttachedFile, File, Folder
from holdfast.kit.clock import now
from holdfast.llm.models import Models
from holdfast.mcp import store as mcp
from holdfast.mcp.model import McpServer
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.messages.model import Message
from holdfast.store.table import Tx
from holdfast.tools.model import Tool

SERVERS_OWN = frozenset(
    (
        "project_id",
        "template_id",
        "base_template_id",
        "deployment_id",
        "entity_id",
        "created_by_id",
        "last_updated_by_id",
    )
)
"""Fields that mean something only where they were set."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What an export is asked for."""

    conversation_id: str | None = None
    scrub_messages: bool = False
    skills: Sequence[Skill] = ()


@dataclass(slots=True)
class Numbers:
    """The ids of the file: per kind, counted from 0."""

    ids: dict[str, str] = field(default_factory=dict[str, str])
    counts: dict[str, int] = field(default_factory=dict[str, int])

    def give(self, prefix: str, ids: Iterable[str]) -> list[str]:
        given = list[str]()
        for id in ids:
            number = self.counts.get(prefix, 0)
            self.counts[prefix] = number + 1
            self.ids[id] = f"{prefix}-{number}"
            given.append(self.ids[id])
        return given


def agent_file(tx: Tx, who: Who, agent_id: str, wanted: ExportOptions, models: Models) -> Row:
    loaded = load.one(tx, who, agent_id)
    numbers = Numbers()
    [own_id] = numbers.give("agent", [agent_id])
    numbers.give("tool", (tool.id for tool in loaded.tools))
    numbers.give("block", (block.id for block in loaded.blocks))
    numbers.give("source", (folder.id for folder in loaded.folders))
    held = files.of_folders(tx, who, [folder.id for folder in loaded.folders]) if loaded.folders else []
    numbers.give("file", (file.id for file in held))
    servers = mcp.rows.many(tx, who, {tool.mcp_server_id for tool in loaded.tools if tool.mcp_server_id})
    numbers.give("mcp_server", servers)
    in_context, history = ([], []) if wanted.scrub_messages else _messages(tx, who, agent_id, wanted.conversation_id)
    numbers.give("message", (message.id for message in history))
    agent = {
        **_chosen(loaded, models),
        "id": own_id,
        "in_context_message_ids": [numbers.ids[id] for id in in_context],
        "messages": [written(message, numbers.ids) for message in history],
        "files_agents": _views(tx, who, agent_id, numbers),
        "group_ids": [],
        "tool_ids": [numbers.ids[tool.id] for tool in loaded.tools],
        "block_ids": [numbers.ids[block.id] for block in loaded.blocks],
        "source_ids": [numbers.ids[folder.id] for folder in loaded.folders],
        "folder_ids": None,
        "identity_ids": None,
    }
    return {
        "agents": [agent],
        "groups": [],
        "blocks": [_portable(block.model_dump(), numbers.ids[block.id]) for block in loaded.blocks],
        "files": [_file(tx, who, file, numbers) for file in held],
        "sources": [_source(folder, models, numbers) for folder in loaded.folders],
        "tools": [_tool(tool, servers, numbers) for tool in loaded.tools],
        "mcp_servers": [_server(server, numbers) for server in servers.values()],
        "skills": [skill.model_dump() for skill in wanted.skills],
        "metadata": {"revision_id": f"holdfast-{__version__}"},
        "created_at": now(),
    }


def _chosen(loaded: Loaded, models: Models) -> Row:
    """What a create would have to say for the same agent; of its secrets only the names."""
    shown = wire.state(loaded, models)
    names = {secret.key: "" for secret in loaded.secrets}
    fields = {name: shown[name] for name in CreateAgent.model_fields if name in shown and name not in SERVERS_OWN}
    return {
        **fields,
        **_models(loaded.agent, shown),
        "tools": None,
        "secrets": names,
        "tool_exec_environment_variables": names,
        "include_base_tools": False,
        "include_multi_agent_tools": False,
        "include_base_tool_rules": False,
    }


def _models(agent: Agent, shown: Row) -> Row:
    """What the agent runs on, and what was chosen for it; defaults are the model's, here and elsewhere."""
    config = {name: value for name, value in shown["llm_config"].items() if name in (*choose.NAMING, "context_window")}
    settings = shown["model_settings"] if agent.model_settings else None
    chosen = {"provider_type", *(agent.model_settings or ())}
    return {
        "llm_config": {**config, **agent.llm},
        "model_settings": settings and {name: settings[name] for name in settings if name in chosen},
    }


def _messages(tx: Tx, who: Who, agent_id: str, conversation_id: str | None) -> tuple[list[str], list[Message]]:
    """What the model sees of a thread, and the whole of it, the prompt first."""
    thread = threads.of_agent_by_id(tx, who, agent_id, conversation_id or "default")
    seen = messages.window(tx, who, thread)
    whole = messages.rows.all(tx, who, messages.in_thread(thread), order=[messages.c.sequence])
    by_id = {message.id: message for message in [*seen[:1], *whole, *seen]}
    return [message.id for message in seen], list(by_id.values())


def _views(tx: Tx, who: Who, agent_id: str, numbers: Numbers) -> list[Row]:
    known = opened.known(tx, who, attached.files_of(tx, who, agent_id))
    numbers.give("file_agent", (each.link.id for each in known))
    return [
        {
            "id": numbers.ids[each.link.id],
            "agent_id": numbers.ids[agent_id],
            "file_id": numbers.ids[each.file.id],
            "source_id": numbers.ids[each.folder.id],
            "file_name": each.file.name,
            **_lines(each.link),
        }
        for each in known
    ]


def _lines(link: AttachedFile) -> Row:
    first, count = link.first_line, link.line_count
    return {
        "is_open": link.is_open,
        "last_accessed_at": link.last_accessed_at,
        "visible_content": None,
        "start_line": first or None,
        "end_line": None if count is None else first + count,
    }


def _file(tx: Tx, who: Who, file: File, numbers: Numbers) -> Row:
    shown = file_wire.file(file, chunks.text(tx, who, file.id))
    return {**shown, "id": numbers.ids[file.id], "source_id": numbers.ids[file.folder_id]}


def _source(folder: Folder, models: Models, numbers: Numbers) -> Row:
    shown = file_wire.folder(folder, models)
    kept = ("name", "description", "instructions", "metadata", "embedding_config")
    return {"id": numbers.ids[folder.id], **{name: value for name, value in shown.items() if name in kept}}


def _tool(tool: Tool, servers: dict[str, McpServer], numbers: Numbers) -> Row:
    shown = _portable(tool.model_dump(), numbers.ids[tool.id])
    server = servers.get(tool.mcp_server_id or "")
    if server is not None:
        mark = {"server_name": server.server_name, "server_id": numbers.ids[server.id], "tool_name": tool.mcp_name}
        shown["metadata_"] = {**(tool.metadata_ or {}), "mcp": mark}
    return shown


def _server(server: McpServer, numbers: Numbers) -> Row:
    stdio: Any = None
    if server.command:
        stdio = {"server_name": server.server_name, "type": "stdio", "command": server.command, "args": server.args}
    return {
        "id": numbers.ids[server.id],
        "server_type": server.server_type,
        "server_name": server.server_name,
        "server_url": _address(server.server_url) if server.server_url else None,
        "stdio_config": stdio,
        "metadata_": None,
    }


def _address(url: str) -> str:
    """An address without what may be a credential in it: the user, and the query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _portable(shown: Row, id: str) -> Row:
    return {name: value for name, value in shown.items() if name not in SERVERS_OWN} | {"id": id}
