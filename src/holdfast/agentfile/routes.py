"""HTTP of agent files: out and in (CONTRACT §2.1, §16)."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import Body, File, Form, Header, Query, Response, UploadFile

from holdfast.agentfile.make import make, unknown_servers
from holdfast.agentfile.model import Skill
from holdfast.agentfile.options import ImportOptions
from holdfast.agentfile.parse import parse, variables
from holdfast.agentfile.write import ExportOptions, agent_file
from holdfast.agents.model import Name
from holdfast.auth.caller import Caller, Db
from holdfast.errors import AppError, BadRequest
from holdfast.files.asked import Nudge
from holdfast.kit.entity import Shape, Sparse
from holdfast.kit.ids import AgentId
from holdfast.kit.reply import indented, reply
from holdfast.kit.routes import Router
from holdfast.llm.asked import Llms
from holdfast.mcp.asked import Mcp
from holdfast.mcp.model import McpServer
from holdfast.mcp.servers import Servers

router = Router("agents")

OfConversation = Annotated[str | None, Query(description="A conversation whose messages stand for the agent's own.")]
Scrubbed = Annotated[bool, Query(description="Leave all messages out.")]


class ExportAgentRequest(Sparse):
    """The body of an export that also packs skills into the file."""

    skills: list[Skill] = []
    conversation_id: str | None = None
    scrub_messages: bool = False


class ImportedAgentsResponse(Shape):
    """The agents that were made of a file."""

    agent_ids: list[str]


class AgentFileForm(Shape):
    """The form of an import besides the file; the later names go before the older ones."""

    override_existing_tools: bool = True
    strip_messages: bool = False
    secrets: str | None = None
    name: Name | None = None
    embedding: str | None = None
    model: str | None = None
    append_copy_suffix: bool = True
    override_name: Name | None = None
    override_embedding_handle: str | None = None
    override_model_handle: str | None = None
    project_id: str | None = None
    env_vars_json: str | None = None

    def asked(self, embedding: str | None) -> ImportOptions:
        """What was asked for; the header's embedding model counts when the form names none."""
        old, new = variables(self.env_vars_json, "env_vars_json"), variables(self.secrets, "secrets")
        return ImportOptions(
            name=self.name or self.override_name,
            model=self.model or self.override_model_handle,
            embedding=self.embedding or self.override_embedding_handle or embedding,
            project_id=self.project_id or None,
            secrets={**old, **new},
            override_existing_tools=self.override_existing_tools,
            append_copy_suffix=self.append_copy_suffix,
            strip_messages=self.strip_messages,
        )


@router.get("/agents/{agent_id}/export", str)
async def export_agent(
    agent_id: AgentId,
    who: Caller,
    db: Db,
    models: Llms,
    conversation_id: OfConversation = None,
    scrub_messages: Scrubbed = False,
    use_legacy_format: Annotated[bool, Query(deprecated=True)] = False,
    max_steps: Annotated[int, Query(deprecated=True, description="Without effect.")] = 100,
) -> Response:
    """The agent as a file that can be imported elsewhere; its secrets stay here."""
    if use_legacy_format:
        raise BadRequest("The legacy format of agent files is not written any more; leave use_legacy_format out.")
    wanted = ExportOptions(conversation_id or None, scrub_messages)
    return indented(await db.read(agent_file, who, agent_id, wanted, models))


@router.post("/agents/{agent_id}/export", str)
async def export_agent_with_skills(
    agent_id: AgentId,
    who: Caller,
    db: Db,
    models: Llms,
    body: Annotated[ExportAgentRequest | None, Body()] = None,
) -> Response:
    """The same, with skills packed into the file."""
    sent = body or ExportAgentRequest()
    wanted = ExportOptions(sent.conversation_id or None, sent.scrub_messages, sent.skills)
    return indented(await db.read(agent_file, who, agent_id, wanted, models))


@router.post("/agents/import", ImportedAgentsResponse)
async def import_agents(
    who: Caller,
    db: Db,
    models: Llms,
    servers: Mcp,
    nudge: Nudge,
    file: Annotated[UploadFile, File(description="The agent file, as multipart/form-data.")],
    form: Annotated[AgentFileForm, Form()],
    x_override_embedding_model: Annotated[str | None, Header()] = None,
) -> Response:
    """Make the agents of a file, all of them or none."""
    asked = form.asked(x_override_embedding_model)
    found = await asyncio.to_thread(parse, await file.read())
    await _check(servers, await db.read(unknown_servers, who, found))
    made = await db.write(make, who, found, asked, models)
    if found.files:
        nudge()
    return reply({"agent_ids": made})


async def _check(servers: Servers, new: Sequence[McpServer]) -> None:
    """Only servers that anybody may reach are registered from a file: no programs, no private addresses."""
    for server in new:
        way_out = f"Register the MCP server {server.server_name!r} yourself, then import the file."
        if server.server_type == "stdio":
            raise BadRequest(f"An agent file cannot bring a program (stdio) that this server would run. {way_out}")
        try:
            await servers.check(server)
        except AppError as refused:
            raise BadRequest(f"{refused.detail} {way_out}") from refused
