"""What happens in a turn, in order: every answer, stream and facade is made from these (DESIGN, law 3)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from holdfast.errors import AppError
from holdfast.llm.model import Delta, Usage
from holdfast.messages.model import Message
from holdfast.messages.shapes import CompactionStats
from holdfast.runs.model import StopReason


@dataclass(frozen=True, slots=True)
class Began:
    """The run has its thread to itself; the model is asked next."""

    run_id: str
    thinking: str | None = None
    """The argument in which this agent's model writes what it thinks, when it has no thoughts of its own."""
    asks: Collection[str] = ()
    """The tools whose calls may have to wait for an answer."""


@dataclass(frozen=True, slots=True)
class Said:
    """A fragment of what the model is saying; the message it will be part of is not stored yet."""

    message_id: str
    step_id: str
    delta: Delta


@dataclass(frozen=True, slots=True)
class Committed:
    """A step is stored. `messages` are what it produced, its input left out."""

    step_id: str
    messages: Sequence[Message]
    is_whole: bool = True
    """Nothing of the step is missing; otherwise its tools are at work now."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """Older messages have left the view, and a stored summary stands for them."""

    summary: Message
    stats: CompactionStats


@dataclass(slots=True)
class Spent:
    """What the model calls of a turn have cost so far."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    context_tokens: int | None = None
    steps: int = 0

    def add(self, usage: Usage) -> None:
        self.steps += 1
        self.prompt_tokens += usage.prompt_tokens
        self.completion_tokens += usage.completion_tokens
        self.total_tokens += usage.total_tokens
        self.context_tokens = usage.total_tokens or self.context_tokens
        for name in ("cached_input_tokens", "cache_write_tokens", "reasoning_tokens"):
            more = getattr(usage, name)
            if more is not None:
                setattr(self, name, (getattr(self, name) or 0) + more)


@dataclass(frozen=True, slots=True)
class Ended:
    """The turn is over. With an `error` nothing of the step that failed was stored."""

    stop_reason: StopReason
    spent: Spent = field(default_factory=Spent)
    error: AppError | None = None


Event = Began | Said | Committed | Compacted | Ended
