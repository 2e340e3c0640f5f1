"""HTTP of steps."""

from dataclasses import replace
from typing import Annotated

from fastapi import Body, Query, Response

from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.kit.ids import StepId
from holdfast.kit.page import Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.messages import store as messages
from holdfast.messages.model import Message
from holdfast.messages.shapes import LettaMessage
from holdfast.messages.wire import expand_all
from holdfast.steps import store
from holdfast.steps.filter import StepFeedback, StepFilter
from holdfast.steps.wire import ProviderTrace, StepJson, StepMetrics, metrics, provider_trace, step
from holdfast.store.table import Tx

router = Router("steps")


@router.get("/steps/", list[StepJson])
async def list_steps(
    who: Caller, db: Db, wanted: Annotated[StepFilter, Query()], page: Annotated[Page, page_of("desc", 50)]
) -> Response:
    """The steps that match every filter sent."""
    return reply([step(found) for found in await db.read(store.page, who, page, wanted)])


@router.get("/steps/{step_id}", StepJson)
async def retrieve_step(step_id: StepId, who: Caller, db: Db) -> Response:
    """One step."""
    return reply(step(await db.read(store.get, who, step_id)))


@router.patch("/steps/{step_id}/feedback", StepJson)
async def give_feedback(step_id: StepId, who: Caller, db: Db, given: Annotated[StepFeedback, Body()]) -> Response:
    """Say whether a step was good; null takes it back, tags replace those there were."""
    values = {name: getattr(given, name) for name in given.model_fields_set}
    if values.get("tags", ()) is None:
        del values["tags"]
    return reply(step(await db.write(store.change, who, step_id, values)))


@router.patch("/steps/{step_id}/transaction/{transaction_id}", StepJson, deprecated=True)
async def set_transaction(step_id: StepId, transaction_id: str, who: Caller, db: Db) -> Response:
    """Note the transaction of the caller's own books that a step belongs to."""
    return reply(step(await db.write(store.change, who, step_id, {"tid": transaction_id})))


@router.get("/steps/{step_id}/messages", list[LettaMessage])
async def list_step_messages(
    step_id: StepId, who: Caller, db: Db, page: Annotated[Page, page_of("asc", 100)]
) -> Response:
    """The messages of a step; `after` and `before` are meant relative to the order."""
    return reply(expand_all(await db.read(_messages, who, step_id, page)))


@router.get("/steps/{step_id}/metrics", StepMetrics)
async def retrieve_step_metrics(step_id: StepId, who: Caller, db: Db) -> Response:
    """How long a step took, and what of it the model and the tools."""
    return reply(metrics(await db.read(store.get, who, step_id)))


@router.get("/steps/{step_id}/trace", ProviderTrace | None)
async def retrieve_step_trace(step_id: StepId, who: Caller, db: Db) -> Response:
    """What was sent to the model and what came back; null when it is not kept."""
    return reply(provider_trace(await db.read(store.get, who, step_id)))


@router.get("/telemetry/{step_id}", ProviderTrace | None, deprecated=True)
async def retrieve_telemetry(step_id: StepId, who: Caller, db: Db) -> Response:
    """The same as the trace of the step."""
    return reply(provider_trace(await db.read(store.get, who, step_id)))


def _messages(tx: Tx, who: Who, step_id: str, page: Page) -> list[Message]:
    run_id = store.get(tx, who, step_id).run_id
    if page.newest_first:
        page = replace(page, before=page.after, after=page.before)
    return messages.page(tx, who, page, *messages.of_step(run_id, step_id))
