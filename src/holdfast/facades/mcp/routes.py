"""HTTP of the MCP server: one place, `/mcp`, to which every message is posted (streamable HTTP, without sessions)."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import Header, Request, Response

from holdfast.auth.caller import Caller, Db
from holdfast.facades.mcp import blocks, tools
from holdfast.facades.mcp.desk import Desk
from holdfast.facades.mcp.protocol import PARSE_ERROR, Fault, Method, Params, RpcAnswer, Speaker
from holdfast.kit.reply import reply
from holdfast.kit.routes import JsonRequest, Router
from holdfast.recall.asked import Finding
from holdfast.turns.send import Turns

router = Router("mcp", prefix="")

INSTRUCTIONS = (
    "Long-term memory, kept by agents of a Holdfast server. Call `recall` before you answer what may have come up "
    "before, `remember` when you learn something that will matter later, and `read_blocks` for what is known about "
    "the user at any time."
)
Version = Annotated[str | None, Header(alias="MCP-Protocol-Version")]


@router.post("/mcp", dict[str, Any])
async def answer_mcp(
    who: Caller, db: Db, find: Finding, runner: Turns, request: Request, version: Version = None
) -> Response:
    """One JSON-RPC message of the Model Context Protocol, and its answer."""
    desk = Desk(who, db, find, runner, request.app.state.forgetter)
    try:
        message = await JsonRequest(request.scope, request.receive).json()
    except (orjson.JSONDecodeError, ValueError) as broken:
        return _sent(RpcAnswer(400, Fault(PARSE_ERROR, f"The body is not JSON that can be read: {broken}.").body(None)))
    return _sent(await Speaker(_methods(desk), INSTRUCTIONS).answer(message, version))


def _methods(desk: Desk) -> Mapping[str, Method]:
    return {
        "tools/list": _tools,
        "tools/call": partial(tools.call, desk),
        "resources/list": partial(blocks.listed, desk),
        "resources/read": partial(blocks.read, desk),
        "resources/templates/list": _templates,
    }


async def _tools(_: Params) -> dict[str, Any]:
    return {"tools": tools.listed()}


async def _templates(_: Params) -> dict[str, Any]:
    return blocks.templates()


def _sent(answer: RpcAnswer) -> Response:
    return Response(status_code=answer.status) if answer.body is None else reply(answer.body, answer.status)
