"""A turn as what a chat program is told of it: text as it is said, calls that it is to make, and how it ended."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal

from holdfast.errors import AppError, Conflict
from holdfast.loop.events import Began, Committed, Ended, Event, Said, Spent
from holdfast.messages.model import Message, ToolCallPart
from holdfast.runs.model import Run, StopReason
from holdfast.turns.answer import view_of
from holdfast.turns.live import Live
from holdfast.turns.tokens import Tokens

Finish = Literal["stop", "length", "tool_calls"]
FINISHES: dict[StopReason, Finish] = {"max_steps": "length", "max_tokens_exceeded": "length"}
BETWEEN = "\n\n"
"""Stands between what an agent says before it uses a tool and after."""


@dataclass(frozen=True, slots=True)
class SaidText:
    """Something said; empty when nothing was said for a while."""

    text: str


@dataclass(frozen=True, slots=True)
class ClientCalls:
    """What the program is to do itself; the turn ends with it."""

    calls: Sequence[ToolCallPart]


@dataclass(frozen=True, slots=True)
class Over:
    """The end of a turn."""

    finish: Finish
    spent: Spent


Piece = SaidText | ClientCalls | Over


class AsksPerson(Conflict):
    """The turn has stopped at a call that somebody must approve, which no chat program can."""

    retry = False


class _Speech:
    """What has been said so far of one turn."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._tokens = Tokens(view_of(live.asked.body))
        self._otid: str | None = None
        self._calls: Sequence[ToolCallPart] = ()

    def of_all(self, events: Sequence[Event]) -> Iterator[Piece]:
        if not events:
            yield SaidText("")
        for event in events:
            yield from self._of(event)

    def _of(self, event: Event) -> list[Piece]:
        match event:
            case Began():
                self._tokens.thinking, self._tokens.asks = event.thinking, event.asks
                return []
            case Said():
                return [self._text(fragment.part.otid, fragment.text) for fragment in self._tokens.said(event)]
            case Committed():
                return self._committed(list(event.messages))
            case Ended():
                return self._over(event)
            case _:
                return []

    def _text(self, otid: str, text: str) -> SaidText:
        begins = self._otid is not None and otid != self._otid
        self._otid = otid
        return SaidText(BETWEEN + text if begins else text)

    def _committed(self, messages: list[Message]) -> list[Piece]:
        self._calls = next((message.waiting for message in messages if message.waiting), self._calls)
        return [self._text(*_told(shown)) for shown in self._tokens.committed(messages)]

    def _over(self, ended: Ended) -> list[Piece]:
        if ended.error is not None:
            ended.error.retry = False if ended.spent.steps else ended.error.retry
            raise ended.error
        if ended.stop_reason != "requires_approval":
            return [Over(FINISHES.get(ended.stop_reason, "stop"), ended.spent)]
        asking = [call.name for call in self._calls if call.waits_for != "client"]
        if asking:
            raise AsksPerson(_asks(self._live.run, asking))
        return [ClientCalls(self._calls), Over("tool_calls", ended.spent)]


def _told(shown: Mapping[str, Any]) -> tuple[str, str]:
    """The otid of a message, and its text."""
    said: str | list[dict[str, str]] = shown["content"]
    return shown["otid"], said if isinstance(said, str) else "".join(part["text"] for part in said)


def _asks(run: Run, names: Sequence[str]) -> str:
    place = "agents" if run.thread_id == run.agent_id else "conversations"
    return (
        f"The agent wants to use {', '.join(names)}, which somebody must approve first: answer the request with "
        f"POST /v1/{place}/{run.thread_id}/messages, then go on here."
    )


async def pieces(live: Live, keepalive: float) -> AsyncGenerator[Piece]:
    """The turn piece by piece; its failure is raised."""
    speech = _Speech(live)
    async with aclosing(live.events.batches(silence=keepalive)) as batches:
        async for events in batches:
            for piece in speech.of_all(events):
                yield piece
    if not isinstance(live.events.last, Ended):
        raise AppError(f"Run {live.run_id} ended without a result; see the server's log.")


@dataclass(slots=True)
class Whole:
    """A turn that is over."""

    text: str = ""
    calls: Sequence[ToolCallPart] = ()
    finish: Finish = "stop"
    spent: Spent = field(default_factory=Spent)

    def add(self, piece: Piece) -> None:
        match piece:
            case SaidText():
                self.text += piece.text
            case ClientCalls():
                self.calls = piece.calls
            case Over():
                self.finish, self.spent = piece.finish, piece.spent


async def whole(told: AsyncGenerator[Piece]) -> Whole:
    """Wait for the end."""
    answer = Whole()
    async with aclosing(told):
        async for piece in told:
            answer.add(piece)
    return answer


async def opened(told: AsyncGenerator[Piece]) -> AsyncGenerator[Piece]:
    """The same pieces, as soon as there is one: what fails before anything was said is raised here."""
    first = await anext(told)
    return _from(first, told)


async def _from(first: Piece, told: AsyncGenerator[Piece]) -> AsyncGenerator[Piece]:
    yield first
    async with aclosing(told):
        async for piece in told:
            yield piece
