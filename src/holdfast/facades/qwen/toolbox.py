"""The memory as tools that a model can call: listed, and called by name."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from pydantic import ValidationError

from holdfast.errors import Invalid, NotFound
from holdfast.facades.qwen import memory
from holdfast.facades.qwen.desk import AtDesk, MemoryDesk
from holdfast.facades.qwen.shapes import AddRequest, Limit, NullsLeftOut, SearchRequest, ToolRequest
from holdfast.kit.entity import Shape
from holdfast.kit.routes import HoldfastRoute

router = APIRouter(route_class=HoldfastRoute)


class RecentRequest(NullsLeftOut):
    limit: Limit = 5


class NoArguments(Shape):
    pass


@dataclass(frozen=True, slots=True)
class MemoryTool:
    """A tool, and what it does for a user."""

    description: str
    arguments: type[Shape]
    call: Callable[[MemoryDesk, str, Any], Awaitable[Any]]

    def listed(self, name: str) -> dict[str, Any]:
        schema = self.arguments.model_json_schema()
        schema.get("properties", {}).pop("user_id", None)
        return {"name": name, "description": self.description, "parameters": schema, "inputSchema": schema}


async def _add(desk: MemoryDesk, user: str, asked: AddRequest) -> Any:
    return {"status": "success", "id": await memory.add(desk, user, asked)}


async def _recent(desk: MemoryDesk, user: str, asked: RecentRequest) -> Any:
    return await memory.recent(desk, user, asked.limit)


async def _stats(desk: MemoryDesk, user: str, _: NoArguments) -> Any:
    return await memory.stats(desk, user)


TOOLS = {
    "search_memory": MemoryTool("Look for what the user said or had stored earlier.", SearchRequest, memory.search),
    "add_memory": MemoryTool("Store something about the user that will matter later.", AddRequest, _add),
    "get_recent_conversations": MemoryTool("What was said last, the newest first.", RecentRequest, _recent),
    "get_memory_stats": MemoryTool("How much is remembered of the user.", NoArguments, _stats),
}


@router.get("/tools", operation_id="list_tools")
async def list_tools() -> dict[str, Any]:
    """The tools, each with the schema of its arguments."""
    return {"tools": [tool.listed(name) for name, tool in TOOLS.items()]}


@router.post("/tools/call", operation_id="call_tool")
async def call_tool(desk: AtDesk, asked: ToolRequest) -> dict[str, Any]:
    """Call a tool for the user that the headers name."""
    tool = TOOLS.get(asked.name)
    if tool is None:
        raise NotFound(f"There is no tool {asked.name[:60]!r}; there are: {', '.join(TOOLS)}.")
    try:
        arguments = tool.arguments.model_validate(asked.arguments)
    except ValidationError as wrong:
        faults = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in wrong.errors()[:5])
        raise Invalid(f"The arguments of {asked.name} do not fit: {faults}.") from wrong
    named = asked.arguments.get("user_id")
    user = desk.user(str(named) if isinstance(named, str | int) else None)
    return {"result": await tool.call(desk, user, arguments)}
