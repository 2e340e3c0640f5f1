"""The table of MCP servers, and the rows that their tools have among the tools."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from holdfast.auth.model import Who
from holdfast.errors import BadRequest, Conflict, NotFound
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.mcp import grants
from holdfast.mcp.model import Connection, McpServer, NamedServer, checked
from holdfast.mcp.rpc import Json
from holdfast.mcp.schema import free_name, json_schema
from holdfast.mcp.wire import Synced
from holdfast.store.prepared import savepoint
from holdfast.store.table import Rows, Tx
from holdfast.tools import store as tools
from holdfast.tools.builtin import registry
from holdfast.tools.model import Tool

rows = Rows(
    "mcp_servers",
    McpServer,
    sa.Index("mcp_servers_by_name", "organization_id", "server_name", unique=True),
    noun="MCP server",
)

TRIES = 20
"""How often a name is looked for that others take, and delete again, at the same time: each time one of them got on."""

_BY_AGE = (rows.c.created_at, rows.c.id)


def create(tx: Tx, who: Who, new: NamedServer) -> McpServer:
    """A new server; its name must be free in the organization."""
    if taken := rows.first(tx, who, rows.c.server_name == new.server_name):
        raise Conflict(
            f"{taken.id} is called {taken.server_name!r} already; choose another name, or change that server with "
            f"PATCH /v1/mcp-servers/{taken.id}."
        )
    made = rows.insert(tx, unstored(who, new).model_copy(update={"id": new_id("mcp_server")}))
    grants.adopt(tx, who, made.id, made.server_url)
    return made


def unstored(who: Who, new: NamedServer) -> McpServer:
    """A server as it would be; it has no id yet."""
    checked(new.server_type, new.model_dump())
    return McpServer(
        **new.model_dump(),
        id="",
        organization_id=who.organization_id,
        created_by_id=who.user_id,
        last_updated_by_id=who.user_id,
        by_administrator=who.is_admin,
    )


def get(tx: Tx, who: Who, id: str) -> McpServer:
    return rows.get(tx, who, id)


def by_name(tx: Tx, who: Who, name: str) -> McpServer:
    found = rows.first(tx, who, rows.c.server_name == name)
    if found is None:
        raise NotFound(f"There is no MCP server named {name!r}; GET /v1/mcp-servers/ lists those there are.")
    return found


def find(tx: Tx, who: Who, name: str) -> McpServer | None:
    return rows.first(tx, who, rows.c.server_name == name)


def every(tx: Tx, who: Who) -> list[McpServer]:
    return rows.all(tx, who, order=_BY_AGE)


def put(tx: Tx, who: Who, new: NamedServer, tries: int = TRIES) -> McpServer:
    """A server of this name: a new one, or the one there is, renewed."""
    there = find(tx, who, new.server_name)
    try:
        if there is not None:
            return change(tx, who, there.id, new.model_dump())
        with savepoint(tx):
            return create(tx, who, new)
    except NotFound:  # another request has deleted it
        return put(tx, who, new, tries)
    except (IntegrityError, Conflict):  # another request was faster, and has committed
        if tries == 1:
            raise
        return put(tx, who, new, tries - 1)


def changed(who: Who, before: McpServer, values: Mapping[str, Any]) -> McpServer:
    """A server as it would be after a change; null leaves a field as it is."""
    sent = {name: value for name, value in values.items() if value is not None}
    if (kind := sent.get("server_type", before.server_type)) != before.server_type:
        raise BadRequest(
            f"{before.server_name!r} is a {before.server_type} server; delete it and register a {kind} server instead."
        )
    if "server_url" in sent:
        sent["by_administrator"] = who.is_admin
    return before.model_copy(update=sent)


def change(tx: Tx, who: Who, id: str, values: Mapping[str, Any]) -> McpServer:
    """Set fields of a server; its tools follow its name."""
    before = rows.get(tx, who, id)
    wanted = changed(who, before, values)
    is_renamed = wanted.server_name != before.server_name
    if is_renamed and (taken := find(tx, who, wanted.server_name)):
        raise Conflict(f"{taken.id} is called {taken.server_name!r} already; choose another name.")
    fields = {name: getattr(wanted, name) for name in (*Connection.model_fields, "server_name", "by_administrator")}
    after = rows.update(tx, who, id, fields)
    for tool in of_server(tx, who, id) if is_renamed else []:
        tools.rows.update(tx, who, tool.id, _marks(after))
    if after.server_url != before.server_url:
        grants.forget(tx, who, id)
    return after


def delete(tx: Tx, who: Who, id: str) -> None:
    """Remove a server with its tools and what was granted to it; agents lose the tools."""
    rows.delete(tx, who, id)
    grants.forget(tx, who, id)
    _remove(tx, who, [tool.id for tool in of_server(tx, who, id)])


def of_server(tx: Tx, who: Who, id: str) -> list[Tool]:
    """The tools of a server, as they are among the organization's."""
    return tools.rows.all(tx, who, tools.rows.c.mcp_server_id == id, order=[tools.rows.c.name])


def of_servers(tx: Tx, who: Who, ids: Iterable[str]) -> list[Tool]:
    """The tools of several servers; an unknown one is an error."""
    return [tool for id in ids for tool in of_server(tx, who, get(tx, who, id).id)]


def tool_named(tx: Tx, who: Who, id: str, name: str) -> Tool | None:
    """A tool of a server by what the server calls it."""
    return tools.rows.first(tx, who, tools.rows.c.mcp_server_id == id, tools.rows.c.mcp_name == name)


def tool_of(tx: Tx, who: Who, id: str, tool_id: str) -> Tool:
    tool = tools.rows.find(tx, who, tool_id)
    if tool is None or tool.mcp_server_id != id:
        raise NotFound(f"MCP server {id} has no tool {tool_id}; GET /v1/mcp-servers/{id}/tools lists those it has.")
    return tool


def expect(tx: Tx, who: Who, server: McpServer, name: str, listed: Json) -> Tool:
    """A tool that a server is said to list so, before anybody has asked the server."""
    return tools.rows.insert(tx, _tool(who, server, name, listed))


def sync(tx: Tx, who: Who, server: McpServer, listed: Sequence[Json]) -> Synced:
    """Make the organization's tools of a server those that it lists now; one look at it is taken in after the other."""
    _lock(tx, who, server.id)
    held = {tool.mcp_name: tool for tool in of_server(tx, who, server.id)}
    wanted = {str(each["name"]): each for each in listed}
    gone = [tool for name, tool in held.items() if name not in wanted]
    _remove(tx, who, [tool.id for tool in gone])
    updated = [tool.name for name, tool in held.items() if name in wanted and _renew(tx, who, tool, wanted[name])]
    new = [each for name, each in wanted.items() if name not in held]
    return {"deleted": [tool.name for tool in gone], "updated": updated, "added": _add(tx, who, server, new)}


def _lock(tx: Tx, who: Who, id: str) -> None:
    """Let other looks at a server wait until this one is over; a server that was removed meanwhile is an error."""
    mine = sa.and_(rows.c.organization_id == who.organization_id, rows.c.id == id)
    if tx.execute(sa.select(rows.c.id).where(mine).with_for_update()).first() is None:
        raise rows.missing(id)


def _renew(tx: Tx, who: Who, tool: Tool, listed: Json) -> bool:
    """Whether the server describes a tool otherwise than before; then the new description is kept."""
    schema = json_schema(tool.name, listed)
    if schema == tool.json_schema:
        return False
    tools.rows.update(tx, who, tool.id, {"json_schema": schema, "description": schema["description"]})
    return True


def _add(tx: Tx, who: Who, server: McpServer, listed: Sequence[Json], tries: int = TRIES) -> list[str]:
    """Rows for tools that are new, in the order of the list: the first of it is the newest row."""
    if not listed:
        return []
    try:
        with savepoint(tx):
            return _insert(tx, who, server, listed)
    except IntegrityError:  # another server's tools have taken a name, and are committed
        if tries == 1:
            raise
        return _add(tx, who, server, listed, tries - 1)


def _insert(tx: Tx, who: Who, server: McpServer, listed: Sequence[Json]) -> list[str]:
    mine = tools.rows.c.organization_id == who.organization_id
    taken = {*registry.names(), *tx.execute(sa.select(tools.rows.c.name).where(mine)).scalars()}
    made = list[Tool]()
    for each in listed:
        name = free_name(str(each["name"]), server.server_name, taken)
        taken.add(name)
        made.append(_tool(who, server, name, each))
    tools.rows.insert_many(tx, made)
    return [tool.name for tool in made]


def _tool(who: Who, server: McpServer, name: str, listed: Json) -> Tool:
    schema = json_schema(name, listed)
    moment = now()
    return Tool(
        id=new_id("tool"),
        organization_id=who.organization_id,
        name=name,
        tool_type="external_mcp",
        description=schema["description"],
        source_type="json",
        json_schema=schema,
        mcp_server_id=server.id,
        mcp_name=str(listed["name"]),
        created_by_id=who.user_id,
        last_updated_by_id=who.user_id,
        created_at=moment,
        updated_at=moment,
        **_marks(server),
    )


def _marks(server: McpServer) -> Json:
    """By what clients tell whose a tool is."""
    return {
        "tags": [f"mcp:{server.server_name}"],
        "metadata_": {"mcp": {"server_name": server.server_name, "server_id": server.id}},
    }


def _remove(tx: Tx, who: Who, ids: Iterable[str]) -> None:
    for id in ids:
        tools.delete(tx, who, id)
