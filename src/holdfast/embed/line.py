"""A thread that works on what is asked of it: the urgent first, small requests together."""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

URGENT, USUAL, OVER = 0, 1, 2


@dataclass(order=True, slots=True)
class _Job:
    urgency: int
    number: int
    items: Sequence[Any] = field(compare=False)
    done: "asyncio.Future[list[Any]]" = field(compare=False)
    loop: asyncio.AbstractEventLoop = field(compare=False)


class WorkLine:
    """Items are worked on in batches of one urgency; each request gets the results of its own."""

    def __init__(self, name: str, work: Callable[[Sequence[Any]], Sequence[Any]], batch: int) -> None:
        self._work = work
        self._batch = batch
        self._jobs: queue.PriorityQueue[_Job] = queue.PriorityQueue()
        self._numbers = count()
        self._name = name
        self._thread: threading.Thread | None = None

    async def results(self, items: Sequence[Any], *, is_urgent: bool) -> list[Any]:
        found: list[Any] = []
        for begin in range(0, len(items), self._batch):
            found += await self._ask(items[begin : begin + self._batch], URGENT if is_urgent else USUAL)
        return found

    async def _ask(self, items: Sequence[Any], urgency: int) -> list[Any]:
        loop = asyncio.get_running_loop()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        job = _Job(urgency, next(self._numbers), items, loop.create_future(), loop)
        self._jobs.put(job)
        return await job.done

    def close(self) -> None:
        """Finish what has been asked, and end the thread."""
        if self._thread is not None:
            loop = asyncio.new_event_loop()
            self._jobs.put(_Job(OVER, next(self._numbers), (), loop.create_future(), loop))
            self._thread.join()
            loop.close()

    def _run(self) -> None:
        waiting: _Job | None = None
        while True:
            job = waiting or self._jobs.get()
            waiting = None
            if job.urgency == OVER:
                return
            together, waiting = self._gather(job)
            self._answer(together)

    def _gather(self, first: _Job) -> tuple[list[_Job], _Job | None]:
        """What can be done with the first job, and a job that was taken but has to wait."""
        together, size = [first], len(first.items)
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return together, None
            if job.urgency != first.urgency or size + len(job.items) > self._batch:
                return together, job
            together.append(job)
            size += len(job.items)

    def _answer(self, jobs: Sequence[_Job]) -> None:
        wanted = [job for job in jobs if not job.done.cancelled()]
        items = [item for job in wanted for item in job.items]
        try:
            found, failed = (list(self._work(items)) if items else []), None
        except Exception as error:  # the worker: whoever waits gets the failure
            found, failed = [], error
        for job in wanted:
            own, found = found[: len(job.items)], found[len(job.items) :]
            job.loop.call_soon_threadsafe(_settle, job.done, own, failed)


def _settle(done: "asyncio.Future[list[Any]]", own: list[Any], failed: Exception | None) -> None:
    if done.done():
        return
    if failed is None:
        done.set_result(own)
    else:
        done.set_exception(failed)
