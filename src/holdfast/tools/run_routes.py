"""HTTP of trying a tool before it is kept."""

from datetime import UTC
from typing import Any

from fastapi import Response
from pydantic import Field

from holdfast.auth.caller import Caller
from holdfast.auth.model import Who
from holdfast.errors import AppError
from holdfast.kit.clock import now
from holdfast.kit.entity import Sparse
from holdfast.kit.ids import new_id
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.messages.shapes import ToolReturnMessage
from holdfast.tools import outside
from holdfast.tools.asked import Running
from holdfast.tools.model import NewTool, NpmRequirement, PipRequirement, Tool
from holdfast.tools.outside import Calling, Executors, Ran
from holdfast.tools.schema import described

router = Router("tools")

NOWHERE = "null"
"""What V1 has for the ids of a message that is not stored, and of a call that no model made."""


class ToolRunFromSource(Sparse):
    """A tool that is run once and not kept."""

    source_code: str
    args: dict[str, Any]
    env_vars: dict[str, str] = Field(default_factory=dict[str, str])
    name: str | None = None
    source_type: str | None = None
    args_json_schema: dict[str, Any] | None = None
    json_schema: dict[str, Any] | None = None
    pip_requirements: list[PipRequirement] | None = None
    npm_requirements: list[NpmRequirement] | None = None


@router.post("/tools/run", ToolReturnMessage)
async def run_tool_from_source(who: Caller, executors: Running, asked: ToolRunFromSource) -> Response:
    """Run a tool once from its source; whatever goes wrong with it is an answer of status `error`."""
    ran = await _ran(who, executors, asked)
    stdout, stderr = list(ran.stdout), list(ran.stderr)
    returned = {"tool_return": ran.output, "status": ran.status, "tool_call_id": NOWHERE}
    return reply(
        {
            "id": NOWHERE,
            "date": now().astimezone(UTC).isoformat(timespec="seconds"),
            "name": asked.name,
            "otid": None,
            "sender_id": None,
            "step_id": None,
            "is_err": None,
            "seq_id": None,
            "run_id": None,
            "message_type": "tool_return_message",
            **returned,
            "stdout": stdout,
            "stderr": stderr,
            "tool_returns": [{"type": "tool", **returned, "stdout": stdout, "stderr": stderr}],
        }
    )


async def _ran(who: Who, executors: Executors, asked: ToolRunFromSource) -> Ran:
    try:
        tool = _unkept(who, asked)
    except AppError as refused:
        return Ran("error", refused.detail)
    return await outside.run(executors, Calling(who, tool, asked.args, secrets=asked.env_vars))


def _unkept(who: Who, asked: ToolRunFromSource) -> Tool:
    new = NewTool.model_validate(asked.model_dump(exclude={"args", "env_vars", "name"}))
    what = described(new, asked.name)
    moment = now()
    return Tool.model_validate(
        {
            **new.model_dump(),
            "json_schema": what.json_schema,
            "id": new_id("tool"),
            "organization_id": who.organization_id,
            "name": what.name,
            "created_at": moment,
            "updated_at": moment,
        }
    )
