"""HTTP of agents themselves; what hangs on them is in the files beside this one."""

from typing import Annotated, Any, Literal

from fastapi import Body, Depends, Query, Response

from holdfast.agents import create as making
from holdfast.agents import load, store, update, wire
from holdfast.agents.asked import Relations
from holdfast.agents.compile import preview, recompile
from holdfast.agents.model import CreateAgent, UpdateAgent
from holdfast.agents.overview import ContextWindowOverview, overview
from holdfast.agents.state import AgentState
from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.kit.ids import AgentId
from holdfast.kit.page import WHOLE, Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm.asked import Llms
from holdfast.messages import threads
from holdfast.runs.model import StopReason
from holdfast.store.table import Tx

router = Router("agents")


async def _filter(
    name: str | None = None,
    query_text: str | None = None,
    tags: Annotated[list[str] | None, Query()] = None,
    match_all_tags: bool = False,
    project_id: str | None = None,
    template_id: str | None = None,
    base_template_id: str | None = None,
    identity_id: str | None = None,
    identifier_keys: Annotated[list[str] | None, Query()] = None,
    last_stop_reason: StopReason | None = None,
    created_by_id: str | None = None,
    show_hidden_agents: Annotated[bool, Query(include_in_schema=False)] = False,
) -> store.Filter:
    return store.Filter(
        name=name,
        query_text=query_text,
        tags=tags or (),
        match_all_tags=match_all_tags,
        project_id=project_id,
        template_id=template_id,
        base_template_id=base_template_id,
        identity_id=identity_id,
        identifier_keys=identifier_keys or (),
        last_stop_reason=last_stop_reason,
        created_by_id=created_by_id,
        show_hidden=show_hidden_agents,
    )


Filter = Annotated[store.Filter, Depends(_filter)]


@router.get("/agents/", list[AgentState])
async def list_agents(
    who: Caller,
    db: Db,
    models: Llms,
    relations: Relations,
    wanted: Filter,
    page: Annotated[Page, page_of("desc", WHOLE)],
    ascending: Annotated[bool | None, Query(deprecated=True)] = None,
    sort_by: Annotated[str | None, Query(deprecated=True)] = None,
) -> Response:
    if ascending is not None or sort_by:
        order: Literal["asc", "desc"] = "asc" if ascending else page.order
        page = Page(page.limit, order, page.before, page.after, sort_by or page.order_by)
    return reply(wire.states(await db.read(load.page, who, page, wanted, relations), models))


@router.post("/agents/", AgentState)
async def create(who: Caller, db: Db, models: Llms, new: Annotated[CreateAgent | None, Body()] = None) -> Response:
    made = await db.write(making.create, who, new or CreateAgent(), models)
    return reply(wire.state(made, models))


@router.get("/agents/count", int)
async def count(who: Caller, db: Db, wanted: Filter) -> Response:
    return reply(await db.read(store.count, who, wanted))


@router.get("/agents/{agent_id}", AgentState)
async def retrieve(agent_id: AgentId, who: Caller, db: Db, models: Llms, relations: Relations) -> Response:
    return reply(wire.state(await db.read(load.one, who, agent_id, relations), models))


@router.patch("/agents/{agent_id}", AgentState)
async def change(agent_id: AgentId, body: UpdateAgent, who: Caller, db: Db, models: Llms) -> Response:
    return reply(wire.state(await db.write(update.update, who, agent_id, body, models), models))


@router.delete("/agents/{agent_id}", dict[str, str])
async def delete(agent_id: AgentId, who: Caller, db: Db) -> Response:
    await db.write(store.delete, who, agent_id)
    return reply({"message": f"Agent {agent_id} is deleted."})


@router.get("/agents/{agent_id}/context", ContextWindowOverview, deprecated=True)
async def context(agent_id: AgentId, who: Caller, db: Db, models: Llms, conversation_id: str | None = None) -> Response:
    return reply(await db.read(overview, who, agent_id, conversation_id, models))


@router.post("/agents/{agent_id}/recompile", str)
async def recompile_prompt(
    agent_id: AgentId, who: Caller, db: Db, update_timestamp: bool = False, dry_run: bool = False
) -> Response:
    if dry_run:
        return reply(await db.read(_preview, who, agent_id))
    return reply(await db.write(_recompile, who, agent_id, update_timestamp))


@router.post("/agents/{agent_id}/system-prompt/recompile", str, deprecated=True)
async def recompile_system_prompt(
    agent_id: AgentId, who: Caller, db: Db, update_timestamp: bool = False, dry_run: bool = False
) -> Response:
    return await recompile_prompt(agent_id, who, db, update_timestamp, dry_run)


@router.get("/tags/", list[str], tag="tags")
async def list_tags(
    who: Caller,
    db: Db,
    page: Annotated[Page, page_of("asc", 50)],
    name: str | None = None,
    query_text: str | None = None,
) -> Response:
    return reply(await db.read(store.tags, who, query_text or name, page))


def _preview(tx: Tx, who: Who, id: str) -> str:
    return preview(tx, who, store.get(tx, who, id), threads.rows.get(tx, who, id)).text


def _recompile(tx: Tx, who: Who, id: str, update_timestamp: bool) -> Any:
    """Without `update_timestamp` the text is only compiled anew when something in it has changed."""
    agent, thread = store.get(tx, who, id), threads.rows.get(tx, who, id)
    sections = recompile(tx, who, agent, thread, always=update_timestamp)
    return sections.text if sections else preview(tx, who, agent, thread).text
