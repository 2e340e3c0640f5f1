"""The model's answer, put together from its deltas."""

from dataclasses import dataclass, field
from io import StringIO
from uuid import uuid4

from holdfast.llm.model import Delta, Finish, FinishReason, ReasoningDelta, Sampled, TextDelta, ToolCallDelta, Usage
from holdfast.messages.model import (
    OmittedReasoningPart,
    Part,
    ReasoningPart,
    RedactedReasoningPart,
    TextPart,
    ToolCallPart,
)


@dataclass(slots=True)
class _Piece:
    """A text or a thought, as far as it has arrived."""

    is_thought: bool
    said: StringIO = field(default_factory=StringIO)
    signature: str | None = None

    @property
    def part(self) -> Part:
        text = self.said.getvalue()
        if self.is_thought:
            return ReasoningPart(reasoning=text, signature=self.signature)
        return TextPart(text=text, signature=self.signature)


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: StringIO = field(default_factory=StringIO)
    signature: str | None = None


@dataclass(slots=True)
class Answer:
    """What has been said so far, in the order in which it was said; calls stand at its end."""

    one_call: bool = False
    """Only the first call counts."""
    usage: Usage = field(default_factory=Usage)
    finish: FinishReason | None = None
    _said: list[_Piece | Part] = field(default_factory=list[_Piece | Part])
    _calls: dict[int, _Call] = field(default_factory=dict[int, _Call])

    def add(self, delta: Delta) -> bool:
        """Take a delta in; whether it counts."""
        match delta:
            case TextDelta():
                self._extend(delta.text, delta.signature, is_thought=False)
            case ReasoningDelta():
                self._add_thought(delta)
            case ToolCallDelta() if self.one_call and self._calls and delta.index not in self._calls:
                return False
            case ToolCallDelta():
                self._add_call(delta)
            case Usage():
                self.usage = delta
            case Sampled():
                pass  # told to whoever asked for it, not kept
            case Finish():
                self.finish = delta.reason
        return True

    def _add_thought(self, delta: ReasoningDelta) -> None:
        if delta.redacted:
            self._said.append(RedactedReasoningPart(data=delta.redacted))
        elif delta.is_omitted:
            self._said.append(OmittedReasoningPart(signature=delta.signature))
        else:
            self._extend(delta.text, delta.signature, is_thought=True)

    def _extend(self, text: str, signature: str | None, *, is_thought: bool) -> None:
        """Text of one kind goes on where it stopped, unless a signature has ended it."""
        last = self._said[-1] if self._said else None
        if not isinstance(last, _Piece) or last.is_thought != is_thought or (last.signature and text):
            last = _Piece(is_thought)
            self._said.append(last)
        last.said.write(text)
        last.signature = signature or last.signature

    def _add_call(self, delta: ToolCallDelta) -> None:
        call = self._calls.setdefault(delta.index, _Call())
        call.id = call.id or delta.id or ""
        call.name = call.name or delta.name or ""
        call.signature = call.signature or delta.signature
        call.arguments.write(delta.arguments)

    @property
    def calls(self) -> list[ToolCallPart]:
        """The calls in the order of their indexes; one without an id gets one, ids that repeat become different."""
        made: list[ToolCallPart] = []
        taken = set[str]()
        for _, call in sorted(self._calls.items()):
            if not call.id or call.id in taken:
                call.id = f"call_{uuid4().hex[:8]}"
            taken.add(call.id)
            if call.name:
                arguments = call.arguments.getvalue() or "{}"
                made.append(ToolCallPart(id=call.id, name=call.name, arguments=arguments, signature=call.signature))
        return made

    @property
    def parts(self) -> list[Part]:
        """What one stored message holds: thoughts and text as they came, then the calls. Empty pieces say nothing."""
        said = [piece.part if isinstance(piece, _Piece) else piece for piece in self._said]
        return [*(part for part in said if not _is_empty(part)), *self.calls]


def _is_empty(part: Part) -> bool:
    match part:
        case TextPart():
            return not part.text and not part.signature
        case ReasoningPart():
            return not part.reasoning and not part.signature
        case _:
            return False
