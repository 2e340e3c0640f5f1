"""The feed that needs nothing but the database: a table, and a bell for readers in the writer's own process."""

import asyncio
import time
from collections.abc import Sequence

from holdfast.auth.model import Who
from holdfast.feed.bells import Bells
from holdfast.feed.port import Entry, Topic, Wait
from holdfast.runs import events
from holdfast.store.database import Database


class TableFeed:
    """Readers in other processes look again every now and then; SQLite has no other processes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._bells = Bells()

    async def check(self) -> None:
        """The run itself could not be recorded without the database."""

    async def append(self, topic: Topic, entries: Sequence[Entry]) -> None:
        await self._db.write(events.append, topic, entries)
        self._bells.ring(topic.run_id)

    async def read(self, topic: Topic, after: int, limit: int, wait: Wait | None = None) -> list[Entry]:
        with self._bells.listen(topic.run_id) as bell:
            until = time.monotonic() + (wait.seconds if wait else 0)
            while True:
                bell.clear()
                found = await self._db.read(events.after, topic, after, limit)
                left = until - time.monotonic()
                if found or wait is None or left <= 0:
                    return found
                await _rung(bell, left if self._db.is_sqlite else min(left, wait.poll))

    async def forget(self, organization_id: str, run_ids: Sequence[str]) -> None:
        await self._db.write(events.delete_of_runs, Who(organization_id, None), run_ids)

    async def close(self) -> None:
        """Nothing of its own is open."""


async def _rung(bell: asyncio.Event, seconds: float) -> None:
    """Wait for the bell, but not for longer than this."""
    try:
        async with asyncio.timeout(seconds):
            await bell.wait()
    except TimeoutError:
        return
