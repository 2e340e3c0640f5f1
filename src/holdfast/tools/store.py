"""The tables of tools and of their links to agents."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from holdfast.auth.model import Who
from holdfast.errors import BadRequest, NotFound
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.kit.page import Page
from holdfast.store.prepared import Prepared, PreparedInsert, among, savepoint
from holdfast.store.table import Rows, Tx, Where, metadata
from holdfast.tools.builtin import registry
from holdfast.tools.builtin.tool import Builtin
from holdfast.tools.model import OWN_TYPES, TYPES, CreateTool, Tool, ToolCountFilter, ToolFilter, UpdateTool
from holdfast.tools.schema import Described, described

rows = Rows(
    "tools",
    Tool,
    sa.Index("tools_by_name", "organization_id", "name", unique=True),
    sa.Index("tools_by_mcp_server", "organization_id", "mcp_server_id"),
)
agents_tools = sa.Table(
    "agents_tools",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("agent_id", sa.Text, primary_key=True),
    sa.Column("tool_id", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Index("agents_tools_by_tool", "organization_id", "tool_id", "agent_id"),
)
link = agents_tools.c

_BY_NAME = Prepared(
    sa.select(rows.table).where(rows.c.organization_id == sa.bindparam("org"), among(rows.c.name, "names"))
)
_LINKS = Prepared(
    sa.select(link.agent_id, link.tool_id)
    .where(link.organization_id == sa.bindparam("org"), among(link.agent_id, "agents"))
    .order_by(link.agent_id, link.position, link.tool_id)
)

_LINK = PreparedInsert(agents_tools)
_OF_AGENT = Prepared(
    sa.select(rows.table)
    .join(agents_tools, sa.and_(link.organization_id == rows.c.organization_id, link.tool_id == rows.c.id))
    .where(link.organization_id == sa.bindparam("org"), link.agent_id == sa.bindparam("agent"))
    .order_by(link.position, link.tool_id)
)

BEFORE_ALL = datetime(2000, 1, 1, tzinfo=UTC)
"""When built-in tools were made, for the order of lists: an organization's own tools are always newer."""


def lacks_builtins(tx: Tx, who: Who) -> bool:
    return bool(_outdated(tx, who))


def ensure_builtins(tx: Tx, who: Who) -> None:
    """Every organization has the tools that the server brings, in the wording of this server."""
    outdated = _outdated(tx, who)
    missing = [builtin for builtin, there in outdated if there is None]
    for builtin, there in outdated:
        if there is not None:
            rows.update(tx, who, there, {"json_schema": builtin.json_schema, "revision": builtin.revision})
    if not missing:
        return
    try:
        with savepoint(tx):
            rows.insert_many(tx, [_row_of(who, builtin) for builtin in missing])
    except IntegrityError:
        ensure_builtins(tx, who)  # another request was faster, and has committed


def builtins(tx: Tx, who: Who) -> list[Tool]:
    """The server's own tools, all there."""
    ensure_builtins(tx, who)
    return rows.all(tx, who, rows.c.tool_type.in_(OWN_TYPES), order=[rows.c.name])


def named(tx: Tx, who: Who, names: Sequence[str]) -> list[Tool]:
    """The tools with these names in this order; built-in ones are made when they are missing."""
    wanted = list(dict.fromkeys(names))
    found = by_name(tx, who, wanted)
    if any(name not in found and name in registry.names() for name in wanted):
        ensure_builtins(tx, who)
        found = by_name(tx, who, wanted)
    for name in wanted:
        if name not in found:
            raise _unknown_name(tx, who, name)
    return [found[name] for name in wanted]


def get(tx: Tx, who: Who, id: str) -> Tool:
    return rows.get(tx, who, id)


def with_requirements(tx: Tx, who: Who) -> list[Tool]:
    """The tools that need packages installed."""
    custom = rows.all(tx, who, rows.c.tool_type.not_in(OWN_TYPES), rows.c.mcp_server_id.is_(None))
    return [tool for tool in custom if tool.pip_requirements]


def each(tx: Tx, who: Who, ids: Iterable[str]) -> list[Tool]:
    """The tools with these ids in this order; an unknown one is an error."""
    return rows.each(tx, who, ids)


def page(tx: Tx, who: Who, page: Page, wanted: ToolFilter, project_id: str | None = None) -> list[Tool]:
    """One page; a project sees its own tools and those of no project."""
    where = _where(wanted)
    if project_id is not None:
        where.append(sa.or_(rows.c.project_id.is_(None), rows.c.project_id == project_id))
    return rows.page(tx, who, page, *where, lenient=True)


def count(tx: Tx, who: Who, wanted: ToolCountFilter) -> int:
    where = _where(wanted)
    if wanted.exclude_letta_tools:
        where.append(rows.c.tool_type.not_in(OWN_TYPES))
    return rows.count(tx, who, *where)


def upsert(tx: Tx, who: Who, new: CreateTool, project_id: str | None = None) -> Tool:
    """Make a custom tool, or renew the one of this name."""
    what = described(new, new.name)
    there = rows.first(tx, who, rows.c.name == what.name)
    if there is not None:
        try:
            return _renewed(tx, who, there, new, what)
        except NotFound:
            return upsert(tx, who, new, project_id)  # another request has deleted it meanwhile
    if what.name in registry.names():
        raise _reserved(what.name)
    try:
        with savepoint(tx):
            return rows.insert(tx, _made(who, new, what, project_id))
    except IntegrityError:
        return upsert(tx, who, new, project_id)  # another request was faster, and has committed


def change(tx: Tx, who: Who, id: str, values: Mapping[str, Any]) -> Tool:
    """Set fields of a tool; its schema and its name follow its source."""
    before = rows.get(tx, who, id)
    sent = {name: value for name, value in values.items() if name != "name"}
    name = values.get("name")
    if name is not None or {"source_code", "json_schema", "args_json_schema", "source_type"} & sent.keys():
        sent |= _redescribed(tx, who, before, sent, name)
    return rows.update(tx, who, id, sent) if sent else before


def delete(tx: Tx, who: Who, id: str) -> None:
    """Remove a tool, also from every agent that has it."""
    rows.delete(tx, who, id)
    tx.execute(agents_tools.delete().where(link.organization_id == who.organization_id, link.tool_id == id))


def of_agent(tx: Tx, who: Who, agent_id: str) -> list[Tool]:
    return ask_of_agent(tx, who, agent_id)()


def ask_of_agent(tx: Tx, who: Who, agent_id: str) -> Callable[[], list[Tool]]:
    """The tools of an agent, taken when they are needed."""
    found = _OF_AGENT.soon(tx, {"org": who.organization_id, "agent": agent_id})
    return lambda: [rows.load(row) for row in found.rows()]


def of_agents(tx: Tx, who: Who, agent_ids: Iterable[str]) -> dict[str, list[Tool]]:
    """The tools of each agent, in the order in which they were attached; many agents share few tools."""
    pairs = _LINKS.rows(tx, {"org": who.organization_id, "agents": list(agent_ids)})
    by_id = rows.many(tx, who, (tool_id for _, tool_id in pairs))
    found: dict[str, list[Tool]] = {}
    for agent_id, tool_id in pairs:
        found.setdefault(agent_id, []).append(by_id[tool_id])
    return found


def page_of_agent(tx: Tx, who: Who, agent_id: str, page: Page) -> list[Tool]:
    held = rows.c.id.in_(sa.select(link.tool_id).where(*_link(who, agent_id)))
    return rows.page(tx, who, page, held, lenient=True)


def link_to(tx: Tx, who: Who, agent_id: str, tools: Sequence[Tool], first: int = 0) -> None:
    if tools:
        links = [
            {"organization_id": who.organization_id, "agent_id": agent_id, "tool_id": tool.id, "position": position}
            for position, tool in enumerate(tools, first)
        ]
        _LINK.run_many(tx, links)


def attach(tx: Tx, who: Who, agent_id: str, tool_id: str) -> Tool:
    """Give an agent a tool; one that it has already stays where it is."""
    tool = rows.get(tx, who, tool_id)
    held = tx.execute(sa.select(link.tool_id, link.position).where(*_link(who, agent_id))).all()
    if tool_id not in {held_id for held_id, _ in held}:
        link_to(tx, who, agent_id, [tool], first=max((position for _, position in held), default=-1) + 1)
    return tool


def holders(tx: Tx, who: Who, tool_id: str) -> list[str]:
    """The agents that have a tool."""
    mine = sa.and_(link.organization_id == who.organization_id, link.tool_id == tool_id)
    return list(tx.execute(sa.select(link.agent_id).where(mine).order_by(link.agent_id)).scalars())


def detach(tx: Tx, who: Who, agent_id: str, tool_id: str) -> None:
    gone = tx.execute(agents_tools.delete().where(*_link(who, agent_id), link.tool_id == tool_id))
    if gone.rowcount == 0:
        raise NotFound(f"Agent {agent_id} does not have tool {tool_id}.")


def replace(tx: Tx, who: Who, agent_id: str, tool_ids: Sequence[str]) -> list[Tool]:
    """Make exactly these tools the agent's."""
    tools = rows.each(tx, who, tool_ids)
    unlink_agent(tx, who, agent_id)
    link_to(tx, who, agent_id, tools)
    return tools


def unlink_agent(tx: Tx, who: Who, agent_id: str) -> None:
    tx.execute(agents_tools.delete().where(*_link(who, agent_id)))


def _link(who: Who, agent_id: str) -> tuple[Where, Where]:
    return link.organization_id == who.organization_id, link.agent_id == agent_id


def by_name(tx: Tx, who: Who, names: Sequence[str]) -> dict[str, Tool]:
    """The tools with these names that there are."""
    if not names:
        return {}
    found = _BY_NAME.rows(tx, {"org": who.organization_id, "names": list(names)})
    return {tool.name: tool for tool in map(rows.load, found)}


def _outdated(tx: Tx, who: Who) -> list[tuple[Builtin, str | None]]:
    """The built-in tools without a row (None) or with one in another wording (its id).

    A custom tool that took the name before the server had such a tool keeps it.
    """
    query = sa.select(rows.c.name, rows.c.id, rows.c.revision, rows.c.tool_type)
    mine = query.where(rows.c.organization_id == who.organization_id, rows.c.name.in_(registry.names()))
    there = {row.name: row for row in tx.execute(mine)}
    outdated: list[tuple[Builtin, str | None]] = []
    for builtin in registry.every():
        row = there.get(builtin.name)
        if row is None:
            outdated.append((builtin, None))
        elif row.tool_type in OWN_TYPES and row.revision != builtin.revision:
            outdated.append((builtin, row.id))
    return outdated


def _row_of(who: Who, builtin: Builtin) -> Tool:
    return Tool(
        id=new_id("tool"),
        organization_id=who.organization_id,
        name=builtin.name,
        tool_type=builtin.tool_type,
        description=builtin.json_schema["description"],
        json_schema=builtin.json_schema,
        revision=builtin.revision,
        tags=[builtin.tool_type],
        created_by_id=who.user_id,
        last_updated_by_id=who.user_id,
        created_at=BEFORE_ALL,
        updated_at=now(),
    )


def _made(who: Who, new: CreateTool, what: Described, project_id: str | None) -> Tool:
    moment = now()
    return Tool(
        **_values(new, what),
        id=new_id("tool"),
        organization_id=who.organization_id,
        name=what.name,
        project_id=project_id,
        created_by_id=who.user_id,
        last_updated_by_id=who.user_id,
        created_at=moment,
        updated_at=moment,
    )


def _renewed(tx: Tx, who: Who, there: Tool, new: CreateTool, what: Described) -> Tool:
    if there.is_builtin:
        raise _reserved(what.name)
    if there.mcp_server_id is not None:
        raise BadRequest(
            f"{what.name!r} is the name of a tool of MCP server {there.mcp_server_id}; give your function another name."
        )
    return rows.update(tx, who, there.id, _values(new, what))


def _values(new: CreateTool, what: Described) -> dict[str, Any]:
    values = {name: getattr(new, name) for name in CreateTool.model_fields if name != "name"}
    return {**values, "json_schema": what.json_schema, "description": new.description or what.description}


def _redescribed(tx: Tx, who: Who, before: Tool, sent: Mapping[str, Any], name: str | None) -> dict[str, Any]:
    """The schema, name and description that follow from a changed source or schema."""
    if before.is_builtin:
        raise BadRequest(f"{before.name!r} is a tool of the server itself: its source, schema and name are fixed.")
    if before.mcp_server_id is not None:
        raise BadRequest(
            f"{before.name!r} is a tool of MCP server {before.mcp_server_id}, which alone says what it is; "
            f"PATCH /v1/mcp-servers/{before.mcp_server_id}/refresh asks it anew."
        )
    after = UpdateTool.model_validate({**before.model_dump(), **sent, "name": name})
    if after.is_python and {"source_code", "args_json_schema"} & sent.keys() and "json_schema" not in sent:
        after.json_schema = None  # it described the source as it was
    what = described(after, name)
    if what.name != before.name and rows.first(tx, who, rows.c.name == what.name) is not None:
        raise BadRequest(f"There is a tool named {what.name!r} already; delete it or choose another name.")
    if what.name != before.name and what.name in registry.names():
        raise _reserved(what.name)
    return {
        "name": what.name,
        "json_schema": what.json_schema,
        "description": sent.get("description") or what.description or before.description,
    }


def _reserved(name: str) -> BadRequest:
    return BadRequest(f"{name!r} is the name of a tool of the server itself; give your function another name.")


def _unknown_name(tx: Tx, who: Who, name: str) -> BadRequest:
    known = tx.execute(sa.select(rows.c.name).where(rows.c.organization_id == who.organization_id)).scalars()
    close = difflib.get_close_matches(name, {*known, *registry.names()}, n=3)
    hint = f"Did you mean {' or '.join(map(repr, close))}?" if close else "GET /v1/tools/ lists the tools there are."
    return BadRequest(f"There is no tool named {name!r}. {hint}")


def _where(wanted: ToolFilter) -> list[Where]:
    kind = rows.c.tool_type
    where: list[Where] = []
    if wanted.name is not None:
        where.append(rows.c.name == wanted.name)
    if wanted.names:
        where.append(rows.c.name.in_(wanted.names))
    if wanted.tool_ids:
        where.append(rows.c.id.in_(wanted.tool_ids))
    if wanted.search:
        where.append(sa.func.lower(rows.c.name).contains(wanted.search.lower(), autoescape=True))
    if wanted.tool_types:
        where.append(kind.in_(_types(wanted.tool_types)))
    if wanted.exclude_tool_types:
        where.append(kind.not_in(_types(wanted.exclude_tool_types)))
    if wanted.return_only_letta_tools:
        where.append(kind.in_(OWN_TYPES))
    return where


def _types(sent: Sequence[str]) -> Sequence[str]:
    for kind in sent:
        if kind not in TYPES:
            raise BadRequest(f"There is no tool type {kind!r}; there are {', '.join(TYPES)}.")
    return sent
