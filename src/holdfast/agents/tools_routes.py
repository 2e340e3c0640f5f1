"""HTTP of the tools that an agent has, and of which of them a person must approve."""

from typing import Annotated, Any

from fastapi import Body, Depends, Path, Query, Response
from pydantic import ConfigDict

from holdfast.agents import load, renaming, store, wire
from holdfast.agents.load import Loaded
from holdfast.agents.model import Agent
from holdfast.agents.run_tool import Bench, run_tool, shown
from holdfast.agents.state import AgentState, RanTool
from holdfast.auth.caller import Caller, Db, Modern
from holdfast.auth.model import Who
from holdfast.errors import Invalid, NotFound
from holdfast.kit.entity import Patch, Shape
from holdfast.kit.ids import AgentId, ToolId
from holdfast.kit.page import WHOLE, Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm.asked import Llms
from holdfast.llm.models import Models
from holdfast.store.table import Tx
from holdfast.tools import store as tools
from holdfast.tools.asked import Finding, Reaching, Running
from holdfast.tools.model import Tool, UpdateTool
from holdfast.tools.rules import RequiresApprovalToolRule

router = Router("tools")


class ApprovalSetting(Shape):
    """Whether each call must be approved; a misspelt key would switch a safeguard off unseen, so others are refused."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    requires_approval: bool


ToolName = Annotated[str, Path(description="The name of a tool that the agent has.")]


async def _asked(
    body: Annotated[ApprovalSetting | None, Body()] = None,
    requires_approval: Annotated[bool | None, Query(deprecated=True, description="The same as in the body.")] = None,
) -> bool:
    asked = body.requires_approval if body is not None else requires_approval
    if asked is None:
        raise Invalid('Send {"requires_approval": true} or false as the body.')
    return asked


class RunTool(Shape):
    """The arguments that the tool is called with."""

    args: dict[str, Any] | None = None


async def _bench(db: Db, models: Llms, find: Finding, outside: Reaching, executors: Running) -> Bench:
    return Bench(db, models, find, outside, executors)


AtHand = Annotated[Bench, Depends(_bench)]
Asked = Annotated[bool, Depends(_asked)]


@router.patch("/tools/{tool_id}", Tool)
async def update_tool(tool_id: ToolId, who: Caller, db: Db, changes: Annotated[Patch[UpdateTool], Body()]) -> Response:
    """Change the fields that are sent; null leaves a field as it is, and new source brings its own schema and name."""
    return reply(await db.write(renaming.change, who, tool_id, changes.values))


@router.get("/agents/{agent_id}/tools", list[Tool])
async def list_tools_of_agent(
    agent_id: AgentId, who: Caller, db: Db, page: Annotated[Page, page_of("desc", WHOLE)]
) -> Response:
    """The tools that an agent has."""
    return reply(await db.read(_page, who, agent_id, page))


@router.patch("/agents/{agent_id}/tools/attach/{tool_id}", AgentState | None)
async def attach_tool(
    agent_id: AgentId, tool_id: ToolId, who: Caller, db: Db, models: Llms, modern: Modern
) -> Response:
    """Give an agent a tool; one that it has already stays."""
    return _told(await db.write(_attach, who, agent_id, tool_id), models, modern)


@router.patch("/agents/{agent_id}/tools/detach/{tool_id}", AgentState | None)
async def detach_tool(
    agent_id: AgentId, tool_id: ToolId, who: Caller, db: Db, models: Llms, modern: Modern
) -> Response:
    """Take a tool from an agent; the tool stays."""
    return _told(await db.write(_detach, who, agent_id, tool_id), models, modern)


@router.patch("/agents/{agent_id}/tools/approval/{tool_name}", AgentState | None)
async def update_tool_approval(
    agent_id: AgentId, tool_name: ToolName, who: Caller, db: Db, models: Llms, modern: Modern, asked: Asked
) -> Response:
    """Say whether a person must approve each call of a tool of this agent."""
    return _told(await db.write(_approve, who, agent_id, tool_name, asked), models, modern)


@router.post("/agents/{agent_id}/tools/{tool_name}/run", RanTool)
async def run_tool_of_agent(
    agent_id: AgentId, tool_name: ToolName, who: Caller, bench: AtHand, asked: Annotated[RunTool | None, Body()] = None
) -> Response:
    """Run a tool that an agent has, as the agent would; nothing of it becomes a message."""
    arguments = (asked.args if asked else None) or {}
    return reply(shown(await run_tool(bench, who, agent_id, tool_name, arguments)))


def _told(loaded: Loaded, models: Models, modern: bool) -> Response:
    """1.x clients expect null, the generation before the agent as it is now."""
    return reply(None if modern else wire.state(loaded, models))


def _page(tx: Tx, who: Who, agent_id: str, page: Page) -> list[Tool]:
    store.get(tx, who, agent_id)
    return tools.page_of_agent(tx, who, agent_id, page)


def _attach(tx: Tx, who: Who, agent_id: str, tool_id: str) -> Loaded:
    agent = _held(tx, who, agent_id)
    tool = tools.attach(tx, who, agent_id, tool_id)
    if tool.default_requires_approval:
        agent = _with_approval(tx, who, agent, tool.name, True)
    return load.load(tx, who, [agent])[0]


def _detach(tx: Tx, who: Who, agent_id: str, tool_id: str) -> Loaded:
    agent = _held(tx, who, agent_id)
    tools.detach(tx, who, agent_id, tool_id)
    return load.load(tx, who, [agent])[0]


def _approve(tx: Tx, who: Who, agent_id: str, tool_name: str, required: bool) -> Loaded:
    agent = _held(tx, who, agent_id)
    if required and all(tool.name != tool_name for tool in tools.of_agent(tx, who, agent_id)):
        raise NotFound(f"Agent {agent_id} does not have a tool named {tool_name!r}; attach it first.")
    return load.load(tx, who, [_with_approval(tx, who, agent, tool_name, required)])[0]


def _held(tx: Tx, who: Who, agent_id: str) -> Agent:
    """The agent, touched first, so that changes of its tools and rules wait for each other."""
    return store.rows.update(tx, who, agent_id, {})


def _with_approval(tx: Tx, who: Who, agent: Agent, tool_name: str, required: bool) -> Agent:
    there = [r for r in agent.tool_rules if r.type == "requires_approval" and r.tool_name == tool_name]
    if bool(there) == required:
        return agent
    rules = [rule for rule in agent.tool_rules if rule not in there]
    if required:
        rules.append(RequiresApprovalToolRule(tool_name=tool_name))
    return store.rows.update(tx, who, agent.id, {"tool_rules": rules})
