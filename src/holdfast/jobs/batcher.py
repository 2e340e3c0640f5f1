"""What works on batches in the background: each is one server's at a time, which others go on with when it dies."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Request

from holdfast.agents import store as agents
from holdfast.agents.model import Agent
from holdfast.auth.model import Who
from holdfast.batches import store, work
from holdfast.batches.model import Batch, BatchItem
from holdfast.errors import AppError
from holdfast.jobs.wire import about
from holdfast.kit.egress import Egress
from holdfast.kit.ids import new_id
from holdfast.messages.threads import Thread
from holdfast.store.database import Database
from holdfast.store.table import Tx
from holdfast.turns.begin import Asked
from holdfast.turns.callback import tell
from holdfast.turns.images import with_images
from holdfast.turns.requests import SendMessage
from holdfast.turns.runner import Runner

POLL_S = 2.0
"""How often it is looked for batches of other servers, and for the ends of runs that other servers work on."""

AT_ONCE = 4
"""Batches that one server works on side by side."""

log = logging.getLogger("holdfast.batches")


class Batcher:
    """Works on batches."""

    def __init__(self, db: Database, runner: Runner, egress: Egress, draining: asyncio.Event) -> None:
        self._db = db
        self._runner = runner
        self._egress = egress
        self._draining = draining
        self._id = new_id("process")
        self._came = asyncio.Event()
        self._working = set[asyncio.Task[None]]()
        self._looking: asyncio.Task[None] | None = None
        self._has_claimed = False
        """Whether there may be batches to leave to others."""

    async def start(self) -> None:
        if self._db.is_sqlite:
            await self._db.write(work.release_all)
        self._looking = asyncio.create_task(self._look())

    async def stop(self) -> None:
        """Leave the batches to others; the runs that they have at work are the runner's."""
        tasks = [*self._working, *([] if self._looking is None else [self._looking])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._has_claimed:
            await self._db.write(work.release, self._id)

    def nudge(self) -> None:
        """A batch has come, or there is room for another."""
        self._came.set()

    async def cancel(self, who: Who, id: str) -> None:
        """Stop a batch wherever it is worked on; when this returns its runs are over."""
        await self._runner.cancel(who, await self._db.write(work.cancel, who, id))
        await self._db.write(work.note_ended, who, id)

    async def _look(self) -> None:
        while True:
            try:
                await self._take()
            except AppError as failed:
                log.error("batches have to wait: %s", failed.detail)
            except Exception:  # the background runner: without it no batch would be worked on any more
                log.exception("batches have to wait")
            await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL_S):
                await self._came.wait()
        except TimeoutError:
            pass
        self._came.clear()

    async def _take(self) -> None:
        while len(self._working) < AT_ONCE and not self._draining.is_set() and await self._db.read(work.is_waiting):
            self._has_claimed = True
            batch = await self._db.write(work.claim, self._id)
            if batch is None:
                return
            task = asyncio.create_task(self._work(batch))
            self._working.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        self.nudge()

    async def _work(self, batch: Batch) -> None:
        try:
            await self._work_through(batch)
        except AppError as failed:
            log.error("batch %s has to wait: %s", batch.id, failed.detail)
        except Exception:  # the background runner: it is tried again when the lease has run out
            log.exception("batch %s has to wait", batch.id)

    async def _work_through(self, batch: Batch) -> None:
        """Begin what can be begun, and wait for the end of something, until all is over."""
        while not self._draining.is_set():
            progress = await self._db.write(work.look, batch)
            if progress is None:
                return
            if progress.is_over:
                await self._conclude(progress.batch)
                return
            running = [item.run_id for item in progress.running if item.run_id]
            if progress.batch.status == "cancelled":
                await self._runner.cancel(work.who_of(batch), running)
            begun = [await self._begin(batch, item) for item in progress.next]
            await self._something(running, begun)

    async def _begin(self, batch: Batch, item: BatchItem) -> str | None:
        """The run of a request, which is recorded with it; None when there is none."""
        who, run_id = work.who_of(batch), new_id("run")

        def thread(tx: Tx) -> tuple[Thread, Agent]:
            work.start(tx, who, item, run_id)
            return agents.with_own_thread(tx, who, item.agent_id)

        try:
            sent = SendMessage.model_validate(item.request)
            body = await with_images(sent.model_copy(update={"background": True, "streaming": False}), self._egress)
            asked = Asked(who, body, thread, "batch", is_async=True, to=item.agent_id, run_id=run_id)
            await self._runner.launch_in_background(asked)
        except work.NotWaiting:
            return None
        except AppError as failed:
            if failed.status >= 500:
                raise
            await self._db.write(work.fail, who, item, failed.detail)
            return None
        except Exception as bug:  # the background runner: the other requests of the batch go on
            log.exception("a request of batch %s could not be begun", batch.id)
            problem = f"Holdfast made a mistake ({type(bug).__name__}); see the server's log."
            await self._db.write(work.fail, who, item, problem)
            return None
        return run_id

    async def _something(self, running: Sequence[str], begun: Sequence[str | None]) -> None:
        """Wait until a run of this process has ended; those of others are looked at every now and then."""
        if any(id is None or self._runner.at_work(id) is None for id in begun):
            return
        found = [self._runner.at_work(id) for id in (*running, *filter(None, begun))]
        ends = [asyncio.create_task(live.events.closed()) for live in found if live and not live.events.is_closed]
        try:
            if ends:
                await asyncio.wait(ends, timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(POLL_S)
        finally:
            for end in ends:
                end.cancel()

    async def _conclude(self, batch: Batch) -> None:
        """Call back, and let go of it."""
        standing = (await self._db.read(store.standings, work.who_of(batch), [batch.id]))[batch.id]
        body = {
            "job_id": batch.id,
            "status": batch.status,
            "completed_at": batch.completed_at,
            "metadata": about(standing),
        }
        await tell(self._egress, batch, body)
        await self._db.write(work.settle, batch)


async def _batcher(request: Request) -> Batcher:
    return request.app.state.batcher


Batches = Annotated[Batcher, Depends(_batcher)]
