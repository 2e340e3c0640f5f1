"""Waking those of this process who wait for something with a name."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager


class Bells:
    """Whoever listens to a name is woken when it is rung."""

    def __init__(self) -> None:
        self._listening: dict[str, set[asyncio.Event]] = {}

    def ring(self, name: str) -> None:
        for event in self._listening.get(name, ()):
            event.set()

    @contextmanager
    def listen(self, name: str) -> Generator[asyncio.Event]:
        """An event that is set when the name is rung; look for what has come already after this began."""
        event = asyncio.Event()
        heard = self._listening.setdefault(name, set())
        heard.add(event)
        try:
            yield event
        finally:
            heard.discard(event)
            if not heard:
                self._listening.pop(name, None)
