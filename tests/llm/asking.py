"""How the tests of this folder ask a model."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.errors import ModelError
from holdfast.llm import catalog
from holdfast.llm.model import (
    Call,
    Delta,
    Finish,
    Listed,
    Provider,
    ReasoningDelta,
    Sampled,
    TextDelta,
    ToolCallDelta,
    ToolSchema,
    Usage,
)
from holdfast.llm.models import Models
from holdfast.messages.model import Message, Part, Role, TextPart
from tests.fakes.openai_server import OpenAIServer

WEATHER = ToolSchema("weather", "Tells the weather.", {"type": "object", "properties": {"city": {"type": "string"}}})


class NoDemo:
    """Stands where the demo model would be, which these tests never ask."""

    async def stream(self, call: Call) -> AsyncGenerator[Delta, None]:
        yield TextDelta(call.model)

    async def models(self) -> list[Listed]:
        return []

    def preview(self, call: Call) -> dict[str, Any]:
        return {"model": call.model}


@dataclass
class Heard:
    """A whole answer, folded."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    """Id, name and arguments of each call."""
    omitted: bool = False
    """Whether the model thought without showing what."""
    sampled: list[Sampled] = field(default_factory=list[Sampled])
    usage: Usage | None = None
    finish: str | None = None
    error: ModelError | None = None

    def add(self, delta: Delta) -> None:
        match delta:
            case TextDelta(text):
                self.text += text
            case ReasoningDelta(text):
                self.reasoning += text
                self.omitted = self.omitted or delta.is_omitted
            case Sampled():
                self.sampled.append(delta)
            case ToolCallDelta(index, id, name, arguments):
                if index == len(self.calls):
                    assert id and name, "the first fragment of a call carries its id and name"
                    self.calls.append((id, name, arguments))
                else:
                    before = self.calls[index]
                    self.calls[index] = (before[0], before[1], before[2] + arguments)
            case Usage():
                self.usage = delta
            case Finish(reason):
                self.finish = reason


class Asker:
    """Makes model layers, asks them, and closes them in the end."""

    def __init__(self, server: OpenAIServer) -> None:
        self._server = server
        self._made: list[Models] = []
        self._places: dict[tuple[str, float], Models] = {}

    async def __call__(self, text: str = "hello", **options: Any) -> Heard:
        """The answer to a user's text; a failure is in `error`."""
        call = Call("gpt-4o-mini", [message("system", "You are brief."), message("user", text)], **options)
        return await self.call(call)

    async def call(self, call: Call) -> Heard:
        return await hear(self.provider(), call)

    def provider(self, handle: str = "openai/gpt-4o-mini", timeout: float = 5.0, url: str | None = None) -> Provider:
        place = (url or self._server.url, timeout)
        if place not in self._places:
            environment = {"OPENAI_API_KEY": "sk-test", "OPENAI_API_BASE": place[0]}
            self._places[place] = self.models(environment, timeout)
        models = self._places[place]
        return models.provider(models.card(handle))

    def models(self, environment: dict[str, str], timeout: float | None = 5.0, default: str | None = None) -> Models:
        made = Models(catalog.configured(environment), NoDemo(), default=default, timeout=timeout)
        self._made.append(made)
        return made

    async def close(self) -> None:
        for made in self._made:
            await made.close()


async def hear(provider: Provider, call: Call) -> Heard:
    """The whole answer, or as much as came before the failure in `error`."""
    heard = Heard()
    try:
        async for delta in provider.stream(call):
            heard.add(delta)
    except ModelError as error:
        heard.error = error
    return heard


def message(role: Role, text: str | Sequence[Part], **fields: Any) -> Message:
    content: list[Part] = [TextPart(text=text)] if isinstance(text, str) else list(text)
    return Message(
        id="message-1",
        organization_id="org-1",
        agent_id="agent-1",
        thread_id="thread-1",
        role=role,
        content=content,
        **fields,
    )


HELLO = Call("gpt-4o-mini", [message("system", "You are brief."), message("user", "hello")])
