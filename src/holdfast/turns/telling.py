"""Writing the feed of a background run: what happens in it becomes numbered frames, kept before anyone sees them."""

import asyncio
import json
import logging
import time
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any
from uuid import uuid4

from holdfast.errors import AppError
from holdfast.feed.port import END, Entry, Feed, Superseded, Topic
from holdfast.kit.clock import now
from holdfast.kit.reply import encode
from holdfast.kit.sse import frame
from holdfast.loop.events import Committed, Compacted, Ended, Event
from holdfast.turns.chunks import Chunks
from holdfast.turns.live import Live

AGAIN_S = 0.5
"""How long until frames that could not be kept are sent again; what happens meanwhile goes with them."""

PATIENCE_S = 60.0
"""How long after the end of a run its last frames are tried."""

PAGE = 500
RESTARTED = b"step_restarted"

log = logging.getLogger("holdfast.turns")


class Teller:
    """Tells the feed of one run. A run taken over goes on after what its feed holds."""

    def __init__(self, feed: Feed, live: Live) -> None:
        self._feed = feed
        self._live = live
        self._chunks = Chunks(live.run_id, live.asked.body)
        self._topic = Topic(live.run.organization_id, live.run_id, live.run.epoch)
        self._had_begun, self._was_over = live.run.status != "created", live.run.is_over
        self._last = 0
        self._complete = set[str]()

    async def tell(self) -> None:
        """Everything, to the end of the run or until another process goes on with it."""
        if self._live.run.epoch > 1 and not await self._catch_up():
            return
        async for events in self._live.events.batches():
            entries = self._numbered(events)
            if entries and not await self._keep(entries):
                return

    async def _catch_up(self) -> bool:
        """Take the feed over and see how far it came; whether anything is left to tell."""
        if not await self._keep([]):
            return False
        partial: list[Entry] = []
        while found := await self._read():
            for entry in found:
                partial = [] if entry.mark else [*partial, entry]
                self._complete |= {entry.mark} - {""}
            self._last = found[-1].seq
        if END in self._complete:
            return False
        self._complete |= self._before_the_last_mark()
        if not self._had_begun or (self._was_over and not partial):
            return True
        return await self._keep([self._next(_restarted(self._live, partial))])

    def _before_the_last_mark(self) -> set[str]:
        """Steps come in order, so those before a complete one are complete, even if nothing of them was shown."""
        steps = [told.step_id for told in self._live.begun.past.told]
        marked = [number for number, step_id in enumerate(steps) if step_id in self._complete]
        return set(steps[: marked[-1]]) if marked else set()

    async def _read(self) -> list[Entry]:
        while True:
            try:
                return await self._feed.read(self._topic, self._last, PAGE)
            except AppError as away:
                log.warning("the feed of run %s: %s", self._topic.run_id, away.detail)
                await asyncio.sleep(AGAIN_S)

    def _numbered(self, events: Iterable[Event]) -> list[Entry]:
        made: list[Entry] = []
        for event in events:
            shown = [] if _mark(event) in self._complete else self._chunks.of(event)
            made += [self._next(data) for data in shown[:-1]]
            made += [self._next(data, _mark(event)) for data in shown[-1:]]
        return made

    def _next(self, data: bytes, mark: str = "") -> Entry:
        self._last += 1
        return Entry(self._last, data, mark)

    async def _keep(self, entries: Sequence[Entry]) -> bool:
        """Keep frames, however long the feed's place is away while the run goes on; whether they were."""
        until = time.monotonic() + PATIENCE_S
        for attempt in count():
            try:
                await self._feed.append(self._topic, entries)
            except Superseded:
                return False
            except AppError as away:
                if attempt == 0:
                    log.warning("the feed of run %s waits: %s", self._topic.run_id, away.detail)
                if self._live.events.is_closed and time.monotonic() > until:
                    log.error("the end of run %s could not be told: %s", self._topic.run_id, away.detail)
                    return False
                await asyncio.sleep(AGAIN_S)
            else:
                return True
        raise AssertionError("unreachable")


def _mark(event: Event) -> str:
    """What is complete once the event has been told."""
    match event:
        case Committed():
            return event.step_id if event.is_whole else ""
        case Compacted():
            return event.summary.id
        case Ended():
            return END
        case _:
            return ""


def _restarted(live: Live, partial: Sequence[Entry]) -> bytes:
    """Tells our own clients what to forget; the SDK leaves out events that have a name."""
    told = [_json(entry.data) for entry in partial]
    restarted = {
        "message_type": "ping",
        "id": f"ping-{uuid4()}",
        "date": now().isoformat(timespec="seconds"),
        "seq_id": None,
        "run_id": live.run_id,
        "step_ids": list(dict.fromkeys(each["step_id"] for each in told if each.get("step_id"))),
        "message_ids": list(dict.fromkeys(each["id"] for each in told if each.get("id") and each.get("step_id"))),
    }
    return frame(encode(restarted), RESTARTED)


def _json(data: bytes) -> dict[str, Any]:
    """The document of a frame; nothing of what is none, such as the end."""
    _, _, text = data.rpartition(b"data: ")
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError:
        return {}
    return found
