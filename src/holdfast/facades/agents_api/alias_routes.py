"""Places of `/v1` under which programs look for what is elsewhere: the same operations, by other names."""

from typing import Annotated, Any, Literal

from fastapi import Path, Response
from pydantic import AliasChoices, Field

from holdfast.agents import load, wire
from holdfast.agents.archive_routes import delete_archival_memory, list_archival_memory
from holdfast.agents.folder_routes import attach_folder
from holdfast.agents.load import Loaded
from holdfast.agents.memory_routes import retrieve_agent_memory
from holdfast.agents.remembering import remember
from holdfast.archives import wire as shown
from holdfast.archives.asked import Searchable
from holdfast.archives.model import NewPassage
from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.errors import BadRequest, NotFound
from holdfast.facades.agents_api.asked import NewMemory
from holdfast.kit.entity import Shape
from holdfast.kit.ids import AgentId, McpServerId
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm.asked import Llms
from holdfast.mcp import store as mcp
from holdfast.mcp.asked import Mcp
from holdfast.store.table import Tx

router = Router("aliases")


class MemoryOperation(Shape):
    """What to do with a block of an agent."""

    operation: Literal["get", "set", "append", "replace"] = "get"
    label: Annotated[str | None, Field(validation_alias=AliasChoices("label", "block_label", "block", "name"))] = None
    value: Annotated[str | None, Field(validation_alias=AliasChoices("value", "content", "text", "new"))] = None
    old: Annotated[str | None, Field(validation_alias=AliasChoices("old", "old_content", "old_value"))] = None


router.get("/agents/{agent_id}/archival", documented=False)(list_archival_memory)
router.delete("/agents/{agent_id}/archival/{memory_id}", documented=False)(delete_archival_memory)
router.post("/agents/{agent_id}/folders/{folder_id}", documented=False)(attach_folder)
router.get("/agents/{agent_id}/memory", documented=False)(retrieve_agent_memory)


@router.post("/agents/{agent_id}/archival", documented=False)
async def insert_archival(
    agent_id: AgentId, new: NewMemory, who: Caller, db: Db, models: Llms, search: Searchable
) -> Response:
    """Store a passage; answers with the list that V1 answers with."""
    passage = NewPassage(text=new.content, tags=new.tags, metadata=new.metadata)
    archive, made = await remember(db, search, who, agent_id, passage)
    return reply(shown.passages(made, archive, models))


@router.post("/agents/{agent_id}/memory", documented=False)
async def operate_on_memory(agent_id: AgentId, asked: MemoryOperation, who: Caller, db: Db, models: Llms) -> Response:
    """Read or change a block by its label; answers with the agent's memory."""
    return reply(wire.state(await db.write(_operate, who, agent_id, asked), models)["memory"])


@router.post("/mcp-servers/{mcp_server_id}/tools/{tool_name}/add", documented=False)
async def add_tool_of_mcp_server(
    mcp_server_id: McpServerId, tool_name: Annotated[str, Path(max_length=1000)], who: Caller, db: Db, servers: Mcp
) -> Response:
    """A tool of a server as one of the organization's; it is looked for there when it is not yet known."""
    server = await db.read(mcp.get, who, mcp_server_id)
    name = tool_name.removeprefix(f"{server.server_name}__")
    if (found := await db.read(mcp.tool_named, who, server.id, name)) is None:
        await servers.sync(who, server)
        found = await db.read(mcp.tool_named, who, server.id, name)
    if found is None:
        raise NotFound(f"MCP server {server.server_name!r} has no tool {name!r}.")
    return reply(found)


def _operate(tx: Tx, who: Who, agent_id: str, asked: MemoryOperation) -> Loaded:
    loaded = load.one(tx, who, agent_id, {"blocks"})
    if asked.operation == "get":
        return loaded
    if asked.label is None or asked.value is None:
        raise BadRequest(f"The operation {asked.operation!r} needs the `label` of a block and a `value`.")
    block = blocks.of_agent_by_label(tx, who, agent_id, asked.label)
    values: dict[str, Any] = {"value": _changed(block.value, asked.value, asked)}
    blocks.change(tx, who, block.id, values)
    return load.one(tx, who, agent_id, {"blocks"})


def _changed(before: str, value: str, asked: MemoryOperation) -> str:
    if asked.operation == "append":
        return f"{before}\n{value}" if before else value
    if asked.operation == "set" or asked.old is None:
        return value
    if before.count(asked.old) != 1:
        raise BadRequest(f"`old` occurs {before.count(asked.old)} times in the block, and has to be there once.")
    return before.replace(asked.old, value)
