"""Reading the feed of a background run: from any frame, during the run and after it, in any process (CONTRACT §3.3)."""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass

from holdfast.auth.model import Who
from holdfast.errors import AppError, ModelError
from holdfast.feed.port import END, Entry, Feed, Topic, Wait
from holdfast.kit.sse import DONE
from holdfast.runs import store as runs
from holdfast.runs.model import Run
from holdfast.store.database import Database, DatabaseAway
from holdfast.turns.chunks import error_frame, ping
from holdfast.turns.stream import LONGEST_SILENCE_S, silent

LOOK_S = 2.0
"""How often a silent feed is asked whether its run still goes on."""

PATIENCE_S = 30.0
"""How long a reader waits for a feed whose place is away."""

UNNUMBERED = b'"seq_id":null'


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader asks for."""

    who: Who
    run: Run
    after: int = 0
    pings: bool = True
    poll: float = 0.1
    batch: int = 100


class Reader:
    """One reader of one feed."""

    def __init__(self, feed: Feed, db: Database, wanted: Wanted, keepalive: float) -> None:
        self._feed = feed
        self._db = db
        self._wanted = wanted
        self._topic = Topic(wanted.run.organization_id, wanted.run.id)
        self._keepalive = keepalive
        self._at = wanted.after
        self._away_since: float | None = None

    async def follow(self, is_leaving: Callable[[], bool]) -> AsyncGenerator[bytes]:
        """Every frame that comes after, to the last one; then nothing is left to wait for."""
        heard = sent = time.monotonic()
        if self._wanted.pings:
            yield self._ping()
        while True:
            found = await self._read(Wait(min(self._keepalive, LOOK_S), self._wanted.poll))
            ending = b"" if found else await self._ending(heard, is_leaving())
            if found or ending:
                yield self._numbered(found) if found else ending
                heard = sent = time.monotonic()
            if ending or (found and self._is_last(found[-1])):
                return
            if time.monotonic() - sent >= self._keepalive:
                sent = time.monotonic()
                yield self._ping() if self._wanted.pings else b": still here\n\n"

    async def _read(self, wait: Wait | None = None, after: int | None = None) -> list[Entry]:
        """The next frames; none while the feed's place is away."""
        at = self._at if after is None else after
        try:
            found = await self._feed.read(self._topic, at, self._wanted.batch, wait)
        except AppError:
            self._away_since = self._away_since or time.monotonic()
            return []
        self._away_since = None
        return found

    def _numbered(self, found: Sequence[Entry]) -> bytes:
        """The frames with their numbers; an error in the place of those that follow a gap."""
        made: list[bytes] = []
        for entry in found:
            if entry.seq != self._at + 1:
                self._at = -1
                return b"".join([*made, self._error(self._lost())])
            self._at = entry.seq
            made.append(entry.data.replace(UNNUMBERED, b'"seq_id":%d' % entry.seq, 1))
        return b"".join(made)

    def _is_last(self, entry: Entry) -> bool:
        return entry.mark == END or self._at < 0

    async def _ending(self, heard: float, is_leaving: bool) -> bytes:
        """The end of a stream to which no more frames come, if that is so."""
        moment, run_id = time.monotonic(), self._topic.run_id
        if is_leaving:
            return self._error(
                ModelError(
                    "stream_incomplete",
                    f"The server is about to stop; run {run_id} goes on. Read on with POST /v1/runs/{run_id}/stream.",
                )
            )
        if self._away_since is not None and moment - self._away_since > PATIENCE_S:
            return self._error(self._lost())
        if moment - heard > LONGEST_SILENCE_S:
            return self._error(silent(run_id))
        return b"" if self._away_since is not None else await self._after_end()

    async def _after_end(self) -> bytes:
        """A run that is over and told has no more frames than those that are there."""
        try:
            run = await self._db.read(runs.find, self._wanted.who, self._topic.run_id)
        except DatabaseAway:
            return b""
        if run is None:
            gone = f"Run {self._topic.run_id} was deleted, on its own or with its agent, while its events were read."
            return self._error(ModelError("stream_incomplete", gone))
        if run.owner is not None or not run.is_over:
            return b""
        last = await self._read(after=max(self._at - 1, 0))
        if last and last[-1].seq > self._at:
            return b""
        return DONE if last and last[-1].mark == END else self._error(self._lost())

    def _lost(self) -> ModelError:
        return ModelError(
            "stream_incomplete",
            f"Events of run {self._topic.run_id} are missing: the place that keeps them lost them or is away. "
            f"What was said is at GET /v1/runs/{self._topic.run_id}/messages.",
        )

    def _error(self, error: AppError) -> bytes:
        return error_frame(self._topic.run_id, error) + DONE

    def _ping(self) -> bytes:
        return ping(self._topic.run_id, self._at or None)
