"""The runs of this process that wait for their threads: first come, first served, among all processes."""

import asyncio
import time

from holdfast.errors import Busy
from holdfast.loop.state import Turn
from holdfast.providers.organizations import OrganizationModels
from holdfast.store.database import Database
from holdfast.turns import circle
from holdfast.turns.begin import Worker, claim
from holdfast.turns.live import Live

LOOK_AGAIN_S = 0.25
"""How often the first of the waiting runs looks whether another process has freed its thread."""

LONGEST_WAIT_S = 300.0
"""How long someone who waits for the answer is kept waiting; background runs wait as long as it takes."""


class Line:
    """Who waits for which thread."""

    def __init__(self, db: Database, models: OrganizationModels, worker: Worker) -> None:
        self._db = db
        self._models = models
        self._worker = worker
        self._waiting: dict[str, list[Live]] = {}
        self._freed: dict[str, asyncio.Event] = {}

    @property
    def length(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting.values()))

    async def stand(self, live: Live) -> Turn | None:
        """The turn, once all earlier runs of the thread are over; None when it was cancelled before."""
        if live.asked.chain.asker is not None:
            await self._db.read(circle.refuse, live.asked.who, live.run)
        thread_id = live.run.thread_id
        waiting = self._waiting.setdefault(thread_id, [])
        waiting.append(live)
        try:
            return await self._wait(waiting, live)
        finally:
            waiting.remove(live)
            if not waiting:
                del self._waiting[thread_id]
                self._freed.pop(thread_id, None)

    def free(self, thread_id: str) -> None:
        """Tell whoever waits for a thread that it may be free now."""
        freed = self._freed.pop(thread_id, None)
        if freed is not None:
            freed.set()

    async def _wait(self, waiting: list[Live], live: Live) -> Turn | None:
        """Wait in line. Only its first asks the database, so that many who wait cost no more than one."""
        patience = live.asked.patience or LONGEST_WAIT_S
        until = time.monotonic() + patience
        while not live.is_cancelled:
            if time.monotonic() > until and not live.run.background:
                raise Busy(f"The thread was busy for {patience:.0f} seconds; run {live.run_id} was not started.")
            freed = self._freed.setdefault(live.run.thread_id, asyncio.Event())
            if live is min(waiting, key=_ticket):
                models = await self._models.of(live.asked.who)
                turn = await self._db.insist(claim, live.asked, live.begun, models, self._worker)
                if turn is not None:
                    return turn
            try:
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await freed.wait()
            except TimeoutError:
                continue
        return None


def _ticket(live: Live) -> tuple[float, str]:
    return live.run.created_at.timestamp(), live.run_id
