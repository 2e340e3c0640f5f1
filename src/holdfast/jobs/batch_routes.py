"""HTTP of batches: requests to many agents, worked on in the background (CONTRACT §15)."""

from typing import Annotated

from fastapi import Query, Request, Response
from typing_extensions import TypedDict

from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.batches import store
from holdfast.jobs import create, listing
from holdfast.jobs.batcher import Batches
from holdfast.jobs.requests import CreateBatch
from holdfast.jobs.wire import JobJson
from holdfast.kit.ids import BatchId
from holdfast.kit.page import Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.messages import store as messages
from holdfast.messages.internal import InternalMessage, internal
from holdfast.store.table import Tx, Where

router = Router("messages")

OfAgent = Annotated[str | None, Query(description="Only the messages of this agent.")]


class BatchMessages(TypedDict):
    messages: list[InternalMessage]


@router.post("/messages/batches", JobJson)
async def create_batch(body: CreateBatch, who: Caller, db: Db, batcher: Batches, request: Request) -> Response:
    """Have requests to many agents worked on in the background; the answer is the job that does it."""
    if body.callback_url is not None:
        await request.app.state.egress.address(body.callback_url, "callback", "organization")
    made = await db.write(create.create, who, body)
    batcher.nudge()
    return reply(await db.read(listing.one, who, made.id))


@router.get("/messages/batches", list[JobJson])
async def list_batches(who: Caller, db: Db, page: Annotated[Page, page_of("desc", 100)]) -> Response:
    """The batches that are not over."""
    return reply(await db.read(_page, who, page))


@router.get("/messages/batches/{batch_id}", JobJson)
async def retrieve_batch(batch_id: BatchId, who: Caller, db: Db) -> Response:
    """One batch: how far it is, and how many of its requests have succeeded."""
    return reply(await db.read(_one, who, batch_id))


@router.patch("/messages/batches/{batch_id}/cancel", None)
async def cancel_batch(batch_id: BatchId, who: Caller, batcher: Batches) -> Response:
    """Stop what a batch has at work, and begin nothing more of it; what was said so far stays."""
    await batcher.cancel(who, batch_id)
    return reply(None)


@router.get("/messages/batches/{batch_id}/messages", BatchMessages)
async def list_batch_messages(
    batch_id: BatchId, who: Caller, db: Db, page: Annotated[Page, page_of("desc", 100)], agent_id: OfAgent = None
) -> Response:
    """What was said in a batch's runs so far, what was sent included; `batch_item_id` tells the requests apart."""
    return reply({"messages": await db.read(_messages, who, batch_id, page, agent_id)})


def _page(tx: Tx, who: Who, page: Page) -> list[JobJson]:
    return listing.shown(tx, who, store.page(tx, who, page, True))


def _one(tx: Tx, who: Who, id: str) -> JobJson:
    return listing.shown(tx, who, [store.get(tx, who, id)])[0]


def _messages(tx: Tx, who: Who, id: str, page: Page, agent_id: str | None) -> list[InternalMessage]:
    store.get(tx, who, id)
    where: list[Where] = [messages.c.run_id.in_(store.run_ids(who, id))]
    if agent_id is not None:
        where.append(messages.of_agent(agent_id))
    found = messages.page(tx, who, page, *where)
    of_runs = store.items_of_runs(tx, who, id, [message.run_id for message in found if message.run_id])
    return [internal(each.model_copy(update={"batch_item_id": of_runs.get(each.run_id or "")})) for each in found]
