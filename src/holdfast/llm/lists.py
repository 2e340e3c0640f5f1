"""The lists of models that providers give of themselves: asked for when somebody looks, kept when they fail."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from holdfast.errors import ModelError
from holdfast.llm import catalog
from holdfast.llm.catalog import Configured
from holdfast.llm.model import Listed
from holdfast.llm.reach import Reach

LIST_SECONDS = 3.0
LIST_LIFETIME = 60.0
RETRY_LIFETIME = 5.0
"""How long a provider that did not answer is left alone."""

MOST = 10_000
"""Lists that are kept; the server's own providers are few, but organizations add theirs."""


@dataclass(frozen=True, slots=True)
class _Live:
    """What a list last said, None when it never answered, and when it was asked."""

    entries: Mapping[str, Listed] | None
    asked: float
    failed: bool


@dataclass(slots=True)
class Lists:
    """What is known from providers' own lists, for all organizations; a list is its provider's."""

    reach: Reach
    changes: int = 0
    """How often one of them was heard again: what was concluded from them holds as long as this stays."""
    _live: dict[Configured, _Live] = field(default_factory=dict[Configured, _Live])
    _asking: dict[Configured, asyncio.Task[None]] = field(default_factory=dict[Configured, asyncio.Task[None]])

    def of(self, place: Configured) -> Mapping[str, Listed] | None:
        """A provider's models by name, as it last listed them; None when it never has."""
        live = self._live.get(place)
        if live and live.entries is not None:
            return live.entries
        return {listed.name: listed for listed in place.listed} or None

    async def refresh(self, places: Sequence[Configured]) -> None:
        """Ask those again whose list is old, all at once; whoever else waits for one of them shares its answer."""
        self._ask(places)
        waiting = [task for place in places if (task := self._asking.get(place))]
        if waiting:
            await asyncio.wait(waiting)

    async def settle(self, places: Sequence[Configured]) -> None:
        """The same for what was never asked; who has answered once is asked again without waiting for it."""
        unknown = [place for place in places if place not in self._live]
        self._ask(places)
        await self.refresh(unknown)

    async def close(self) -> None:
        for task in list(self._asking.values()):
            task.cancel()
        await self.reach.client.close()

    def _ask(self, places: Sequence[Configured]) -> None:
        now = time.monotonic()
        for place in places:
            if place not in self._asking and self._is_stale(place, now):
                task = self._asking[place] = asyncio.create_task(self._look(place))
                task.add_done_callback(lambda _, asked=place: self._asking.pop(asked, None))

    async def fetch(self, place: Configured) -> list[Listed]:
        """A provider's list as it is now, or why there is none."""
        row = catalog.row_of(place.provider_type)
        if row is None:
            raise ModelError("llm_bad_request", f"There are no providers of the type {place.provider_type!r}.")
        try:
            async with asyncio.timeout(LIST_SECONDS):
                found = await self.reach.provider(place, row, LIST_SECONDS).models()
        except TimeoutError as late:
            raise ModelError(
                "llm_timeout", f"{place.name} ({place.base_url}) did not list its models in {LIST_SECONDS:g} seconds."
            ) from late
        if found or row.local:  # a program on this machine that has no models is known to have none
            entries = {listed.name: listed for listed in found}
            self._keep(place, _Live(entries, time.monotonic(), failed=not found))
        return found

    async def _look(self, place: Configured) -> None:
        """Ask one provider; one that fails, or lists nothing, keeps the list that it had."""
        try:
            if await self.fetch(place) or self.of(place) == {}:
                return
        except ModelError:
            pass
        before = self._live.get(place)
        self._keep(place, _Live(before.entries if before else None, time.monotonic(), failed=True))

    def _keep(self, place: Configured, live: _Live) -> None:
        if len(self._live) >= MOST:
            self._live.pop(next(iter(self._live)))
        self._live[place] = live
        self.changes += 1

    def _is_stale(self, place: Configured, now: float) -> bool:
        live = self._live.get(place)
        return live is None or live.asked < now - (RETRY_LIFETIME if live.failed else LIST_LIFETIME)
