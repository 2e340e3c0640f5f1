"""What a model's server tells of the tokens that it chose, collected for whoever asked for it (CONTRACT §3.1)."""

from dataclasses import dataclass, field
from typing import Any, cast

from holdfast.llm.model import Sampled, TextDelta
from holdfast.loop.events import Committed, Event, Said
from holdfast.turns.requests import SendMessage
from holdfast.turns.shapes import ChoiceLogprobs, TurnTokenData


@dataclass(slots=True)
class ChosenTokens:
    """The tokens of a turn's model calls, and the tool returns between them."""

    body: SendMessage
    turns: list[TurnTokenData] = field(default_factory=list[TurnTokenData])
    _logprobs: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    _ids: list[int] = field(default_factory=list[int])
    _text: list[str] = field(default_factory=list[str])
    last: ChoiceLogprobs | None = None
    """Of the newest model call that told any."""

    @property
    def wanted(self) -> bool:
        return self.body.return_logprobs or self.body.return_token_ids

    def hear(self, event: Event) -> None:
        match event:
            case Said(delta=Sampled(logprobs, ids)):
                self._logprobs += logprobs
                self._ids += ids
            case Said(delta=TextDelta(text)):
                self._text.append(text)
            case Committed():
                self._end_call(event)
            case _:
                pass

    def _end_call(self, event: Committed) -> None:
        """A step is over: the model's part of it, then what its tools returned."""
        if self._logprobs or self._ids:
            if self._logprobs:
                self.last = cast(ChoiceLogprobs, {"content": self._logprobs, "refusal": None})
            pairs = [
                [each.get("logprob"), self._ids[at] if at < len(self._ids) else None, each.get("token")]
                for at, each in enumerate(self._logprobs)
            ]
            self.turns.append(_turn("assistant", "".join(self._text), output_ids=self._ids, pairs=pairs))
        returns = [part for message in event.messages for part in message.returns]
        self.turns += [_turn("tool", part.output, tool_name=part.name) for part in returns]
        self._logprobs, self._ids, self._text = [], [], []

    def told(self) -> tuple[ChoiceLogprobs | None, list[TurnTokenData] | None]:
        """`logprobs` and `turns` of the answer; null where nothing was asked for, or nothing was told."""
        told = any(turn["role"] == "assistant" for turn in self.turns)
        return (
            self.last if self.body.return_logprobs else None,
            self.turns if self.body.return_token_ids and told else None,
        )


def _turn(
    role: Any,
    content: str,
    *,
    output_ids: list[int] | None = None,
    pairs: list[list[Any]] | None = None,
    tool_name: str | None = None,
) -> TurnTokenData:
    return {
        "role": role,
        "output_ids": output_ids or None,
        "output_token_logprobs": pairs or None,
        "content": content,
        "tool_name": tool_name,
    }
