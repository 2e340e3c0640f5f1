"""HTTP of runs. What is made from a run's steps is in `steps/run_routes.py`, streaming in `turns/`."""

from dataclasses import replace
from typing import Annotated

from fastapi import Query, Response

from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.kit.page import Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.messages import store as messages
from holdfast.messages.model import Message
from holdfast.messages.shapes import LettaMessage
from holdfast.messages.wire import expand_all
from holdfast.runs import store
from holdfast.runs.filter import ActiveFilter, RunFilter
from holdfast.runs.wire import RunJson, run
from holdfast.store.table import Tx

router = Router("runs")


@router.get("/runs/", list[RunJson])
async def list_runs(
    who: Caller,
    db: Db,
    wanted: Annotated[RunFilter, Query()],
    page: Annotated[Page, page_of("desc", 100, strict=True)],
    ascending: Annotated[bool, Query(deprecated=True, description="The same as order=asc.")] = False,
) -> Response:
    """The runs that match every filter sent."""
    page = replace(page, order="asc") if ascending else page
    return reply([run(found) for found in await db.read(store.page, who, page, wanted)])


@router.get("/runs/active", list[RunJson], deprecated=True)
async def list_active_runs(who: Caller, db: Db, wanted: Annotated[ActiveFilter, Query()]) -> Response:
    """The runs that are not over, newest first."""
    running = RunFilter(**wanted.model_dump(), active=True)
    return reply([run(found) for found in await db.read(store.page, who, Page(1000, "desc"), running)])


@router.get("/runs/{run_id}", RunJson)
async def retrieve_run(run_id: str, who: Caller, db: Db) -> Response:
    """One run."""
    return reply(run(await db.read(store.get, who, run_id)))


@router.get("/runs/{run_id}/messages", list[LettaMessage])
async def list_run_messages(run_id: str, who: Caller, db: Db, page: Annotated[Page, page_of("asc", 100)]) -> Response:
    """The messages of a run, its input included; `after` means newer and `before` older, whatever the order."""
    return reply(expand_all(await db.read(_messages, who, run_id, page)))


def _messages(tx: Tx, who: Who, run_id: str, page: Page) -> list[Message]:
    store.get(tx, who, run_id)
    return messages.page(tx, who, page, messages.of_run(run_id))
