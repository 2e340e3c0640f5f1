"""HTTP of forgetting and exporting."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from holdfast.auth.caller import Caller, Db
from holdfast.forget import export, seal, store
from holdfast.forget.model import Forgetting, Preview, WhatToForget
from holdfast.forget.worker import Forgetter
from holdfast.kit.ids import pattern
from holdfast.kit.page import Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router

router = Router("forget")


async def _forgetter(request: Request) -> Forgetter:
    return request.app.state.forgetter


Worker = Annotated[Forgetter, Depends(_forgetter)]
ForgettingId = Annotated[str, Path(pattern=pattern("forget"), examples=["forget-123e4567-e89b-42d3-8456-426614174000"])]


@router.post("/forget/", Forgetting, status=202)
async def forget(who: Caller, worker: Worker, body: WhatToForget) -> Response:
    """Remove something for good, with all that was made from it; 409 while a turn that could repeat it is at work."""
    return reply(await worker.forget(who, body), 202)


@router.post("/forget/preview", Preview)
async def preview_forgetting(who: Caller, db: Db, body: WhatToForget) -> Response:
    """What would be forgotten, and what would stay because others use it too."""
    return reply(await db.read(seal.preview, who, body))


@router.get("/forget/", list[Forgetting])
async def list_forgettings(who: Caller, db: Db, page: Annotated[Page, page_of("desc", 50)]) -> Response:
    """The jobs of the organization."""
    return reply(await db.read(store.page, who, page))


@router.get("/forget/{forgetting_id}", Forgetting)
async def retrieve_forgetting(forgetting_id: ForgettingId, who: Caller, db: Db) -> Response:
    """How far a job is: erasing rows, rewriting the database's files, or done."""
    return reply(await db.read(store.get, who, forgetting_id))


@router.get("/export/", dict[str, Any], tag="export")
async def export_everything(
    who: Caller,
    db: Db,
    identity_id: Annotated[str | None, Query(description="Whose data: the identity, and all of its agents.")] = None,
    agent_id: Annotated[str | None, Query(description="One agent's data instead.")] = None,
) -> Response:
    """Everything that is known about an identity, or by an agent, as one JSON document."""
    begun = await db.write(export.begin, who, identity_id, agent_id)
    return StreamingResponse(
        export.document(db, who, begun), media_type="application/json", headers=_named(begun.target)
    )


def _named(target: str) -> Mapping[str, str]:
    return {"Content-Disposition": f'attachment; filename="{target}.json"', "X-Accel-Buffering": "no"}
