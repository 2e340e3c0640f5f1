"""What a model is saying, as the deltas of V1's messages (CONTRACT §3.2, token mode).

Everything of one message has its id; what belongs together has the same `otid`, which is the one that the stored
message will show. The JSON around a delta is written once and only its text is put in.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from holdfast.kit.clock import now
from holdfast.kit.reply import encode
from holdfast.kit.sse import frame
from holdfast.llm.model import ReasoningDelta, TextDelta, ToolCallDelta
from holdfast.loop.events import Said
from holdfast.messages.model import Message
from holdfast.messages.shapes import MessageType, ToolCallDeltaJson
from holdfast.messages.wire import View, expand, part_otid
from holdfast.turns.fields import Fields

SLOT = "\x00"
"""Stands for a delta while the JSON around it is written; no JSON holds it unescaped."""


@dataclass(slots=True)
class _Call:
    """A call that is being made. `fields` are listened to when what it says is shown instead of the call."""

    id: str
    otid: str
    name: str = ""
    fields: Fields | None = None


@dataclass(slots=True)
class _Spoken:
    """One message of the model, as far as it has been shown."""

    said: Said
    bodies: int = 0
    """How many parts have begun."""
    kind: str = ""
    is_signed: bool = False
    """The thought that was last shown is over."""
    calls: dict[int, _Call] = field(default_factory=dict[int, _Call])
    calls_otid: str = ""
    around: dict[tuple[str, str], list[bytes]] = field(default_factory=dict[tuple[str, str], list[bytes]])

    def begin(self, kind: str) -> str:
        """The otid of a new part."""
        self.kind, self.is_signed = kind, False
        self.bodies += 1
        return self.otid

    @property
    def otid(self) -> str:
        return part_otid(self.said.message_id, self.bodies - 1)


class Tokens:
    """The deltas of one run, as frames; `thinking` is the argument in which models without thoughts write them."""

    def __init__(self, run_id: str, view: View) -> None:
        self._run_id = run_id
        self._view = view
        self.thinking: str | None = None
        self.asks: Collection[str] = ()
        """The tools whose calls are shown when it is clear whether they wait for an answer."""
        self._spoken: _Spoken | None = None

    def said(self, said: Said) -> list[bytes]:
        spoken = self._spoken
        if spoken is None or spoken.said.message_id != said.message_id:
            spoken = self._spoken = _Spoken(said)
        delta = said.delta
        match delta:
            case TextDelta() if delta.text:
                return self._text(spoken, delta.text)
            case ReasoningDelta():
                return self._thought(spoken, delta)
            case ToolCallDelta():
                return self._call(spoken, delta)
            case _:
                return []

    def committed(self, messages: list[Message]) -> Iterator[Mapping[str, object]]:
        """What of a step's messages has not been shown while they were made."""
        for message in messages:
            if message.role == "tool":
                yield from _returns(message, self._view)
            elif self._spoken is None or message.id != self._spoken.said.message_id:
                yield from expand(message, self._view)
            else:
                yield from self._held_back(message, self._spoken)

    def _text(self, spoken: _Spoken, text: str) -> list[bytes]:
        """Text of an agent that speaks through a tool is what it thinks."""
        if self.thinking is not None:
            return self._inner_thought(spoken, "text", text)
        otid = spoken.otid if spoken.kind == "text" else spoken.begin("text")
        return self._put(spoken, otid, "assistant_message", text)

    def _thought(self, spoken: _Spoken, delta: ReasoningDelta) -> list[bytes]:
        if delta.redacted or delta.is_omitted:
            state = "redacted" if delta.redacted else "omitted"
            body = {"state": state, "hidden_reasoning": delta.redacted}
            return self._whole(spoken, spoken.begin("hidden"), "hidden_reasoning_message", body)
        if not delta.text and not delta.signature:
            return []
        goes_on = spoken.kind == "thought" and not (spoken.is_signed and delta.text)
        otid = spoken.otid if goes_on else spoken.begin("thought")
        if delta.signature:
            spoken.is_signed = True
            body = {"source": "reasoner_model", "reasoning": delta.text, "signature": delta.signature}
            return self._whole(spoken, otid, "reasoning_message", body)
        return self._put(spoken, otid, "reasoning_message", delta.text)

    def _inner_thought(self, spoken: _Spoken, kind: str, text: str) -> list[bytes]:
        otid = spoken.otid if spoken.kind == kind else spoken.begin(kind)
        return self._put(spoken, otid, "reasoning_message", text, source="non_reasoner_model")

    def _call(self, spoken: _Spoken, delta: ToolCallDelta) -> list[bytes]:
        call = spoken.calls.get(delta.index)
        if call is None:
            call = spoken.calls[delta.index] = _Call(delta.id or "", "")
        if delta.name and not call.name:
            call.name = delta.name
            self._listen(call)
        if call.fields is not None:
            return self._spoken_through(spoken, call, delta.arguments)
        if not spoken.calls_otid:
            spoken.calls_otid = spoken.begin("calls")
        found = {"name": delta.name, "arguments": delta.arguments or None, "tool_call_id": call.id}
        return self._call_delta(spoken, {name: value for name, value in found.items() if value is not None})

    def _listen(self, call: _Call) -> None:
        """Decide whether the call is shown as a call, or what it says is."""
        names = {self.thinking} if self.thinking else set[str]()
        if self._view.use_assistant_message and call.name == self._view.tool_name:
            names.add(self._view.tool_kwarg)
        call.fields = Fields(names) if names or call.name in self.asks else None

    def _spoken_through(self, spoken: _Spoken, call: _Call, arguments: str) -> list[bytes]:
        frames: list[bytes] = []
        if call.fields is None:
            return frames
        for name, text in call.fields.feed(arguments):
            if name == self.thinking:
                frames += self._inner_thought(spoken, "thinking", text)
            else:
                call.otid = call.otid or spoken.begin("message")
                frames += self._put(spoken, call.otid, "assistant_message", text)
        return frames

    def _held_back(self, message: Message, spoken: _Spoken) -> Iterator[Mapping[str, object]]:
        """Calls that were not shown while they were made: they are shown whole, as one delta each."""
        held = {call.id for call in spoken.calls.values() if call.fields is not None and not call.otid}
        kept = [part for part in message.calls if part.id in held or part.waits_for]
        for shown in expand(message.model_copy(update={"content": kept}), self._view) if kept else []:
            if shown["message_type"] == "tool_call_message":
                calls = shown["tool_calls"]
            else:
                calls = shown["tool_calls"] if shown["message_type"] == "approval_request_message" else None
            if not isinstance(calls, list):
                yield {**shown, "otid": spoken.begin("calls")}
                continue
            for call in calls:
                delta = ToolCallDeltaJson(**call)
                yield {**shown, "otid": spoken.begin("calls"), "tool_call": delta, "tool_calls": delta}

    def _put(
        self, spoken: _Spoken, otid: str, kind: MessageType, text: str, *, source: str = "reasoner_model"
    ) -> list[bytes]:
        """The frame of one delta of text."""
        if not self._shows(kind):
            return []
        around = spoken.around.get((kind, otid))
        if around is None:
            body: dict[str, Any] = {"content": SLOT}
            if kind == "reasoning_message":
                body = {"source": source, "reasoning": SLOT, "signature": None}
            around = spoken.around[kind, otid] = self._around(spoken, otid, kind, body)
        head, tail = around
        return [head + orjson.dumps(text) + tail]

    def _call_delta(self, spoken: _Spoken, delta: dict[str, str]) -> list[bytes]:
        if not self._shows("tool_call_message"):
            return []
        key = ("tool_call_message", spoken.calls_otid)
        around = spoken.around.get(key)
        if around is None:
            body = {"tool_call": SLOT, "tool_calls": SLOT}
            around = spoken.around[key] = self._around(spoken, spoken.calls_otid, key[0], body)
        head, between, tail = around
        json = orjson.dumps(delta)
        return [head + json + between + json + tail]

    def _around(self, spoken: _Spoken, otid: str, kind: str, body: dict[str, Any]) -> list[bytes]:
        return frame(self._json(spoken, otid, kind, body)).split(orjson.dumps(SLOT))

    def _whole(self, spoken: _Spoken, otid: str, kind: MessageType, body: dict[str, Any]) -> list[bytes]:
        return [frame(self._json(spoken, otid, kind, body))] if self._shows(kind) else []

    def _json(self, spoken: _Spoken, otid: str, kind: str, body: dict[str, Any]) -> bytes:
        common = {
            "id": spoken.said.message_id,
            "date": now().isoformat(timespec="seconds"),
            "name": None,
            "sender_id": None,
            "step_id": spoken.said.step_id,
            "is_err": None,
            "seq_id": None,
            "run_id": self._run_id,
            "otid": otid,
            "message_type": kind,
        }
        return encode({**common, **body})

    def _shows(self, kind: MessageType) -> bool:
        return self._view.types is None or kind in self._view.types


def _returns(message: Message, view: View) -> Iterator[Mapping[str, object]]:
    """One message for each return; a list shows them as one."""
    for index, part in enumerate(message.returns):
        for shown in expand(message.model_copy(update={"content": [part]}), view):
            yield {**shown, "otid": part_otid(message.id, index)}
