"""The events of one live run, in memory: whoever follows sees all of them, from the first one or any other."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

T = TypeVar("T")


class Ring(Generic[T]):
    """A list that grows until it is closed, and wakes those who wait for more."""

    def __init__(self) -> None:
        self.events: list[T] = []
        self.is_closed = False
        self._grown = asyncio.Event()

    def append(self, event: T) -> None:
        self.events.append(event)
        self._wake()

    def close(self) -> None:
        self.is_closed = True
        self._wake()

    async def follow(self, *, silence: float | None = None) -> AsyncGenerator[T | None]:
        """Every event in order until the end; None whenever nothing has happened for `silence` seconds."""
        at = 0
        while True:
            while at < len(self.events):
                yield self.events[at]
                at += 1
            if self.is_closed:
                return
            try:
                async with asyncio.timeout(silence):
                    await self._grown.wait()
            except TimeoutError:
                yield None

    async def batches(self) -> AsyncGenerator[list[T]]:
        """Every event in order until the end, in batches: each is what came while the one before was worked on."""
        at = 0
        while True:
            if new := self.events[at:]:
                at += len(new)
                yield new
            elif self.is_closed:
                return
            else:
                await self._grown.wait()

    async def closed(self) -> None:
        """Wait for the end."""
        while not self.is_closed:
            await self._grown.wait()

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()
