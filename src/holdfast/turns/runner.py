"""The turns that this process works on: started, waited for, cancelled, drained."""

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from holdfast.config import Settings
from holdfast.errors import AppError, Busy
from holdfast.feed.ring import Ring
from holdfast.kit.ids import new_id
from holdfast.llm.models import Models
from holdfast.loop.events import Ended, Event
from holdfast.loop.state import Turn
from holdfast.loop.turn import play
from holdfast.runs import processes
from holdfast.runs import store as runs
from holdfast.store.database import Database
from holdfast.turns.begin import Asked, Begun, begin, claim

LOOK_AGAIN_S = 0.25
"""How often the first of the waiting runs looks whether another process has freed its thread."""

LONGEST_WAIT_S = 300.0

CANCEL_S = 10.0
"""How long a cancelled run may take to reach a safe place before it is only marked."""

ABANDON_AGAIN_S = 1.0
"""How long until the end of a failed run is recorded again; the database may have no room, or be away."""

KEPT_S = 60.0
KEPT_RUNS = 256
"""How long, and how many, finished runs are kept for requests that are sent again because their answer was lost."""

log = logging.getLogger("holdfast.turns")


@dataclass(slots=True)
class Live:
    """A run that this process works on, and what has happened in it."""

    asked: Asked
    begun: Begun
    events: Ring[Event] = field(default_factory=Ring[Event])
    is_cancelled: bool = False

    @property
    def run_id(self) -> str:
        return self.begun.run.id

    def cancel(self) -> None:
        self.is_cancelled = True
        if self.begun.turn is not None:
            self.begun.turn.cancel()

    def end(self, event: Ended) -> None:
        """Say how the run ended, once: whoever follows it gets exactly one last event."""
        if not self.events.events or not isinstance(self.events.events[-1], Ended):
            self.events.append(event)

    def answers(self, asked: Asked) -> bool:
        """Is this the same request, and is there an answer to it or will there be?"""
        mine, last = self.asked, self.events.events[-1:]
        failed = any(isinstance(event, Ended) and event.error is not None for event in last)
        same = (mine.who.organization_id, mine.to) == (asked.who.organization_id, asked.to) and mine.body == asked.body
        return same and not failed


class Runner:
    """Starts turns and keeps them until they are over, whether or not anyone still listens."""

    def __init__(self, db: Database, models: Models, settings: Settings) -> None:
        self.id = new_id("process")
        self.keepalive = settings.keepalive_seconds
        self._db = db
        self._models = models
        self._patience = settings.drain_seconds
        self._live: dict[str, Live] = {}
        self._kept: dict[str, Live] = {}
        self._waiting: dict[str, list[Live]] = {}
        self._freed: dict[str, asyncio.Event] = {}
        self._tasks = set[asyncio.Task[None]]()
        self._heart: asyncio.Task[None] | None = None
        self._draining: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take over what processes before us have left, and tell others that we are alive."""
        if self._db.is_sqlite:
            await self._db.write(processes.bury_all)
        await self._db.write(processes.beat, self.id)
        if not self._db.is_sqlite:
            self._heart = asyncio.create_task(self._beat())

    async def drain(self) -> None:
        """Let the turns at work end; cancel what takes too long. Asked twice, it is done once."""
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        await self._draining

    async def _drain(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._patience)
        for live in list(self._live.values()):
            live.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    async def stop(self) -> None:
        """Leave: what is still at work here now belongs to the other processes."""
        if self._heart is not None:
            self._heart.cancel()
        await self._db.write(processes.leave, self.id)

    async def launch(self, asked: Asked) -> Live:
        """Record the run and start working on it, or wait for the thread in the background."""
        begun = await self._db.write(begin, asked, self._models, self.id)
        live = self._live[begun.run.id] = Live(asked, begun)
        task = asyncio.create_task(self._work(live))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return live

    def launched(self, asked: Asked) -> Live | None:
        """The newest run here that the same request has started before, at work or just finished."""
        known = [*self._live.values(), *reversed(self._kept.values())]
        return next((live for live in known if live.answers(asked)), None)

    async def cancel(self, run_ids: Iterable[str]) -> set[str]:
        """Stop the runs that this process works on, and wait until they have stopped; the ids of those."""
        found = [self._live[id] for id in run_ids if id in self._live]
        for live in found:
            live.cancel()
        waits = [asyncio.create_task(live.events.closed()) for live in found]
        if waits:
            await asyncio.wait(waits, timeout=CANCEL_S)
        for wait in waits:
            wait.cancel()
        return {live.run_id for live in found if live.events.is_closed}

    async def _work(self, live: Live) -> None:
        try:
            turn = live.begun.turn or await self._wait(live)
            if turn is not None:
                await self._play(turn, live)
        except AppError as failed:
            await self._give_up(live, failed)
        except Exception as bug:  # the background runner: nobody above would see it
            log.exception("run %s failed", live.run_id)
            await self._give_up(
                live, AppError(f"Holdfast made a mistake ({type(bug).__name__}); see the server's log.")
            )
        finally:
            live.end(Ended("error", error=AppError(f"Run {live.run_id} broke off; see the server's log.")))
            live.events.close()
            self._keep(live)
            freed = self._freed.pop(live.begun.run.thread_id, None)
            if freed is not None:
                freed.set()

    async def _play(self, turn: Turn, live: Live) -> None:
        live.begun.turn = turn
        if live.is_cancelled:
            turn.cancel()
        async for event in play(self._db, turn):
            live.events.append(event)

    async def _wait(self, live: Live) -> Turn | None:
        """The turn, once all earlier runs of the thread are over; None when it was cancelled before."""
        line = self._waiting.setdefault(live.begun.run.thread_id, [])
        line.append(live)
        try:
            turn = await self._stand_in(line, live)
        finally:
            line.remove(live)
            if not line:
                del self._waiting[live.begun.run.thread_id]
                self._freed.pop(live.begun.run.thread_id, None)
        if turn is None:
            await self._db.write(runs.mark_cancelled, live.asked.who, [live.run_id])
            live.end(Ended("cancelled"))
        return turn

    async def _stand_in(self, line: list[Live], live: Live) -> Turn | None:
        """Wait in line. Only its first asks the database, so that many who wait cost no more than one."""
        until = time.monotonic() + LONGEST_WAIT_S
        while not live.is_cancelled:
            if time.monotonic() > until:
                raise Busy(f"The thread was busy for {LONGEST_WAIT_S:.0f} seconds; run {live.run_id} was not started.")
            freed = self._freed.setdefault(live.begun.run.thread_id, asyncio.Event())
            if live is min(line, key=_ticket):
                turn = await self._db.write(claim, live.asked, live.begun, self._models, self.id)
                if turn is not None:
                    return turn
            try:
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await freed.wait()
            except TimeoutError:
                continue
        return None

    async def _give_up(self, live: Live, failed: AppError) -> None:
        """The run could not even be ended properly: say so, record it as soon as that works, and free the thread."""
        live.end(Ended("error", error=failed))
        live.events.close()
        while True:
            try:
                await self._db.write(runs.abandon, live.asked.who, live.begun.run, {"error": failed.account()})
            except AppError as worse:
                log.error("run %s could not be ended yet: %s", live.run_id, worse.detail)
                await asyncio.sleep(ABANDON_AGAIN_S)
            else:
                return

    def _keep(self, live: Live) -> None:
        """Finished runs stay for a while; what they worked with does not."""
        del self._live[live.run_id]
        live.begun.turn = None
        self._kept[live.run_id] = live
        if len(self._kept) > KEPT_RUNS:
            del self._kept[next(iter(self._kept))]
        asyncio.get_running_loop().call_later(KEPT_S, self._kept.pop, live.run_id, None)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(processes.BEAT_S)
            try:
                await self._db.write(processes.beat, self.id)
                await self._notice()
            except Exception:  # the background runner: without a heart all leases of this process would lapse
                log.exception("the heartbeat failed")

    async def _notice(self) -> None:
        """Stop those of our runs that another process has ended, because a client asked it to."""
        for run_id in await self._db.read(processes.stopped, list(self._live)):
            if live := self._live.get(run_id):
                live.cancel()


def _ticket(live: Live) -> tuple[float, str]:
    return live.begun.run.created_at.timestamp(), live.run_id
