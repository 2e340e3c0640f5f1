"""Sandboxes that were started before anybody asked: each waits for one program, and another one takes its place."""

import asyncio
from collections import OrderedDict, deque
from concurrent.futures import ThreadPoolExecutor

from holdfast.sandbox.box import Box, Stopped
from holdfast.sandbox.model import Limits
from holdfast.sandbox.walls import Needs, Walls

IDLE_S = 300
"""How long they wait for somebody before they are let go."""


class Spares:
    """Has some for each kind of needs that came up lately, at most `limits.warm` together."""

    def __init__(self, walls: Walls, limits: Limits) -> None:
        self._walls, self._limits = walls, limits
        self._spares: OrderedDict[Needs, deque[Box]] = OrderedDict()
        self._filling: asyncio.Task[None] | None = None
        self._resting: asyncio.TimerHandle | None = None
        # a process dies with the thread that started it, so that thread must last
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="sandbox")

    async def take(self, needs: Needs) -> Box:
        """A sandbox for one program; `Stopped` when none can be started."""
        if needs.socket is None and self._limits.warm:
            spares = self._spares.setdefault(needs, deque())
            self._spares.move_to_end(needs)
            self._fill_soon()
            while spares:
                if (box := spares.popleft()).waits:
                    return box
                await box.end()
        return await self.start(needs)

    async def close(self) -> None:
        """Let all of them go."""
        if self._resting is not None:
            self._resting.cancel()
        if self._filling is not None:
            self._filling.cancel()
            await asyncio.wait((self._filling,))
        await self._empty()
        self._threads.shutdown(wait=False)

    async def start(self, needs: Needs) -> Box:
        """One that nobody waited for."""
        return await Box.start(self._walls, needs, self._limits, self._threads)

    def _fill_soon(self) -> None:
        loop = asyncio.get_running_loop()
        if self._filling is None or self._filling.done():
            self._filling = loop.create_task(self._fill())
        if self._resting is not None:
            self._resting.cancel()
        self._resting = loop.call_later(IDLE_S, self._rest)

    async def _fill(self) -> None:
        """One after the other, so that programs at work hardly notice; what was needed last comes first."""
        while self._spares:
            needs = next(reversed(self._spares))
            if len(self._spares[needs]) >= self._limits.warm:
                return
            try:
                box = await self.start(needs)
            except Stopped:
                return
            self._spares.setdefault(needs, deque()).append(box)
            await self._make_room()

    async def _make_room(self) -> None:
        while sum(map(len, self._spares.values())) > self._limits.warm:
            oldest = next(needs for needs, spares in self._spares.items() if spares)
            await self._spares[oldest].popleft().end()
        for needs in [needs for needs, spares in self._spares.items() if not spares][:-1]:
            del self._spares[needs]

    def _rest(self) -> None:
        self._filling = asyncio.get_running_loop().create_task(self._empty())

    async def _empty(self) -> None:
        spares = [box for each in self._spares.values() for box in each]
        self._spares.clear()
        await asyncio.gather(*(box.end() for box in spares))
