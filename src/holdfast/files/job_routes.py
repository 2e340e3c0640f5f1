"""HTTP of jobs, which V1 lists for what is loaded in the background."""

from typing import Annotated

from fastapi import Query, Response

from holdfast.auth.caller import Caller, Db
from holdfast.files import jobs
from holdfast.files.job_wire import JobJson, job
from holdfast.kit.ids import JobId
from holdfast.kit.page import MOST, Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router

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
    """The loads of files, each of which is a job."""
    return reply([job(file) for file in await db.read(jobs.page, who, page, source_id, active)])


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
    return reply([job(file) for file in await db.read(jobs.page, who, page, source_id, True)])


@router.get("/jobs/{job_id}", JobJson)
async def retrieve_job(job_id: JobId, who: Caller, db: Db) -> Response:
    """One job: how far the load of its file is."""
    return reply(job(await db.read(jobs.get, who, job_id)))


@router.patch("/jobs/{job_id}/cancel", JobJson)
async def cancel_job(job_id: JobId, who: Caller, db: Db) -> Response:
    """Stop the load of a file; the file stays, in the status `error` and without text."""
    return reply(job(await db.write(jobs.cancel, who, job_id)))


@router.delete("/jobs/{job_id}", JobJson)
async def delete_job(job_id: JobId, who: Caller, db: Db) -> Response:
    """Take a job off the list; one at work is cancelled. A file that has been loaded stays."""
    return reply(job(await db.write(jobs.delete, who, job_id)))
