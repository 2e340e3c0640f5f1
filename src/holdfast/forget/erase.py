"""The rest of a job in steps that may be done again: what a restart finds half done is done once more."""

from collections.abc import Collection, Iterator

from holdfast.audit import store as audit
from holdfast.feed.port import Feed
from holdfast.forget import rows, store
from holdfast.forget.model import Forgetting, Scope
from holdfast.kit.clock import now
from holdfast.repeats import store as repeats
from holdfast.repeats.model import KeptAnswer
from holdfast.store.database import Database
from holdfast.store.table import Tx


async def erase(db: Database, feed: Feed, job: Forgetting) -> None:
    """Remove all rows that belong to what goes, a batch at a time, and say so in the job."""
    who = store.of(job)
    for things in ("agents", "threads"):
        for ids in rows.chunks(getattr(job.scope, things)):
            await feed.forget(job.organization_id, await db.read(rows.background_runs, who, things, ids))
    for ids in rows.chunks(job.scope.runs):
        await feed.forget(job.organization_id, ids)
    for part in rows.PARTS:
        for ids in rows.chunks(getattr(job.scope, part.things)):
            while await db.write(_drained, job, part, ids) == rows.BATCH:
                pass
    await db.write(_finish, job)


def _drained(tx: Tx, job: Forgetting, part: rows.Part, ids: rows.Ids) -> int:
    gone = rows.drain(tx, store.of(job), part, ids)
    if gone:
        _count(job, part.table.name, gone)
        store.save(tx, job)
    return gone


def _finish(tx: Tx, job: Forgetting) -> None:
    """Drop what search knows, and kept answers; from now on only the files can hold anything."""
    who, scope = store.of(job), job.scope
    for things, kind in rows.CORPORA:
        for id in getattr(scope, things):
            _count(job, "search_entries", rows.drop_corpus(tx, who, kind, id))
    if scope.threads:
        for id in scope.touched:
            _count(job, "search_entries", rows.drop_threads(tx, who, id, scope.threads))
    told = [answer.id for answer in _answers(tx, job) if _tells(answer, scope)]
    _count(job, "answers", rows.delete(tx, who, repeats.rows, told))
    if job.status == "erasing":
        job.status, job.erased_at = "rewriting", now()
    job.problem = None
    store.save(tx, job)


def _answers(tx: Tx, job: Forgetting) -> Iterator[KeptAnswer]:
    after = ""
    while some := rows.answers_after(tx, store.of(job), after):
        yield from some
        after = some[-1].id


def _tells(answer: KeptAnswer, scope: Scope) -> bool:
    """Does a kept answer name anything that goes, or was it given at the address of a thread that is changed?"""
    named: Collection[str] = [id for ids in scope.things.values() for id in ids] + scope.runs
    return any(id in answer.path or id in answer.body for id in named) or any(id in answer.path for id in scope.touched)


def conclude(tx: Tx, job: Forgetting) -> None:
    """The files were written anew since the last row went: nothing is left to do."""
    job.status, job.done_at, job.problem = "done", now(), None
    store.save(tx, job)
    audit.add(tx, store.of(job), job.audit_id, {"erased": job.erased, "done_at": job.done_at.isoformat()})


def note_problem(tx: Tx, job: Forgetting, problem: str) -> None:
    job.problem = problem
    store.save(tx, job)


def _count(job: Forgetting, table: str, more: int) -> None:
    if more:
        job.erased[table] = job.erased.get(table, 0) + more
