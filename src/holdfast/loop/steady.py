"""Asks a small model until there is an answer: as usual, once more with what was wrong, then for plain text.

Calls that it prints become calls. When nothing helps, the answer is what the agent's memory holds.
"""

import json
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, cast
from uuid import uuid4

from holdfast.errors import ModelError
from holdfast.llm.failures import StreamBroken
from holdfast.llm.model import (
    Call,
    Delta,
    Finish,
    FinishReason,
    ReasoningDelta,
    Sampled,
    TextDelta,
    ToolCallDelta,
    ToolSchema,
    Usage,
)
from holdfast.llm.printed import coerce, fit, read
from holdfast.llm.printed.fit import Fitted, Offer
from holdfast.llm.printed.hold import HoldBack
from holdfast.llm.printed.read import Reading
from holdfast.llm.printed.written import Written
from holdfast.llm.thoughts import Thoughts
from holdfast.loop import correction
from holdfast.loop.dialect import HEARTBEAT, THINKING
from holdfast.loop.state import Turn

SPEAKS, WORDS = "send_message", "message"
"""The tool with which an agent speaks that must call one, and what it says."""
EXTRAS = (THINKING, HEARTBEAT, "inner_thoughts")

log = logging.getLogger("holdfast.loop")


@dataclass(slots=True)
class _Made:
    """A call that the model makes in the way of its protocol, as far as it has arrived."""

    first: ToolCallDelta
    arguments: list[str] = field(default_factory=list[str])
    is_passed_on: bool = False


@dataclass(slots=True)
class _Heard:
    """One answer of the model, as far as it has arrived."""

    hold: HoldBack | None
    """Lets its text through; None keeps all of it back."""
    thoughts: Thoughts = field(default_factory=Thoughts)
    said: list[str] = field(default_factory=list[str])
    shown: list[str] = field(default_factory=list[str])
    made: dict[int, _Made] = field(default_factory=dict[int, _Made])
    usage: Usage | None = None
    finish: FinishReason = "stop"
    fault: str = ""

    @property
    def text(self) -> str:
        return "".join(self.said)

    def take(self, delta: Delta) -> Iterator[Delta]:
        """What can be passed on of a delta at once."""
        match delta:
            case TextDelta():
                for part in self.thoughts.feed(delta.text):
                    yield from self._part(part)
            case ToolCallDelta():
                yield from self._call(delta)
            case ReasoningDelta() | Sampled():
                yield delta
            case Usage():
                self.usage = delta
            case Finish():
                self.finish = delta.reason

    def end(self) -> Iterator[Delta]:
        for part in self.thoughts.rest():
            yield from self._part(part)

    def _part(self, part: Delta) -> Iterator[Delta]:
        if not isinstance(part, TextDelta):
            yield part
            return
        self.said.append(part.text)
        if self.hold is not None and (shown := self.hold.feed(part.text)):
            self.shown.append(shown)
            yield TextDelta(shown)

    def _call(self, delta: ToolCallDelta) -> Iterator[Delta]:
        """What an agent says through a tool is passed on as it comes; other calls are looked at when they are whole."""
        made = self.made.get(delta.index)
        if made is None:
            made = self.made[delta.index] = _Made(delta, is_passed_on=delta.name == SPEAKS)
        made.arguments.append(delta.arguments)
        if made.is_passed_on:
            yield delta


async def stream(turn: Turn, call: Call) -> AsyncGenerator[Delta]:
    """The model's answer, with usage and an end like any other."""
    work = _Steady(turn, call)
    async with aclosing(work.answer()) as deltas:
        async for delta in deltas:
            yield delta
    if work.usage is not None:
        yield work.usage
    yield Finish(work.finish)


class _Steady:
    """The work on one answer."""

    def __init__(self, turn: Turn, call: Call) -> None:
        self._turn = turn
        self._forced = turn.dialect.forces
        is_untold = bool(call.tools) and not turn.card.tools and not self._forced
        self._call = correction.instructed(call) if is_untold else call
        schemas = [_schema(turn, name) for name in turn.allowed.names]
        self._offer = Offer([schema for schema in schemas if schema is not None], EXTRAS)
        self._speaks = self._forced and SPEAKS in self._offer.names
        self._has_spoken = any(past.name == SPEAKS for past in turn.past)
        self.usage: Usage | None = None
        self.finish: FinishReason = "stop"

    async def answer(self) -> AsyncGenerator[Delta]:
        first = _Heard(None if self._forced else HoldBack(self._offer.names))
        async with aclosing(self._first(first)) as deltas:
            async for delta in deltas:
                yield delta
        if (found := self._found(first)) is not None:
            for delta in found:
                yield delta
            return
        if not first.fault and (first.finish == "content_filter" or (self._has_spoken and not first.text.strip())):
            return
        log.info("%s is asked again: %s", self._turn.card.handle, first.fault or "its answer was empty")
        for asked in (correction.corrected, correction.plain):
            heard = _Heard(None)
            async with aclosing(
                self._again(asked(self._call, self._offer.tools, first.text, first.fault), heard)
            ) as more:
                async for delta in more:
                    yield delta
            if found := self._found(heard, is_retry=True):
                for delta in found:
                    yield delta
                return
        for delta in self._spoken(correction.last_words(self._turn.recalled)):
            yield delta

    async def _first(self, heard: _Heard) -> AsyncGenerator[Delta]:
        """The first answer; that it is empty, or a call that its server could not read, is no failure yet."""
        try:
            async with aclosing(self._ask(self._call, heard)) as deltas:
                async for delta in deltas:
                    yield delta
        except StreamBroken:
            raise
        except ModelError as failed:
            if failed.code != "llm_empty_response" and "tool call" not in failed.explanation:
                raise
            heard.fault = "" if failed.code == "llm_empty_response" else failed.explanation[:500]

    async def _again(self, call: Call, heard: _Heard) -> AsyncGenerator[Delta]:
        """A further answer; whatever fails now, there will be text."""
        try:
            async with aclosing(self._ask(call, heard)) as deltas:
                async for delta in deltas:
                    yield delta
        except ModelError as failed:
            log.info("%s could not be asked again: %s", self._turn.card.handle, failed.detail)

    async def _ask(self, call: Call, heard: _Heard) -> AsyncGenerator[Delta]:
        asked = self._turn.provider.stream(call)
        try:
            async for delta in asked:
                for part in heard.take(delta):
                    yield part
            for part in heard.end():
                yield part
        finally:
            if isinstance(asked, AsyncGenerator):
                await cast("AsyncGenerator[Delta]", asked).aclose()
            self.usage = _together(self.usage, heard.usage)
            self.finish = heard.finish

    def _found(self, heard: _Heard, *, is_retry: bool = False) -> list[Delta] | None:
        """What is left to pass on of an answer; None if it is none, and what was wrong is noted."""
        reading = _held_to_form(heard.text) if is_retry else None
        reading = reading or read.read(heard.text, self._offer, must_call=self._forced)
        heard.fault = heard.fault or reading.fault
        text = _unshown(reading.text, "".join(heard.shown))
        made = [delta for number, made in sorted(heard.made.items()) for delta in self._made(number, made)]
        printed = [] if heard.made else [self._printed(number, call) for number, call in enumerate(reading.calls)]
        if heard.made or printed:
            self.finish = "tool_calls"
            return [*([TextDelta(text)] if text.strip() else []), *made, *printed]
        if heard.fault or not reading.text.strip():
            return None
        return self._spoken(text) if text else []

    def _spoken(self, text: str) -> list[Delta]:
        """Text as the agent's way of acting has it: as it is, or through the tool that speaks."""
        if not self._speaks:
            return [TextDelta(text)]
        self.finish = "tool_calls"
        return [self._printed(0, Fitted(SPEAKS, {WORDS: text.strip()}))]

    def _made(self, number: int, made: _Made) -> list[Delta]:
        """A call of the model's own, made to fit if it can be."""
        if made.is_passed_on or not made.first.name:
            return []
        text = "".join(made.arguments)
        sent: Any = coerce.decoded(text or "{}")
        found = fit.fitted(Written(made.first.name, text if sent is None else sent), self._offer)
        if not isinstance(found, Fitted):
            return [replace(made.first, index=number, arguments=text)]
        return [replace(made.first, index=number, name=found.name, arguments=self._encoded(found))]

    def _printed(self, number: int, call: Fitted) -> ToolCallDelta:
        return ToolCallDelta(number, f"call_{uuid4().hex[:24]}", call.name, self._encoded(call))

    def _encoded(self, call: Fitted) -> str:
        """The arguments; an agent that has said nothing yet goes on after a call, or nobody would hear of it."""
        arguments = dict(call.arguments)
        if self._speaks and call.name == SPEAKS:
            arguments.setdefault(HEARTBEAT, False)
        elif self._speaks and not self._has_spoken:
            arguments[HEARTBEAT] = True
        return json.dumps(arguments, ensure_ascii=False)


def _schema(turn: Turn, name: str) -> ToolSchema | None:
    tool = next((tool for tool in turn.tools if tool.name == name), None)
    return ToolSchema(name, tool.description or "", tool.parameters) if tool is not None else None


def _held_to_form(text: str) -> Reading | None:
    """Plain text of an answer that a grammar has held to the form of `correction.form`."""
    sent = coerce.decoded(text)
    said: Any = cast(dict[str, Any], sent).get(correction.SAY) if isinstance(sent, dict) else None
    return Reading(said) if isinstance(said, str) else None


def _unshown(text: str, shown: str) -> str:
    """What of a text was not shown yet."""
    if text.startswith(shown):
        return text[len(shown) :]
    return "" if shown.strip() else text


def _together(before: Usage | None, usage: Usage | None) -> Usage | None:
    """Of several answers to one question: what was written is added up, what was read is counted once."""
    if before is None or usage is None:
        return usage or before
    written = before.completion_tokens + usage.completion_tokens
    larger = max(before, usage, key=lambda each: each.prompt_tokens)
    return replace(larger, completion_tokens=written, total_tokens=larger.prompt_tokens + written)
