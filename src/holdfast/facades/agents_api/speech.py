"""A turn as server-sent events for whoever speaks it: fragments or whole sentences, messages, and the end."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from holdfast.errors import AppError
from holdfast.facades.agents_api.answering import Ending, Exchange, answer
from holdfast.facades.agents_api.items import items
from holdfast.facades.agents_api.sentences import Sentences
from holdfast.kit.reply import encode
from holdfast.kit.sse import DONE, frame
from holdfast.loop.events import Began, Committed, Ended, Event, Said
from holdfast.messages.shapes import LettaMessage
from holdfast.store.database import Database
from holdfast.turns.answer import shown, usage, view_of
from holdfast.turns.live import Live
from holdfast.turns.tokens import Fragment, Tokens


class Speech:
    """The events of one turn; fragments become sentences when those were asked for."""

    def __init__(self, live: Live, *, sentences: bool) -> None:
        self._view = view_of(live.asked.body)
        self._tokens = Tokens(self._view)
        self._sentences = Sentences() if sentences else None
        self._number = 0
        self.said = list[LettaMessage]()

    def of(self, event: Event) -> list[bytes]:
        match event:
            case Began():
                self._tokens.thinking, self._tokens.asks = event.thinking, event.asks
                return []
            case Said():
                return [told for fragment in self._tokens.said(event) for told in self._fragment(fragment)]
            case Committed():
                return self._committed(shown(event, self._view))
            case _:
                return []

    def _fragment(self, fragment: Fragment) -> list[bytes]:
        """What of it is spoken."""
        part, text = fragment.part, fragment.text
        if part.kind != "assistant_message":
            return []
        if self._sentences is None:
            return [told("delta", role="assistant", id=part.message_id, content=text)]
        return [self._sentence(each) for each in self._sentences.feed(text)]

    def _committed(self, messages: list[LettaMessage]) -> list[bytes]:
        """Messages are whole: what is left of a sentence is too."""
        self.said += messages
        last = [self._sentence(each) for each in self._sentences.flush()] if self._sentences else []
        return [*last, *(told("message", **item) for item in items(messages))]

    def _sentence(self, text: str) -> bytes:
        self._number += 1
        return told("sentence", role="assistant", index=self._number - 1, content=text)


async def speak(db: Database, exchange: Exchange, live: Live, keepalive: float) -> AsyncGenerator[bytes]:
    """The events of a turn; one that fails says so in its last event."""
    speech = Speech(live, sentences=exchange.said.sentences)
    key = exchange.session
    yield told("session", session_id=key, thread_id=key, run_id=live.run_id)
    async with aclosing(live.events.batches(silence=keepalive)) as batches:
        async for events in batches:
            data = b"".join(sent for event in events for sent in speech.of(event))
            if data or not events:
                yield data or b": still here\n\n"
    yield await _end(db, exchange, live, speech)
    yield DONE


async def _end(db: Database, exchange: Exchange, live: Live, speech: Speech) -> bytes:
    ended = live.events.last
    if not isinstance(ended, Ended):
        return failed(AppError(f"Run {live.run_id} ended without a result; see the server's log."))
    if ended.error is not None:
        return failed(ended.error)
    ending = Ending(ended.stop_reason, usage(ended.spent, [live.run_id]))
    return told("done", **await answer(db, exchange, live, speech.said, ending))


def failed(error: AppError) -> bytes:
    return told("error", detail=error.detail, code=error.code)


def told(kind: str, **what: Any) -> bytes:
    return frame(encode({"type": kind, **what}))
