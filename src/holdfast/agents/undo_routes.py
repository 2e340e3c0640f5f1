"""HTTP of undoing a run."""

from typing import Annotated

from fastapi import Body, Response

from holdfast.agents import undo
from holdfast.agents.undo import UndoneRun, UndoRun
from holdfast.auth.caller import Caller, Db
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router

router = Router("runs")


@router.post("/runs/{run_id}/undo", UndoneRun)
async def undo_run(run_id: str, who: Caller, db: Db, body: Annotated[UndoRun | None, Body()] = None) -> Response:
    """Undo everything that a run changed in blocks and passages; 409 when others changed it since, unless forced."""
    return reply(await db.write(undo.undo_run, who, run_id, body or UndoRun()))
