"""Everything that an agent file tells of, made in one unit of work. Nothing of it is run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any, cast

from holdfast.agentfile import messages as read_messages
from holdfast.agentfile.model import AgentFile, FileAgent, FileMcpServer, FileSource, FileText, FileTool, SeenFile
from holdfast.agentfile.options import ImportOptions
from holdfast.agents import choose
from holdfast.agents import create as making
from holdfast.agents.compile import recompile
from holdfast.agents.model import Agent
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.errors import BadRequest, NotFound
from holdfast.files import attached, folders
from holdfast.files import store as files
from holdfast.files.kinds import media_type_of
from holdfast.files.names import LONGEST, named
from holdfast.files.received import Received
from holdfast.llm import chosen
from holdfast.llm.models import Models
from holdfast.mcp import store as mcp
from holdfast.mcp.model import McpServer, NamedServer
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.messages.model import Message
from holdfast.store.table import Tx
from holdfast.tools import store as tools
from holdfast.tools.builtin import registry
from holdfast.tools.model import OWN_TYPES, CreateTool, Tool


@dataclass(frozen=True, slots=True)
class Import:
    """One import under way; `ids` are those that were given here to what the file names."""

    tx: Tx
    who: Who
    asked: ImportOptions
    models: Models
    ids: dict[str, str]


def make(tx: Tx, who: Who, file: AgentFile, asked: ImportOptions, models: Models) -> list[str]:
    """The ids of the new agents."""
    at = Import(tx, who, asked, models, {})
    servers = {server.id: _server(at, server) for server in file.mcp_servers}
    for tool in file.tools:
        at.ids[tool.id] = _tool(at, tool, servers).id
    for block in file.blocks:
        at.ids[block.id] = blocks.create(tx, who, block.model_copy(update=_unbound(asked))).id
    for source in file.sources:
        at.ids[source.id] = _folder(at, source)
    for text in file.files:
        at.ids[text.id] = _file(at, text)
    return [_agent(at, agent) for agent in file.agents]


def unknown_servers(tx: Tx, who: Who, file: AgentFile) -> list[McpServer]:
    """The MCP servers that the import would register, as they would be."""
    new = [server for server in file.mcp_servers if mcp.find(tx, who, server.server_name) is None]
    return [mcp.unstored(as_stranger(who), _named(server)) for server in new]


def as_stranger(who: Who) -> Who:
    """Without the rights of an administrator: what a file says was not said by one."""
    return replace(who, scopes=who.scopes - {"admin"})


def _unbound(asked: ImportOptions) -> dict[str, Any]:
    return {"project_id": asked.project_id, "template_id": None, "base_template_id": None, "deployment_id": None}


def _named(server: FileMcpServer) -> NamedServer:
    stdio = server.stdio_config
    return NamedServer.model_validate(
        {
            "server_name": server.server_name,
            "mcp_server_type": server.server_type,
            "server_url": server.server_url,
            "command": stdio.command if stdio else None,
            "args": stdio.args if stdio else None,
        }
    )


def _server(at: Import, server: FileMcpServer) -> McpServer:
    return mcp.find(at.tx, at.who, server.server_name) or mcp.create(at.tx, as_stranger(at.who), _named(server))


def _tool(at: Import, sent: FileTool, servers: Mapping[str, McpServer]) -> Tool:
    """The tool of this name that there is, or a new one; a custom one is renewed if that was asked for."""
    if sent.name in registry.names():
        return tools.named(at.tx, at.who, [sent.name])[0]
    there = tools.by_name(at.tx, at.who, [sent.name]).get(sent.name)
    if sent.tool_type == "external_mcp":
        return _tool_of_server(at, sent, servers, there)
    if there is not None and (there.tool_type != "custom" or not at.asked.override_existing_tools):
        return there
    if sent.tool_type in OWN_TYPES or sent.source_code is None:
        if there is not None:
            return there
        raise BadRequest(
            f"The tool {sent.name!r} ({sent.id}) is of type {sent.tool_type} and has no source code, and this server "
            "has no tool of that name; make one, or take it out of the file."
        )
    fields = {name: getattr(sent, name) for name in CreateTool.model_fields if name != "args_json_schema"}
    return tools.upsert(at.tx, at.who, CreateTool.model_validate(fields), at.asked.project_id)


def _tool_of_server(at: Import, sent: FileTool, servers: Mapping[str, McpServer], there: Tool | None) -> Tool:
    mark = _mark(sent)
    server = servers.get(str(mark.get("server_id"))) or mcp.find(at.tx, at.who, str(mark.get("server_name")))
    if server is None:
        raise BadRequest(
            f"The tool {sent.name!r} ({sent.id}) belongs to the MCP server {mark.get('server_name')!r}, which is "
            "neither in the file nor here; register a server of that name first."
        )
    if there is None:
        schema = sent.json_schema or {}
        told = schema.get("description") or sent.description
        name = str(mark.get("tool_name") or sent.name)
        listed = {"name": name, "description": told, "inputSchema": schema.get("parameters")}
        return mcp.expect(at.tx, at.who, server, sent.name, listed)
    if there.mcp_server_id != server.id:
        raise BadRequest(
            f"There is a tool {sent.name!r} already that does not belong to the MCP server {server.server_name!r}; "
            "rename it, or take the tool out of the file."
        )
    return there


def _mark(sent: FileTool) -> dict[str, Any]:
    """By what a tool says which server it belongs to."""
    mark: Any = (sent.metadata_ or {}).get("mcp")
    return cast(dict[str, Any], mark) if isinstance(mark, dict) else {}


def _folder(at: Import, sent: FileSource) -> str:
    taken = folders.rows.first(at.tx, at.who, folders.c.name == sent.name) is not None
    new = at.asked.folder(sent, f"{sent.name}_{token_hex(4)}" if taken else sent.name)
    columns = _told(sent.name, lambda: chosen.embedding(at.models, new.embedding, new.embedding_config))
    return folders.create(at.tx, at.who, new, columns).id


def _file(at: Import, sent: FileText) -> str:
    called = sent.file_name or sent.original_file_name or ""
    received = Received(
        name=named(called),
        original_name=(sent.original_file_name or called)[:LONGEST],
        media_type=media_type_of(called, sent.file_type),
        kind="text",
        body=(sent.content or "").encode(),
    )
    return files.receive(at.tx, at.who, at.ids[sent.source_id], received, "suffix")[0].id


def _agent(at: Import, sent: FileAgent) -> str:
    new = at.asked.create(sent, at.ids)
    _told(sent.name or sent.id, lambda: choose.columns(at.models, new))
    agent = making.create(at.tx, at.who, new, at.models).agent
    if sent.messages and not at.asked.strip_messages:
        _remember(at, agent, sent)
    for view in sent.files_agents:
        _show(at, agent, view)
    thread = threads.rows.get(at.tx, at.who, agent.id)
    recompile(at.tx, at.who, agent, thread, always=True)
    return agent.id


def _told(whose: str, choose_models: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A model that this server does not have is told with what helps in an import."""
    try:
        return choose_models()
    except (BadRequest, NotFound) as unknown:
        raise BadRequest(
            f"{whose!r} in the agent file cannot run here as it is. {unknown.detail} "
            "Import the file with another `model` or `embedding`."
        ) from unknown


def _remember(at: Import, agent: Agent, sent: FileAgent) -> None:
    """Put the messages of the file after the new prompt, and the same of them into view."""
    made = read_messages.read(at.who, agent, sent)
    seen = [made[id] for id in dict.fromkeys(sent.in_context_message_ids)]
    if seen and seen[0].role == "system":
        del made[sent.in_context_message_ids[0]]  # the prompt is compiled anew
        seen = seen[1:]
    rows = list(made.values())
    messages.append(at.tx, rows)
    threads.rows.update(at.tx, at.who, agent.id, _window(rows, seen))


def _window(rows: list[Message], seen: list[Message]) -> dict[str, Any]:
    """The columns of a thread that has these messages in view."""
    summaries = [message.id for message in seen if message.role == "summary"]
    others = [message for message in seen if message.role != "summary"]
    said = [message for message in rows if message.role != "summary"]
    begin = len(said) - len(others)
    is_end = said[begin:] == others
    after = rows[-1].sequence + 1 if rows else 0
    return {
        "summary_id": summaries[-1] if summaries else None,
        "window_start": said[begin].sequence if is_end and others else after,
        "window_ids": None if is_end else [message.id for message in others],
    }


def _show(at: Import, agent: Agent, view: SeenFile) -> None:
    if not view.is_open:
        return
    link = attached.file_of(at.tx, at.who, agent.id, at.ids[view.file_id])
    first = view.start_line or 0
    count = None if view.end_line is None else max(view.end_line - first, 1)
    attached.show(at.tx, at.who, link.id, first_line=first, line_count=count, at=view.last_accessed_at)
