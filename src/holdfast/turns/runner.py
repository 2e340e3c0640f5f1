"""The turns that this process works on: started, taken over, cancelled, drained."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from holdfast.auth.model import Who
from holdfast.config import Settings
from holdfast.errors import AppError
from holdfast.feed.port import Calls, Feed
from holdfast.kit.egress import Egress
from holdfast.kit.ids import new_id
from holdfast.kit.meter import Meter
from holdfast.loop.events import Ended
from holdfast.loop.state import Turn, inputs_of
from holdfast.loop.turn import play
from holdfast.providers.organizations import OrganizationModels
from holdfast.runs import processes
from holdfast.runs import store as runs
from holdfast.runs.model import Run
from holdfast.sandbox.model import Sandbox
from holdfast.store.database import Database
from holdfast.tools.builtin.context import Finder, Outside
from holdfast.tools.outside import Executors
from holdfast.tools.web.page import Pages
from holdfast.tools.web.search import WebSearch
from holdfast.turns.begin import Asked, Begun, Worker, asked_of, begin
from holdfast.turns.callback import call_back
from holdfast.turns.line import Line
from holdfast.turns.live import Live, ended_before
from holdfast.turns.others import Others
from holdfast.turns.past import past_of
from holdfast.turns.tally import tally
from holdfast.turns.telling import Teller

CANCEL_S = 10.0
"""How long a cancelled run may take to reach a safe place before its thread is taken from it."""

LOOK_AGAIN_S = 0.1
"""How often it is looked whether another process has let go of a cancelled run's thread."""

INSIST_S = 1.0
"""How long until what must be recorded of a run is tried again; the database may have no room, or be away."""

LAST_WORDS_S = 2.0
"""How long the feed of a run that is handed over may take to keep what has happened so far."""

KEPT_S = 60.0
KEPT_RUNS = 256
"""How long, and how many, finished runs are kept for requests that are sent again because their answer was lost."""

T = TypeVar("T")

log = logging.getLogger("holdfast.turns")


@dataclass(frozen=True, slots=True)
class Ports:
    """What turns need of the outside."""

    models: OrganizationModels
    finder: Finder
    feed: Feed
    egress: Egress
    executors: Executors
    """Who runs the tools whose work is done outside."""
    search: WebSearch
    sandbox: Sandbox
    meter: Meter
    calls: Calls | None = None
    """Tells other processes of cancelled runs; without it they find out with their next heartbeat."""


class Runner:
    """Starts turns and keeps them until they are over, whether or not anyone still listens."""

    def __init__(self, db: Database, ports: Ports, settings: Settings) -> None:
        self.id = new_id("process")
        self.keepalive = settings.keepalive_seconds
        self.feed = ports.feed
        self.is_leaving = False
        """What is still at work here is handed over now."""
        self._db = db
        self._ports = ports
        self._patience = settings.drain_seconds
        outside = Outside(Others(db, self), ports.search, Pages(ports.egress), ports.sandbox)
        self.worker = Worker(
            self.id,
            ports.finder,
            outside,
            ports.executors,
            settings.approval_hours,
            settings.small_model_mode,
        )
        self._line = Line(db, ports.models, self.worker)
        self._live: dict[str, Live] = {}
        self._kept: dict[str, Live] = {}
        self._tasks = set[asyncio.Task[None]]()
        self._senses: list[asyncio.Task[None]] = []
        self._draining: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether any turn is at work."""
        return bool(self._tasks)

    @property
    def load(self) -> tuple[int, int]:
        """How many turns are here, and how many of them wait for their threads."""
        return len(self._live), self._line.length

    async def start(self) -> None:
        """Take over what processes before us have left, and tell others that we are alive."""
        if self._db.is_sqlite:
            await self._db.write(processes.bury_all)
        moment = await self._db.write(processes.beat, self.id)
        self._take_over(await self._db.write(processes.bury, self.id, moment))
        if not self._db.is_sqlite:
            self._senses.append(asyncio.create_task(self._beat(processes.Watch(moment))))
        if self._ports.calls is not None:
            self._senses.append(asyncio.create_task(self._listen(self._ports.calls)))

    async def drain(self) -> None:
        """Let the turns at work end; hand over or cancel what takes too long. Asked twice, it is done once."""
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        await self._draining

    async def _drain(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._patience)
        self.is_leaving = True
        for live in list(self._live.values()):
            if live.run.background:
                live.leave()
            else:
                live.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    async def stop(self) -> None:
        """Leave: what is still at work here now belongs to the other processes."""
        for sense in self._senses:
            sense.cancel()
        await self._db.write(processes.leave, self.id)
        await self.feed.close()

    async def launch(self, asked: Asked) -> Live:
        """Record the run and start working on it, or wait for the thread in the background."""
        return self._enter(Live(asked, await self._begin(asked)))

    async def launch_in_background(self, asked: Asked) -> Run:
        """The same for a run whose events are kept; when the request has started one before, it is that one."""
        await self.feed.check()
        begun = await self._begin(asked)
        if not begun.is_joined:
            self._enter(Live(asked, begun))
        return begun.run

    def at_work(self, run_id: str) -> Live | None:
        """A run that this process works on."""
        return self._live.get(run_id)

    async def _begin(self, asked: Asked) -> Begun:
        await self._ports.models.server.settle()
        return await self._db.write(begin, asked, await self._ports.models.of(asked.who), self.worker)

    def _enter(self, live: Live) -> Live:
        self._live[live.run_id] = live
        live.work = asyncio.create_task(self._work_in_background(live) if live.run.background else self._work(live))
        self._add(live.work)
        return live

    def _add(self, work: "asyncio.Task[None]") -> None:
        self._tasks.add(work)
        work.add_done_callback(self._tasks.discard)

    def _take_over(self, found: Sequence[Run]) -> None:
        """Go on with the background runs of processes that are gone, oldest first."""
        for run in found:
            log.info("run %s (%s) is taken over", run.id, run.status)
            try:
                live = Live(asked_of(run), Begun(run, inputs_of(run), None))
            except ValueError:
                log.exception("run %s was kept in a form that this version does not know", run.id)
                self._add(asyncio.create_task(self._discard(run)))
            else:
                self._enter(live)

    async def _discard(self, run: Run) -> None:
        error = AppError("The server was changed while it worked on this run, and cannot go on with it.")
        who = Who(run.organization_id, run.created_by_id)
        await self._db.write(runs.abandon, who, run, {"error": error.account()})
        await self._db.write(runs.settle, who, run.id, self.id)

    def launched(self, asked: Asked) -> Live | None:
        """The newest run here that the same request has started before, at work or just finished."""
        known = [*self._live.values(), *reversed(self._kept.values())]
        return next((live for live in known if live.answers(asked)), None)

    def forget(self, ids: Collection[str]) -> None:
        """Keep nothing in memory of what was said in these threads, or to these agents."""
        self.worker.transcripts.forget(ids)
        for run_id, live in list(self._kept.items()):
            if live.run.thread_id in ids or live.run.agent_id in ids:
                del self._kept[run_id]

    async def cancel(self, who: Who, run_ids: Sequence[str]) -> None:
        """Stop runs wherever they are worked on; when this returns they are over, and their threads are free."""
        stopped = await self._cancel_here(run_ids)
        others = [id for id in run_ids if id not in stopped]
        if not others:
            return
        await self._db.write(runs.mark_cancelled, who, others)
        await self._call(others)
        for _ in range(int(CANCEL_S / LOOK_AGAIN_S)):
            if not await self._db.read(runs.hold_threads, who, others):
                return
            await asyncio.sleep(LOOK_AGAIN_S)
        await self._db.write(runs.free_threads, who, others)

    async def _cancel_here(self, run_ids: Iterable[str]) -> set[str]:
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

    async def _call(self, run_ids: Iterable[str]) -> None:
        if self._ports.calls is None:
            return
        try:
            for run_id in run_ids:
                await self._ports.calls.call(run_id)
        except AppError as away:
            log.warning("other servers learn of a cancelled run with their next heartbeat: %s", away.detail)

    async def _work(self, live: Live) -> None:
        try:
            await self._turn(live)
        finally:
            self._keep(live)

    async def _work_in_background(self, live: Live) -> None:
        """A run that outlives its request, and its process too: its feed is told, and at its end its callback."""
        telling: asyncio.Task[None] | None = None
        try:
            if live.run.epoch > 1:
                await self._recall(live)
            telling = asyncio.create_task(self._tell(live))
            await self._turn(live)
            await asyncio.wait((telling,))
            await self._settle(live)
        except asyncio.CancelledError:
            if not live.is_left:
                raise
            await self._hand_over(live, telling)
        finally:
            self._keep(live)

    async def _turn(self, live: Live) -> None:
        try:
            turn = await self._begun(live)
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
            if not live.is_left:
                live.end(Ended("error", error=AppError(f"Run {live.run_id} broke off; see the server's log.")))
            live.events.close()
            self._line.free(live.run.thread_id)

    async def _begun(self, live: Live) -> Turn | None:
        """The turn as soon as the thread is free; None when the run is over without one."""
        if live.begun.turn is not None:
            return live.begun.turn
        if live.run.is_over:
            live.end(ended_before(live))
            return None
        await self._ports.models.server.settle()
        turn = await self._line.stand(live)
        if turn is None:
            await self._insist(live, lambda: self._db.write(runs.mark_cancelled, live.asked.who, [live.run_id]))
            live.end(Ended("cancelled", live.begun.past.spent))
        return turn

    async def _play(self, turn: Turn, live: Live) -> None:
        live.begun.turn = turn
        if live.is_cancelled:
            turn.cancel()
        async for event in play(self._db, turn):
            live.events.append(event)
            if isinstance(event, Ended) and event.error is None:
                self.worker.transcripts.keep(turn.thread, turn.window, turn.transcript)

    async def _recall(self, live: Live) -> None:
        """What the run has done before this process took it over is part of what happens in it."""
        who = live.asked.who
        live.begun.past = await self._insist(live, lambda: self._db.read(past_of, who, live.run))
        for told in live.begun.past.told:
            live.events.append(told)

    async def _tell(self, live: Live) -> None:
        try:
            await Teller(self.feed, live).tell()
        except Exception:  # the background runner: the run goes on without its feed
            log.exception("the feed of run %s broke off", live.run_id)

    async def _settle(self, live: Live) -> None:
        """The run is over and told: call back, and let go of it."""
        who = live.asked.who
        run = await self._insist(live, lambda: self._db.read(runs.find, who, live.run_id))
        if run is None or (run.owner, run.epoch) != (self.id, live.run.epoch):
            return
        if await call_back(self._ports.egress, run):
            await self._insist(live, lambda: self._db.write(runs.note_callback, who, run))
        await self._insist(live, lambda: self._db.write(runs.settle, who, run.id, self.id))

    async def _hand_over(self, live: Live, telling: "asyncio.Task[None] | None") -> None:
        """Another process goes on with the run; it finds what has happened so far."""
        live.events.close()
        if telling is not None:
            await asyncio.wait((telling,), timeout=LAST_WORDS_S)
            telling.cancel()
        await self._db.write(runs.hand_over, live.asked.who, live.run)

    async def _give_up(self, live: Live, failed: AppError) -> None:
        """The run could not even be ended properly: say so, record it as soon as that works, and free the thread."""
        live.end(Ended("error", error=failed))
        live.events.close()
        who, error = live.asked.who, {"error": failed.account()}
        await self._insist(live, lambda: self._db.write(runs.abandon, who, live.run, error))

    async def _insist(self, live: Live, work: Callable[[], Awaitable[T]]) -> T:
        """Do what must be done, as soon as the database lets us."""
        while True:
            try:
                return await work()
            except AppError as failed:
                log.error("run %s has to wait: %s", live.run_id, failed.detail)
                await asyncio.sleep(INSIST_S)

    def _keep(self, live: Live) -> None:
        """Finished runs stay for a while; what they worked with does not."""
        tally(self._ports.meter, live)
        if self._live.get(live.run_id) is live:  # or it came back from another process before this one had left it
            del self._live[live.run_id]
        live.begun.turn = None
        self._kept[live.run_id] = live
        if len(self._kept) > KEPT_RUNS:
            del self._kept[next(iter(self._kept))]
        asyncio.get_running_loop().call_later(KEPT_S, self._kept.pop, live.run_id, None)

    async def _beat(self, watch: processes.Watch) -> None:
        while True:
            await asyncio.sleep(processes.BEAT_S)
            try:
                moment = await self._db.write(processes.beat, self.id)
                await self._notice()
                known = [*self._live, *self.worker.compacting]
                if lost := watch.lost(await self._db.read(processes.unknown, self.id, known)):
                    await self._db.write(processes.disown, self.id, lost)
                if watch.is_sure(moment) and self._draining is None:
                    self._take_over(await self._db.write(processes.bury, self.id, moment))
            except AppError as failed:
                log.error("the heartbeat failed: %s", failed.detail)
            except Exception:  # the background runner: without a heart all leases of this process would lapse
                log.exception("the heartbeat failed")

    async def _listen(self, calls: Calls) -> None:
        async for run_id in calls.heard():
            if run_id in self._live:
                try:
                    await self._notice()
                except AppError as failed:
                    log.error("a call about run %s was lost: %s", run_id, failed.detail)

    async def _notice(self) -> None:
        """Leave those of our runs alone that another process has ended, or has gone on with."""
        found = await self._db.read(processes.elsewhere, self.id, list(self._live))
        for run_id in found.ended:
            if live := self._live.get(run_id):
                live.cancel()
        for run_id in found.taken:
            if live := self._live.get(run_id):
                live.leave()
