"""What the loop asks of a language model and what comes back, the same for every provider."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from itertools import compress, count
from operator import is_not
from typing import Any, Literal, Protocol, TypeVar

from holdfast.messages.model import Message

Category = Literal["base", "byok"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model is and can do. Code asks the card, never the provider's name."""

    provider: str
    """The provider's name, which is the first half of the handle."""
    provider_type: str
    name: str
    endpoint: str
    context_window: int
    max_output_tokens: int | None = None
    tools: bool = True
    parallel_tools: bool = True
    images: bool = False
    reasoning: bool = False
    display_name: str | None = None
    category: Category = "base"
    """byok: of a provider that an organization has added."""
    provider_id: str | None = None
    usual_window: int | None = None
    """The window of agents that name none, when the whole one takes more memory than most machines have."""
    parameters: float | None = None
    """How many it has, in billions, as far as that is known."""
    is_local: bool = False
    """It runs on this machine or in its network."""

    @property
    def default_window(self) -> int:
        return min(self.usual_window or self.context_window, self.context_window)

    @property
    def handle(self) -> str:
        return f"{self.provider}/{self.name}"


@dataclass(frozen=True, slots=True)
class ToolSchema:
    """A tool as the model is told of it."""

    name: str
    description: str
    parameters: dict[str, Any]
    strict: bool = False


@dataclass(slots=True)
class Rendered:
    """What a wire has made of the messages of one thread: it need not be made again for the next call."""

    key: Any = None
    """What it depends on besides the messages."""
    seen: list[Message] = field(default_factory=list[Message])
    made: list[Any] = field(default_factory=list[Any])

    def of(self, messages: Sequence[Message], key: Any, make: Callable[[Message], T]) -> list[T]:
        """What `make` gives for each message; of those that stand where they stood before it is known."""
        if key != self.key:
            self.key, self.seen, self.made = key, [], []
        del self.seen[len(messages) :], self.made[len(messages) :]
        for at in list(compress(count(), map(is_not, self.seen, messages))):
            self.seen[at], self.made[at] = messages[at], make(messages[at])
        fresh = messages[len(self.seen) :]
        self.seen += fresh
        self.made += map(make, fresh)
        return self.made


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a model. `messages` start with the system message and are always sendable (DESIGN, law 2)."""

    model: str
    messages: Sequence[Message]
    tools: Sequence[ToolSchema] = ()
    tool_choice: Literal["auto", "none", "required"] | str = "auto"
    """A name other than these three forces that tool."""
    temperature: float | None = None
    max_tokens: int | None = None
    parallel_tool_calls: bool = False
    response_format: dict[str, Any] | None = None
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    """Further model settings of V1 by their names: reasoning_effort, verbosity, frequency_penalty, …"""
    rendered: Rendered = field(default_factory=Rendered, compare=False, repr=False)
    context_window: int | None = None
    """How many tokens question and answer may take, for servers that make room for as many as they are asked to."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str
    signature: str | None = None
    """What the provider wants back with this text, unread (Gemini)."""


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A fragment of a thought. A signature ends it: what follows is another thought."""

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    """A whole thought that only its provider can read."""
    is_omitted: bool = False
    """The model thinks, and its provider does not show what."""


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A fragment of a call: the first one of an index carries id and name, all carry arguments to append."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Sampled:
    """Which tokens were chosen: V1's `logprobs` of each, and their numbers, as far as the server tells."""

    logprobs: Sequence[dict[str, Any]] = ()
    ids: Sequence[int] = ()


FinishReason = Literal["stop", "tool_calls", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class Finish:
    reason: FinishReason


Delta = TextDelta | ReasoningDelta | ToolCallDelta | Sampled | Usage | Finish


@dataclass(frozen=True, slots=True)
class Listed:
    """A model as its provider lists it. What the list does not say is None, and the catalog's word counts."""

    name: str
    """What requests call it."""
    window: int | None = None
    output: int | None = None
    tools: bool | None = None
    images: bool | None = None
    reasoning: bool | None = None
    dimensions: int | None = None
    """Of its vectors, for an embedding model."""
    is_chat: bool = True
    usual: int | None = None
    """The window that it is set up to use, which may be less than it could have."""
    parameters: float | None = None
    """How many it has, in billions."""
    serves: str | None = None
    """The model behind a name that the user gave (a deployment)."""


class Provider(Protocol):
    """A place that serves models. Failures are raised as `errors.ModelError`."""

    def stream(self, call: Call) -> AsyncIterator[Delta]: ...
    async def models(self) -> list[Listed]: ...
    def preview(self, call: Call) -> dict[str, Any]:
        """The request exactly as it would be sent."""
        ...
