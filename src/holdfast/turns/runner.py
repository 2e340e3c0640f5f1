"""The turns that this process works on: started, waited for, cancelled, drained."""

import asyncio
import logging
import time
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
"""How often a waiting run looks whether another process has freed its thread."""

LONGEST_WAIT_S = 300.0

CANCEL_S = 10.0
"""How long a cancelled run may take to reach a safe place before it is only marked."""

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


class Runner:
    """Starts turns and keeps them until they are over, whether or not anyone still listens."""

    def __init__(self, db: Database, models: Models, settings: Settings) -> None:
        self.id = new_id("process")
        self.keepalive = settings.keepalive_seconds
        self._db = db
        self._models = models
        self._patience = settings.drain_seconds
        self._live: dict[str, Live] = {}
        self._tasks = set[asyncio.Task[None]]()
        self._freed: dict[str, asyncio.Event] = {}
        self._heart: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take over what processes before us have left, and tell others that we are alive."""
        if self._db.is_sqlite:
            await self._db.write(processes.bury_all)
        await self._db.write(processes.beat, self.id)
        if not self._db.is_sqlite:
            self._heart = asyncio.create_task(self._beat())

    async def drain(self) -> None:
        """Let the turns at work end; cancel what takes too long."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._patience)
        for live in list(self._live.values()):
            live.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
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

    async def cancel(self, run_id: str) -> bool:
        """Stop a run if it is this process that works on it, and wait until it has stopped."""
        live = self._live.get(run_id)
        if live is None:
            return False
        live.cancel()
        try:
            async with asyncio.timeout(CANCEL_S):
                await live.events.closed()
        except TimeoutError:
            return False
        return True

    async def _work(self, live: Live) -> None:
        try:
            turn = live.begun.turn or await self._wait(live)
            if turn is not None:
                await self._play(turn, live)
        except AppError as failed:
            await self._give_up(live, failed)
        except Exception as bug:  # the background runner: nobody above would see it
            log.exception("run %s failed", live.run_id)
            await self._give_up(live, AppError(f"Holdfast made a mistake ({type(bug).__name__}); see the server's log."))
        finally:
            live.events.close()
            del self._live[live.run_id]
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
        until = time.monotonic() + LONGEST_WAIT_S
        while not live.is_cancelled:
            if time.monotonic() > until:
                raise Busy(f"The thread was busy for {LONGEST_WAIT_S:.0f} seconds; run {live.run_id} was not started.")
            freed = self._freed.setdefault(live.begun.run.thread_id, asyncio.Event())
            turn = await self._db.write(claim, live.asked, live.begun, self._models, self.id)
            if turn is not None:
                return turn
            try:
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await freed.wait()
            except TimeoutError:
                continue
        await self._db.write(runs.mark_cancelled, live.asked.who, [live.run_id])
        live.events.append(Ended("cancelled"))
        return None

    async def _give_up(self, live: Live, failed: AppError) -> None:
        """The run could not even be ended properly: record that, and let go of the thread."""
        live.events.append(Ended("error", error=failed))
        await self._db.write(runs.abandon, live.asked.who, live.begun.run, dict(failed.body()))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(processes.BEAT_S)
            try:
                await self._db.write(processes.beat, self.id)
            except AppError as failed:
                log.warning("the heartbeat failed: %s", failed.detail)
