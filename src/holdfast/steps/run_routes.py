"""HTTP of runs, as far as it is about their steps."""

from typing import Annotated

from fastapi import Query, Response

from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.errors import Conflict
from holdfast.kit.page import Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.runs import events
from holdfast.runs import store as runs
from holdfast.runs.model import Run
from holdfast.runs.wire import RunJson, RunMetrics, Span, UsageStatistics, run
from holdfast.steps import of_run, store
from holdfast.steps.model import Step
from holdfast.steps.wire import StepJson, step
from holdfast.store.table import Tx

router = Router("runs")


@router.delete("/runs/{run_id}", RunJson)
async def delete_run(run_id: str, who: Caller, db: Db) -> Response:
    """Delete a run with its steps; its messages stay."""
    return reply(run(await db.write(_delete, who, run_id)))


@router.get("/runs/{run_id}/steps", list[StepJson])
async def list_run_steps(run_id: str, who: Caller, db: Db, page: Annotated[Page, page_of("desc", 100)]) -> Response:
    """The steps of a run."""
    return reply([step(found) for found in await db.read(_page, who, run_id, page)])


@router.get("/runs/{run_id}/usage", UsageStatistics)
async def retrieve_run_usage(run_id: str, who: Caller, db: Db) -> Response:
    """The tokens of all steps of a run."""
    _, steps = await db.read(_with_steps, who, run_id)
    return reply(of_run.usage(steps))


@router.get("/runs/{run_id}/metrics", RunMetrics)
async def retrieve_run_metrics(run_id: str, who: Caller, db: Db) -> Response:
    """How long a run took and which tools it used."""
    return reply(of_run.metrics(*await db.read(_with_steps, who, run_id)))


@router.get("/runs/{run_id}/trace", list[Span])
async def retrieve_run_trace(
    run_id: str, who: Caller, db: Db, limit: Annotated[int, Query(ge=0, description="How many spans at most.")] = 1000
) -> Response:
    """What a run did when: itself, its steps, their model calls and tools."""
    run, steps = await db.read(_with_steps, who, run_id)
    return reply(list(of_run.spans(run, steps))[:limit])


def _with_steps(tx: Tx, who: Who, run_id: str) -> tuple[Run, list[Step]]:
    return runs.get(tx, who, run_id), store.of_run(tx, who, run_id)


def _page(tx: Tx, who: Who, run_id: str, page: Page) -> list[Step]:
    runs.get(tx, who, run_id)
    return store.page_of_run(tx, who, page, run_id)


def _delete(tx: Tx, who: Who, run_id: str) -> Run:
    run = runs.get(tx, who, run_id)
    if not run.is_over:
        raise Conflict(f"Run {run_id} is {run.status}; cancel it before deleting it.")
    store.delete_of_run(tx, who, run_id)
    events.delete_of_run(tx, who, run_id)
    runs.delete(tx, who, run_id)
    return run
