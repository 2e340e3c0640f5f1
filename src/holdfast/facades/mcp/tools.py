"""What other programs' models can do with the memory kept here."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, cast

from pydantic import Field, ValidationError

from holdfast.agents import store as agents
from holdfast.agents.remembering import remember as kept
from holdfast.archives import passages
from holdfast.archives import store as archives
from holdfast.archives.model import NewPassage
from holdfast.archives.passages import Narrowing
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.errors import AppError, NotFound
from holdfast.facades.mcp.desk import Desk
from holdfast.facades.mcp.protocol import INVALID_PARAMS, Fault, Params
from holdfast.forget.model import WhatToForget
from holdfast.history.model import Cause
from holdfast.kit.entity import Shape
from holdfast.kit.page import MOST, Page
from holdfast.kit.reply import encode
from holdfast.messages.store import Narrowed
from holdfast.store.table import Tx
from holdfast.tools.builtin import editing
from holdfast.tools.builtin.context import ToolContext
from holdfast.tools.builtin.tool import ToolError
from holdfast.turns.ask import ask

Which = Annotated[
    str | None, Field(description="The agent's id or its name. May be left out when there is only one agent.")
]


class OfAgent(Shape):
    agent: Which = None


class WhatToRemember(OfAgent):
    text: Annotated[str, Field(min_length=1, description="What to remember: a self-contained sentence or two.")]
    tags: Annotated[list[str], Field(description="Words to find it by.")] = []


class WhatToRecall(OfAgent):
    query: Annotated[str, Field(min_length=1, description="What to look for: words, names or a question.")]
    limit: Annotated[int, Field(ge=1, le=50, description="How many memories at most.")] = 5
    tags: Annotated[list[str], Field(description="Only memories with one of these tags.")] = []
    include_messages: Annotated[bool, Field(description="Look through past conversations too.")] = False


class MemoryToForget(OfAgent):
    memory_id: Annotated[str, Field(description="The id of the memory, passage-…, as `recall` tells it.")]
    permanently: Annotated[
        bool,
        Field(description="Erase it and all that was made from it, instead of hiding it so that it can come back."),
    ] = False


class BlockEdit(OfAgent):
    label: Annotated[str, Field(description="The label of the block.")]
    new_text: Annotated[str, Field(description="The new text.")]
    old_text: Annotated[
        str | None,
        Field(description="The part to replace, which must occur once. Left out: the whole block gets the new text."),
    ] = None


class WhatToSay(OfAgent):
    message: Annotated[str, Field(min_length=1, description="What to say to the agent.")]


class Nothing(Shape):
    pass


@dataclass(frozen=True, slots=True)
class McpTool:
    """A tool as clients list it, and what it does."""

    name: str
    title: str
    description: str
    arguments: type[Shape]
    call: Callable[[Desk, Any], Awaitable[Any]]
    writes: bool = True
    destroys: bool = False

    def listed(self) -> dict[str, Any]:
        schema = self.arguments.model_json_schema()
        hints = {"readOnlyHint": not self.writes, "destructiveHint": self.destroys, "openWorldHint": False}
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": {"properties": {}, **schema, "additionalProperties": False},
            "annotations": {"title": self.title, **hints},
        }


async def _list_agents(desk: Desk, _: Nothing) -> Any:
    found = await desk.db.read(agents.page, desk.who, Page(MOST, "desc"), agents.Filter())
    return {"agents": [{"id": each.id, "name": each.name, "description": each.description} for each in found]}


async def _remember(desk: Desk, asked: WhatToRemember) -> Any:
    agent = await desk.agent(asked.agent)
    new = NewPassage(text=asked.text, tags=asked.tags)
    _, made = await kept(desk.db, desk.find, desk.who, agent.id, new)
    return {"remembered": [{"id": each.id, "text": each.text, "tags": each.tags} for each in made]}


async def _recall(desk: Desk, asked: WhatToRecall) -> Any:
    agent = await desk.agent(asked.agent)
    wanted = Narrowing(asked.tags)
    found = await desk.find.memories(desk.who, agent.id, wanted, asked.query, asked.limit)
    answer: dict[str, Any] = {
        "memories": [
            {
                "id": each.item.id,
                "text": each.item.text,
                "tags": each.item.tags,
                "created_at": _moment(each.item.created_at),
                "relevance": round(each.relevance, 3),
            }
            for each in found
        ]
    }
    if asked.include_messages:
        said = await desk.find.messages(desk.who, Narrowed(agent_id=agent.id), asked.query, asked.limit)
        answer["messages"] = [
            {"id": each.item.id, "role": each.item.role, "text": each.item.text, "at": _moment(each.item.created_at)}
            for each in said
        ]
    return answer


async def _forget(desk: Desk, asked: MemoryToForget) -> Any:
    agent = await desk.agent(asked.agent)
    await desk.db.read(_held, desk.who, agent.id, asked.memory_id)
    if asked.permanently:
        job = await desk.forgetter.forget(desk.who, WhatToForget(passage_id=asked.memory_id))
        return {"forgotten": asked.memory_id, "job": job.id, "can_be_undone": False}
    await desk.db.write(_hide, desk.who, asked.memory_id)
    return {"forgotten": asked.memory_id, "can_be_undone": True}


async def _read_blocks(desk: Desk, asked: OfAgent) -> Any:
    agent = await desk.agent(asked.agent)
    held = await desk.db.read(blocks.of_agent, desk.who, agent.id)
    fields = ("label", "value", "description", "limit", "read_only")
    return {"agent": agent.name, "blocks": [{name: getattr(each, name) for name in fields} for each in held]}


async def _edit_block(desk: Desk, asked: BlockEdit) -> Any:
    agent = await desk.agent(asked.agent)
    value = await desk.db.write(_edit, desk.who, agent.id, asked)
    return {"label": asked.label, "value": value}


async def _send_message(desk: Desk, asked: WhatToSay) -> Any:
    agent = await desk.agent(asked.agent)
    said = await ask(desk.runner, desk.who, agent.id, asked.message)
    return {"agent": agent.name, "answer": said}


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _held(tx: Tx, who: Who, agent_id: str, memory_id: str) -> None:
    """Is this a memory of that agent?"""
    archive = archives.of_agent(tx, who, agent_id)
    if archive is None:
        raise NotFound(f"There is no memory {memory_id}: this agent has none yet.")
    passages.get(tx, who, archive.id, memory_id)


def _hide(tx: Tx, who: Who, memory_id: str) -> None:
    passages.delete(tx, who, memory_id, Cause(reason="forgotten over MCP"))


def _edit(tx: Tx, who: Who, agent_id: str, asked: BlockEdit) -> str:
    ctx = ToolContext(tx, who, agent_id, agent_id, cause=Cause(reason="edited over MCP"))
    if asked.old_text is not None:
        return editing.replace_once(ctx, asked.label, asked.old_text, asked.new_text)
    return editing.write(ctx, editing.editable(ctx, asked.label), asked.new_text)


TOOLS = (
    McpTool("list_agents", "List agents", "The agents whose memory is kept here.", Nothing, _list_agents, writes=False),
    McpTool("remember", "Remember", "Store something in an agent's long-term memory.", WhatToRemember, _remember),
    McpTool(
        *("recall", "Recall", "What an agent's long-term memory holds about something, the best fit first."),
        *(WhatToRecall, _recall),
        writes=False,
    ),
    McpTool(
        "forget", "Forget", "Take a memory out of an agent's long-term memory.", MemoryToForget, _forget, destroys=True
    ),
    McpTool(
        *("read_blocks", "Read memory blocks", "The texts that an agent always has in view, such as who the user is."),
        *(OfAgent, _read_blocks),
        writes=False,
    ),
    McpTool(
        *("edit_block", "Edit a memory block", "Change a text that an agent always has in view."),
        *(BlockEdit, _edit_block),
        destroys=True,
    ),
    McpTool(
        *("send_message", "Send a message", "Say something to an agent and get its answer."),
        *(WhatToSay, _send_message),
    ),
)
_BY_NAME: Mapping[str, McpTool] = {tool.name: tool for tool in TOOLS}


def listed() -> list[dict[str, Any]]:
    return [tool.listed() for tool in TOOLS]


async def call(desk: Desk, params: Params) -> dict[str, Any]:
    """Call a tool; what goes wrong in it is a result that its caller's model can read."""
    name = params.get("name")
    given: Any = params.get("arguments") or {}
    tool = _BY_NAME.get(name) if isinstance(name, str) else None
    if tool is None:
        raise Fault(INVALID_PARAMS, f"There is no tool {str(name)[:80]!r}; there are {', '.join(_BY_NAME)}.")
    if not isinstance(given, dict):
        raise Fault(INVALID_PARAMS, "`arguments` is to be an object.")
    try:
        if tool.writes:
            desk.check_may_write()
        _refuse_unknown(tool, cast("dict[str, Any]", given))
        result = await tool.call(desk, tool.arguments.model_validate(given))
    except ValidationError as wrong:
        return _said(_complaint(tool, wrong), is_error=True)
    except (ToolError, AppError) as failed:
        return _said(str(failed), is_error=True)
    return {**_said(encode(result).decode()), "structuredContent": result}


def _refuse_unknown(tool: McpTool, given: Mapping[str, Any]) -> None:
    known = tool.arguments.model_fields.keys()
    if unknown := ", ".join(sorted(given.keys() - known)):
        raise ToolError(f"{tool.name} has no argument {unknown}; it takes {', '.join(known) or 'none'}.")


def _complaint(tool: McpTool, wrong: ValidationError) -> str:
    faults = [f"`{'.'.join(map(str, each['loc']))}`: {each['msg']}" for each in wrong.errors(include_url=False)]
    return f"{tool.name} was not called: {'; '.join(faults)}."


def _said(text: str, *, is_error: bool = False) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "isError": is_error}
