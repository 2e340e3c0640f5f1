"""HTTP of jobs, which V1 lists for what is worked on in the background: loads of files, and batches."""

from typing import Annotated

from fastapi import Query, Response

from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.batches import store as batches
from holdfast.files import jobs as loads
from holdfast.jobs import listing
from holdfast.jobs.batcher import Batches
from holdfast.jobs.wire import JobJson, load
from holdfast.kit.ids import JobId
from holdfast.kit.page import MOST, Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.store.table import Tx

router = Router("jobs")

OfFolder = Annotated[str | None, Query(description="Only the loads of this folder's files.")]


@router.get("/jobs/", list[JobJson])
async def list_jobs(
    who: Caller,
    db: Db,
    page: Annotated[Page, page_of("desc", 100)],
    source_id: OfFolder = None,
    active: Annotated[bool, Query(description="Only those that are not over.")] = False,
    ascending: Annotated[bool, Query(deprecated=True, description="Without effect; `order` says it.")] = True,
) -> Response:
    """The loads of files and the batches, each of which is a job."""
    return reply(await db.read(listing.page, who, page, source_id, active))


@router.get("/jobs/active", list[JobJson], deprecated=True)
async def list_active_jobs(
    who: Caller,
    db: Db,
    source_id: OfFolder = None,
    before: Annotated[str | None, Query(description="Jobs before this id.")] = None,
    after: Annotated[str | None, Query(description="Jobs after this id.")] = None,
    limit: Annotated[int | None, Query(ge=0, description="How many jobs at most.")] = 50,
    ascending: Annotated[bool, Query(description="Oldest first.")] = True,
) -> Response:
    """The jobs that are not over."""
    most = MOST if limit is None else min(limit, MOST)
    page = Page(most, "asc" if ascending else "desc", before or None, after or None)
    return reply(await db.read(listing.page, who, page, source_id, True))


@router.get("/jobs/{job_id}", JobJson)
async def retrieve_job(job_id: JobId, who: Caller, db: Db) -> Response:
    """One job: how far the load of its file is, or its batch."""
    return reply(await db.read(listing.one, who, job_id))


@router.patch("/jobs/{job_id}/cancel", JobJson)
async def cancel_job(job_id: JobId, who: Caller, db: Db, batcher: Batches) -> Response:
    """Stop the load of a file, which stays in the status `error` and without text; or a batch."""
    if await db.read(batches.rows.find, who, job_id) is None:
        return reply(load(await db.write(loads.cancel, who, job_id)))
    await batcher.cancel(who, job_id)
    return reply(await db.read(listing.one, who, job_id))


@router.delete("/jobs/{job_id}", JobJson)
async def delete_job(job_id: JobId, who: Caller, db: Db, batcher: Batches) -> Response:
    """Take a job off the list; one at work is cancelled. What it has loaded, or brought about, stays."""
    found = await db.read(batches.rows.find, who, job_id)
    if found is None:
        return reply(load(await db.write(loads.delete, who, job_id)))
    if found.status == "running":
        await batcher.cancel(who, job_id)
    return reply(await db.write(_delete, who, job_id))


def _delete(tx: Tx, who: Who, id: str) -> JobJson:
    gone = listing.one(tx, who, id)
    batches.delete(tx, who, id)
    return gone
