"""The model's answer, put together from its deltas."""

from dataclasses import dataclass, field
from uuid import uuid4

from holdfast.llm.model import Delta, Finish, FinishReason, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from holdfast.messages.model import Part, ReasoningPart, RedactedReasoningPart, TextPart, ToolCallPart


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class Answer:
    """What has been said so far."""

    text: list[str] = field(default_factory=list[str])
    reasoning: list[str] = field(default_factory=list[str])
    signature: str | None = None
    redacted: list[str] = field(default_factory=list[str])
    usage: Usage = field(default_factory=Usage)
    finish: FinishReason | None = None
    _calls: dict[int, _Call] = field(default_factory=dict[int, _Call])

    def add(self, delta: Delta) -> None:
        match delta:
            case TextDelta():
                self.text.append(delta.text)
            case ReasoningDelta():
                self.reasoning.append(delta.text)
                self.signature = delta.signature or self.signature
                if delta.redacted:
                    self.redacted.append(delta.redacted)
            case ToolCallDelta():
                self._add_call(delta)
            case Usage():
                self.usage = delta
            case Finish():
                self.finish = delta.reason

    def _add_call(self, delta: ToolCallDelta) -> None:
        call = self._calls.setdefault(delta.index, _Call())
        call.id = call.id or delta.id or ""
        call.name = call.name or delta.name or ""
        call.arguments.append(delta.arguments)

    @property
    def calls(self) -> list[ToolCallPart]:
        """The calls in the order of their indexes; one without an id gets one, ids that repeat become different."""
        made: list[ToolCallPart] = []
        taken = set[str]()
        for _, call in sorted(self._calls.items()):
            id = call.id if call.id and call.id not in taken else f"call_{uuid4().hex[:8]}"
            taken.add(id)
            if call.name:
                made.append(ToolCallPart(id=id, name=call.name, arguments="".join(call.arguments) or "{}"))
        return made

    @property
    def parts(self) -> list[Part]:
        """Thoughts, then text, then calls, as one stored message has them."""
        parts: list[Part] = [RedactedReasoningPart(data=data) for data in self.redacted]
        if thoughts := "".join(self.reasoning):
            parts.append(ReasoningPart(reasoning=thoughts, signature=self.signature))
        if said := "".join(self.text):
            parts.append(TextPart(text=said))
        return [*parts, *self.calls]
