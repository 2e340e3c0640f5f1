"""What a model is saying, as the fragments of V1's messages (CONTRACT §3.2, token mode).

Everything of one message has its id; what belongs together has the same `otid`, which is the one that the stored
message will show.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from holdfast.llm.model import ReasoningDelta, TextDelta, ToolCallDelta
from holdfast.loop.events import Said
from holdfast.messages.model import Message
from holdfast.messages.shapes import MessageType, ToolCallDeltaJson
from holdfast.messages.wire import View, expand, part_otid
from holdfast.turns.fields import Fields

Source = Literal["reasoner_model", "non_reasoner_model"]


@dataclass(slots=True)
class ShownPart:
    """One message as clients see it, while it is being said: what all its fragments share."""

    kind: MessageType
    message_id: str
    step_id: str
    otid: str
    source: Source = "reasoner_model"
    """Whose thoughts they are."""


@dataclass(slots=True)
class Fragment:
    """What is new of a part: some text, something of a call, or all that there will be."""

    part: ShownPart
    text: str = ""
    call: Mapping[str, str] | None = None
    whole: Mapping[str, str | None] | None = None


@dataclass(slots=True)
class _Call:
    """A call that is being made. `fields` are listened to when what it says is shown instead of the call."""

    id: str
    part: ShownPart | None = None
    name: str = ""
    fields: Fields | None = None


@dataclass(slots=True)
class _Spoken:
    """One message of the model, as far as it has been shown."""

    said: Said
    bodies: int = 0
    """How many parts have begun."""
    part: ShownPart | None = None
    manner: str = ""
    """How the model says what is shown in this part."""
    is_signed: bool = False
    """The thought that was last shown is over."""
    calls: dict[int, _Call] = field(default_factory=dict[int, _Call])
    called: ShownPart | None = None
    """The part that all calls are shown in."""

    def begin(self, manner: str, kind: MessageType, source: Source = "reasoner_model") -> ShownPart:
        said, self.manner, self.is_signed = self.said, manner, False
        part = self.part = ShownPart(
            kind, said.message_id, said.step_id, part_otid(said.message_id, self.bodies), source
        )
        self.bodies += 1
        return part

    def going_on(self, manner: str) -> ShownPart | None:
        """The last part, if this is how it was said."""
        return self.part if self.manner == manner else None


class Tokens:
    """The fragments of one run; `thinking` is the argument in which models without thoughts write them."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.thinking: str | None = None
        self.asks: Collection[str] = ()
        """The tools whose calls are shown when it is clear whether they wait for an answer."""
        self._spoken: _Spoken | None = None

    def said(self, said: Said) -> list[Fragment]:
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

    def _text(self, spoken: _Spoken, text: str) -> list[Fragment]:
        """Text of an agent that speaks through a tool is what it thinks."""
        if self.thinking is not None:
            return self._inner_thought(spoken, "text", text)
        return self._shown(Fragment(spoken.going_on("text") or spoken.begin("text", "assistant_message"), text))

    def _thought(self, spoken: _Spoken, delta: ReasoningDelta) -> list[Fragment]:
        if delta.redacted or delta.is_omitted:
            part = spoken.begin("hidden", "hidden_reasoning_message")
            state = "redacted" if delta.redacted else "omitted"
            return self._shown(Fragment(part, whole={"state": state, "hidden_reasoning": delta.redacted}))
        if not delta.text and not delta.signature:
            return []
        last = None if spoken.is_signed and delta.text else spoken.going_on("thought")
        part = last or spoken.begin("thought", "reasoning_message")
        if not delta.signature:
            return self._shown(Fragment(part, delta.text))
        spoken.is_signed = True
        body = {"source": part.source, "reasoning": delta.text, "signature": delta.signature}
        return self._shown(Fragment(part, whole=body))

    def _inner_thought(self, spoken: _Spoken, manner: str, text: str) -> list[Fragment]:
        part = spoken.going_on(manner) or spoken.begin(manner, "reasoning_message", "non_reasoner_model")
        return self._shown(Fragment(part, text))

    def _call(self, spoken: _Spoken, delta: ToolCallDelta) -> list[Fragment]:
        call = spoken.calls.get(delta.index)
        if call is None:
            call = spoken.calls[delta.index] = _Call(delta.id or "")
        if delta.name and not call.name:
            call.name = delta.name
            self._listen(call)
        if call.fields is not None:
            return self._spoken_through(spoken, call, call.fields, delta.arguments)
        part = spoken.called = spoken.called or spoken.begin("calls", "tool_call_message")
        found = {"name": delta.name, "arguments": delta.arguments or None, "tool_call_id": call.id}
        return self._shown(Fragment(part, call={name: value for name, value in found.items() if value is not None}))

    def _listen(self, call: _Call) -> None:
        """Decide whether the call is shown as a call, or what it says is."""
        names = {self.thinking} if self.thinking else set[str]()
        if self._view.use_assistant_message and call.name == self._view.tool_name:
            names.add(self._view.tool_kwarg)
        call.fields = Fields(names) if names or call.name in self.asks else None

    def _spoken_through(self, spoken: _Spoken, call: _Call, fields: Fields, arguments: str) -> list[Fragment]:
        found: list[Fragment] = []
        for name, text in fields.feed(arguments):
            if name == self.thinking:
                found += self._inner_thought(spoken, "thinking", text)
            else:
                call.part = call.part or spoken.begin("message", "assistant_message")
                found += self._shown(Fragment(call.part, text))
        return found

    def _shown(self, fragment: Fragment) -> list[Fragment]:
        return [fragment] if self._view.types is None or fragment.part.kind in self._view.types else []

    def _held_back(self, message: Message, spoken: _Spoken) -> Iterator[Mapping[str, object]]:
        """Calls that were not shown while they were made: they are shown whole, as one delta each."""
        held = {call.id for call in spoken.calls.values() if call.fields is not None and call.part is None}
        kept = [part for part in message.calls if part.id in held or part.waits_for]
        for shown in expand(message.model_copy(update={"content": kept}), self._view) if kept else []:
            if shown["message_type"] == "tool_call_message":
                calls = shown["tool_calls"]
            else:
                calls = shown["tool_calls"] if shown["message_type"] == "approval_request_message" else None
            if not isinstance(calls, list):
                yield {**shown, "otid": spoken.begin("calls", "tool_call_message").otid}
                continue
            for call in calls:
                delta = ToolCallDeltaJson(**call)
                yield {
                    **shown,
                    "otid": spoken.begin("calls", "tool_call_message").otid,
                    "tool_call": delta,
                    "tool_calls": delta,
                }


def _returns(message: Message, view: View) -> Iterator[Mapping[str, object]]:
    """One message for each return; a list shows them as one."""
    for index, part in enumerate(message.returns):
        for shown in expand(message.model_copy(update={"content": [part]}), view):
            yield {**shown, "otid": part_otid(message.id, index)}
