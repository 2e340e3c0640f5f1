"""What has happened in a run, for any number of followers, each from the first event on and at its own pace.

What a model says is kept as text that grows, not as the fragments that it came in: however far behind a follower is, it
costs no memory of its own. One that is not far behind gets the fragments as they came, another gets them joined.
"""

import asyncio
import time
from array import array
from bisect import bisect_right
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from holdfast.llm.model import Finish, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from holdfast.loop.events import Event, Said

RECENT = 256
"""How many fragments of a text, at least, are still known one by one."""

LONGEST = 4096
"""How many bytes of joined fragments are told as one."""

BATCH = 256
"""How many events a follower gets at once."""

IN_PARTS = "surrogatepass"
"""Fragments of a text may hold half of a character."""


class _Speech:
    """A text, a thought or a call's arguments, as far as it has been said."""

    def __init__(self, said: Said) -> None:
        self._said = said
        self._text = bytearray()
        self._ends = array("q")

    def goes_on(self, said: Said) -> bool:
        """Is this the next fragment of the same text?"""
        mine, delta = self._said.delta, said.delta
        if said.message_id != self._said.message_id or type(delta) is not type(mine):
            return False
        return not isinstance(delta, ToolCallDelta) or (isinstance(mine, ToolCallDelta) and delta.index == mine.index)

    def add(self, text: str) -> None:
        self._text += text.encode(errors=IN_PARTS)
        self._ends.append(len(self._text))
        if len(self._ends) == 2 * RECENT:
            del self._ends[:RECENT]

    def after(self, start: int) -> tuple[Said, int] | None:
        """What follows the first `start` bytes, and where that ends."""
        if start == len(self._text):
            return None
        end = self._ends[bisect_right(self._ends, start)]
        if end - start > LONGEST:
            end = start + LONGEST
            while self._text[end] & 0xC0 == 0x80:
                end -= 1
        return self._with(self._text[start:end].decode(errors=IN_PARTS)), end

    def _with(self, text: str) -> Said:
        said = self._said
        match said.delta:
            case ToolCallDelta() as call:
                delta = ToolCallDelta(call.index, arguments=text)
            case ReasoningDelta():
                delta = ReasoningDelta(text)
            case _:
                delta = TextDelta(text)
        return Said(said.message_id, said.step_id, delta)


@dataclass(slots=True)
class _Place:
    """How far a follower has come: an entry, and how many bytes of it."""

    entry: int = 0
    bytes: int = 0


class _Silence:
    """Ends a wait that has lasted too long. Its timer is set once for many waits: most of them are short."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: asyncio.Future[bool] | None = None
        self._until = 0.0

    async def broken(self, waiting: "asyncio.Future[bool]") -> bool:
        """Whether what is waited for came in time."""
        if self._seconds is not None:
            self._waiting, self._until = waiting, self._loop.time() + self._seconds
            self._timer = self._timer or self._loop.call_at(self._until, self._look)
        return await waiting

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        if self._waiting is None or self._waiting.done():
            return
        if self._loop.time() < self._until:
            self._timer = self._loop.call_at(self._until, self._look)
        else:
            self._waiting.set_result(False)


class Record:
    """Events in order until it is closed; `has_fragments` says whether anyone is shown what models say bit by bit."""

    def __init__(self, *, has_fragments: bool) -> None:
        self.last: Event | None = None
        self.is_closed = False
        self.moved_at = time.monotonic()
        """When something last happened, whether or not anyone is shown it."""
        self._has_fragments = has_fragments
        self._entries: list[Event | _Speech] = []
        self._waiting: list[asyncio.Future[bool]] = []

    def append(self, event: Event) -> None:
        self.moved_at = time.monotonic()
        if isinstance(event, Said):
            if not self._has_fragments or isinstance(event.delta, (Usage, Finish)):
                return
            self._hear(event)
        else:
            self._entries.append(event)
        self.last = event
        self._wake()

    def close(self) -> None:
        self.is_closed = True
        self._wake()

    async def batches(self, *, silence: float | None = None) -> AsyncGenerator[list[Event]]:
        """All events until the end, as many at once as there are; none whenever none came for `silence` seconds."""
        place, patience = _Place(), _Silence(silence)
        try:
            while True:
                if batch := self._batch(place):
                    yield batch
                elif self.is_closed:
                    return
                elif not await patience.broken(self._growth()):
                    yield []
        finally:
            patience.end()

    async def closed(self) -> None:
        """Wait for the end."""
        while not self.is_closed:
            await self._growth()

    def _growth(self) -> "asyncio.Future[bool]":
        """True as soon as something happens."""
        growth: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(growth)
        return growth

    def _hear(self, said: Said) -> None:
        text = _more(said)
        if text is None:
            self._entries.append(said)
        if not text:
            return
        last = self._entries[-1] if self._entries else None
        if not isinstance(last, _Speech) or not last.goes_on(said):
            last = _Speech(said)
            self._entries.append(last)
        last.add(text)

    def _batch(self, place: _Place) -> list[Event]:
        batch: list[Event] = []
        while len(batch) < BATCH and (event := self._next(place)) is not None:
            batch.append(event)
        return batch

    def _next(self, place: _Place) -> Event | None:
        while place.entry < len(self._entries):
            entry = self._entries[place.entry]
            if not isinstance(entry, _Speech):
                place.entry += 1
                return entry
            if found := entry.after(place.bytes):
                said, place.bytes = found
                return said
            if place.entry == len(self._entries) - 1:
                return None
            place.entry, place.bytes = place.entry + 1, 0
        return None

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for growth in waiting:
            if not growth.done():
                growth.set_result(True)


def _more(said: Said) -> str | None:
    """The text of a fragment that says nothing else; None of others, which stay as they are."""
    match said.delta:
        case TextDelta(text, signature=None):
            return text
        case ReasoningDelta(text, signature=None, redacted=None, is_omitted=False):
            return text
        case ToolCallDelta(id=None, name=None, arguments=text, signature=None):
            return text
        case _:
            return None
