"""Sessions that are kept for the next call: one for each server and what it is shown, never one for two credentials."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from holdfast.errors import AppError
from holdfast.mcp.session import Session

IDLE_SECONDS = 300.0
MOST = 256
LOOK_SECONDS = 30.0
GOODBYE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Key:
    """Whose session it is: a change of the server, or of what it is shown, is another one."""

    organization_id: str
    server_id: str
    version: str
    shown: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(slots=True)
class _Kept:
    session: Session
    used: float
    busy: int = 0


class Sessions:
    """Bounded in number; a session that nobody uses is closed after a while."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle = idle_seconds
        self._kept: dict[Key, _Kept] = {}
        self._closing = set[asyncio.Task[None]]()
        self._sweeper: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def session(self, key: Key, make: Callable[[], Session]) -> AsyncGenerator[Session]:
        """The session for a key; many may use it at once."""
        kept = self._kept.get(key)
        if kept is None:
            self._make_room()
            kept = self._kept[key] = _Kept(make(), time.monotonic())
            self._sweeper = self._sweeper or asyncio.create_task(self._sweep())
        kept.busy += 1
        try:
            yield kept.session
        finally:
            kept.busy -= 1
            kept.used = time.monotonic()

    def drop(self, server_id: str) -> None:
        """Close the sessions with a server that was changed or removed."""
        for key in [key for key in self._kept if key.server_id == server_id]:
            self._close(key)

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        for key in list(self._kept):
            self._close(key)
        if self._closing:
            await asyncio.wait(self._closing, timeout=GOODBYE_SECONDS)

    def _make_room(self) -> None:
        """The session that was idle for longest goes, when there are too many."""
        idle = [key for key, kept in self._kept.items() if not kept.busy]
        if len(self._kept) >= MOST and idle:
            self._close(min(idle, key=lambda key: self._kept[key].used))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(LOOK_SECONDS, self._idle))
            before = time.monotonic() - self._idle
            for key in [key for key, kept in self._kept.items() if not kept.busy and kept.used < before]:
                self._close(key)

    def _close(self, key: Key) -> None:
        task = asyncio.create_task(_closed(self._kept.pop(key).session))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _closed(session: Session) -> None:
    with suppress(AppError, OSError):
        await session.close()
