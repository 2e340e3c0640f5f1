"""What works on jobs in the background: one server at a time, each going on with what another has left."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from holdfast.auth.model import Who
from holdfast.errors import AppError, Busy
from holdfast.feed.port import Feed
from holdfast.forget import erase, seal, store
from holdfast.forget.model import Forgetting, WhatToForget
from holdfast.forget.rows import REWRITTEN
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.store import search
from holdfast.store.database import Database

POLL_S = 2.0
"""How often it is looked for jobs of other servers, and for such as have to be tried again."""

LEAD_S = 10.0
"""How long a server that has died is waited for."""

PATIENCE_S = 10.0
"""How long a request waits for turns to end."""

LOOK_AGAIN_S = 0.25

LATE = timedelta(minutes=5)
"""By how much the clocks of two servers may differ, and a look at the jobs be late."""

log = logging.getLogger("holdfast.forget")


@dataclass(frozen=True, slots=True)
class InMemory:
    """What this process holds in memory, and how to let go of it."""

    corpora: Callable[[str, Collection[str]], Awaitable[None]]
    threads: Callable[[Collection[str]], None]

    async def forget(self, job: Forgetting) -> None:
        scope = job.scope
        ids = {*scope.agents, *scope.threads, *scope.archives, *scope.folders, *scope.touched}
        self.threads(ids)
        await self.corpora(job.organization_id, ids)


class Forgetter:
    """Takes jobs on, and brings them to their end."""

    def __init__(self, db: Database, feed: Feed, memory: InMemory, rewrite_after_s: float) -> None:
        self._db = db
        self._feed = feed
        self._memory = memory
        self._rewrite_after_s = rewrite_after_s
        self._id = new_id("process")
        self._called = asyncio.Event()
        self._looked = now()
        self._seen: dict[str, datetime] = {}
        """The jobs that this process's memory has followed, as they were then."""
        self._worker: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._worker = asyncio.create_task(self._work())

    async def stop(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait((self._worker,))

    async def forget(self, who: Who, asked: WhatToForget) -> Forgetting:
        """Take away what leads to it; the rest is done in the background."""
        until = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            try:
                job = await self._db.write(seal.seal, who, asked)
            except Busy:
                if asyncio.get_running_loop().time() > until:
                    raise
                await asyncio.sleep(LOOK_AGAIN_S)
                continue
            self._called.set()
            return job

    async def _work(self) -> None:
        while True:
            try:
                await self._look()
                if await self._go_on():
                    await self._look()
            except AppError as failed:
                log.error("forgetting has to wait: %s", failed.detail)
            except Exception:  # the background runner: without it nothing more would be forgotten
                log.exception("forgetting broke off")
            await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL_S):
                await self._called.wait()
        except TimeoutError:
            pass
        self._called.clear()

    async def _look(self) -> None:
        """Let go of what other servers have forgotten."""
        begun = now()
        for job in await self._db.read(store.changed_since, self._looked - LATE):
            if self._seen.get(job.id) != job.updated_at:
                await self._memory.forget(job)
                self._seen[job.id] = job.updated_at
        self._looked = begun
        self._seen = {id: moment for id, moment in self._seen.items() if moment > begun - 2 * LATE}

    async def _go_on(self) -> bool:
        """Do what can be done now; False when there was nothing."""
        jobs = await self._db.read(store.unfinished)
        if not jobs or not await self._leads():
            return False
        for job in jobs:
            if job.status == "erasing":
                await self._try([job], self._erase(job))
        due = await self._db.read(store.long_erased, self._rewrite_after_s)
        if due:
            await self._try(due, self._rewrite(due))
        return True

    async def _leads(self) -> bool:
        return self._db.is_sqlite or await self._db.write(search.lead, "forgetting", self._id, LEAD_S)

    async def _erase(self, job: Forgetting) -> None:
        await self._leading(erase.erase(self._db, self._feed, job))

    async def _rewrite(self, jobs: Sequence[Forgetting]) -> None:
        """Look once more for rows that someone was about to store when the jobs began, and write the files anew."""
        for job in jobs:
            await self._erase(job)
        await self._leading(self._db.reclaim(REWRITTEN))
        for job in jobs:
            await self._db.write(erase.conclude, job)

    async def _leading(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that may take long, and go on leading meanwhile."""
        task = asyncio.create_task(work)
        try:
            while not task.done():
                await asyncio.wait((task,), timeout=LEAD_S / 3)
                if not task.done():
                    await self._leads()
        finally:
            task.cancel()
        task.result()

    async def _try(self, jobs: Sequence[Forgetting], work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except AppError as failed:
            log.error("forgetting %s has to wait: %s", ", ".join(job.target for job in jobs), failed.detail)
            for job in jobs:
                if job.problem != failed.detail:
                    await self._db.write(erase.note_problem, job, failed.detail)
