"""Memory blocks as resources, which people can put into a conversation by hand."""

from typing import Any
from urllib.parse import quote, unquote, urlsplit

from holdfast.agents import store as agents
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.blocks.model import Block
from holdfast.errors import AppError
from holdfast.facades.mcp.desk import Desk
from holdfast.facades.mcp.protocol import INVALID_PARAMS, NO_RESOURCE, Fault, Params
from holdfast.kit.page import Page
from holdfast.store.table import Tx

AGENTS_A_PAGE = 100
TEMPLATE = "holdfast://agents/{agent_id}/blocks/{label}"
MIME = "text/plain"


async def listed(desk: Desk, params: Params) -> dict[str, Any]:
    """The blocks of some agents, and where the list goes on."""
    cursor = params.get("cursor")
    if cursor is not None and not isinstance(cursor, str):
        raise Fault(INVALID_PARAMS, "`cursor` is to be a string of an earlier answer.")
    try:
        found, following = await desk.db.read(_page, desk.who, cursor)
    except AppError as unknown:
        raise Fault(INVALID_PARAMS, f"The cursor is none of this list's: {unknown.detail}") from unknown
    return {"resources": found} | ({"nextCursor": following} if following else {})


async def read(desk: Desk, params: Params) -> dict[str, Any]:
    """The text of one block."""
    uri = params.get("uri")
    if not isinstance(uri, str) or (named := _named(uri)) is None:
        raise Fault(INVALID_PARAMS, f"`uri` is to be {TEMPLATE}.")
    try:
        block = await desk.db.read(blocks.of_agent_by_label, desk.who, *named)
    except AppError as absent:
        raise Fault(NO_RESOURCE, absent.detail, {"uri": uri}) from absent
    return {"contents": [{"uri": uri, "mimeType": MIME, "text": block.value}]}


def templates() -> dict[str, Any]:
    named = {"name": "memory block", "title": "A memory block of an agent", "mimeType": MIME}
    return {"resourceTemplates": [{"uriTemplate": TEMPLATE, **named}]}


def _page(tx: Tx, who: Who, after: str | None) -> tuple[list[dict[str, Any]], str | None]:
    found = agents.page(tx, who, Page(AGENTS_A_PAGE, "desc", after=after), agents.Filter())
    held = blocks.of_agents(tx, who, [agent.id for agent in found])
    shown = [_resource(agent.id, agent.name, block) for agent in found for block in held.get(agent.id, ())]
    return shown, found[-1].id if len(found) == AGENTS_A_PAGE else None


def _resource(agent_id: str, agent_name: str, block: Block) -> dict[str, Any]:
    label = block.label or ""
    return {
        "uri": f"holdfast://agents/{agent_id}/blocks/{quote(label, safe='')}",
        "name": f"{agent_name}: {label}",
        "description": block.description or f"The memory block {label!r} of the agent {agent_name}.",
        "mimeType": MIME,
    }


def _named(uri: str) -> tuple[str, str] | None:
    """The agent and the label that a URI names."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    match [parts.scheme, parts.netloc, *parts.path.split("/")]:
        case ["holdfast", "agents", "", agent_id, "blocks", label] if agent_id and label:
            return agent_id, unquote(label)
        case _:
            return None
