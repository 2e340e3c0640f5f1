"""A turn in memory: the run, the thread it holds, and everything the loop needs of them."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from holdfast.agents.model import Agent
from holdfast.auth.model import Who
from holdfast.llm.model import Delta, ModelCard, Provider
from holdfast.llm.models import Models
from holdfast.loop import dialect, rules
from holdfast.loop.approve import Answered, chained
from holdfast.loop.dialect import Arguments, LoopDialect
from holdfast.loop.events import Spent
from holdfast.loop.recalled import Recalled
from holdfast.loop.rules import Allowed, Past
from holdfast.loop.transcript import GrowingTranscript
from holdfast.messages.model import Message
from holdfast.messages.threads import Thread
from holdfast.prompt.skills import ClientSkill
from holdfast.runs.model import Run, StopReason
from holdfast.store.table import Tx
from holdfast.tools.builtin.context import Chain, Finder, Outside
from holdfast.tools.model import Tool
from holdfast.tools.outside import Executors


@dataclass(frozen=True, slots=True)
class Options:
    """What one request may choose for its turn."""

    max_steps: int = 50
    override_model: str | None = None
    override_system: str | None = None
    request_id: str | None = None
    skills: Sequence[ClientSkill] = ()
    tokens: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What is to be told of the tokens that the model chooses, in the words of `Call.settings`."""
    instructions: str | None = None
    """Put at the end of the prompt."""


@dataclass(slots=True)
class Turn:
    """A run that has its thread to itself, with everything that the loop needs in memory."""

    who: Who
    run: Run
    agent: Agent
    thread: Thread
    tools: list[Tool]
    window: list[Message]
    inputs: list[Message]
    """What was sent; it is stored with the first step."""
    options: Options
    card: ModelCard
    provider: Provider
    models: Models
    finder: Finder
    outside: Outside
    context_window: int
    executors: Executors = field(default_factory=dict[Any, Any])
    """Who runs the tools whose work is done outside."""
    client_tools: Collection[str] = ()
    """The names of the tools that the client runs itself."""
    answered: Answered | None = None
    """What the thread waited for, with which the turn begins."""
    settled: Message | None = None
    """The returns of what the run was doing when the process before this one died."""
    transcript: GrowingTranscript = field(default_factory=GrowingTranscript)
    """The window as it is sent."""
    chain: Chain = field(default_factory=Chain)
    """Which agents have caused it."""
    recalled: Recalled | None = None
    """What the agent's memory holds about it, if it is to be shown that."""
    result: "Callable[[Tx, Turn, StopReason], Mapping[str, Any]] | None" = None
    """What the run keeps of a turn that ended well, beside how it ended."""
    is_small: bool = False
    """Its model is helped as small ones need it."""
    concluded: StopReason | None = None
    """Why the turn is over although its run is not: the process died between the two."""
    is_cancelled: bool = False
    asking: "asyncio.Task[Any] | None" = None
    """The task that waits for the model or a tool, while it does."""
    steps_done: int = 0
    """How many steps of the run are stored; another process may have made the first ones."""
    past: list[Past] = field(default_factory=list[Past])
    """The calls of the run so far, in order."""
    spent: Spent = field(default_factory=Spent)
    started: float = field(default_factory=time.monotonic)
    first_token_ns: int | None = None
    sent: int = 0
    """How many messages of the window were in the request before, so that traces hold only what is new."""
    estimated: int = 0
    """How many tokens the last request took by our estimate."""
    scale: float = 1.0
    """What the provider counts for each token that we estimate."""

    def __post_init__(self) -> None:
        request = self.answered.request if self.answered else None
        self.past += rules.past(chained(self.window, self.run.id, request))

    def cancel(self) -> None:
        """Stop at the next safe place; a model that is being waited for is not waited for any longer."""
        self.is_cancelled = True
        if self.asking is not None:
            self.asking.cancel()

    @contextmanager
    def interruptible(self) -> Generator[None]:
        """What is done within is left when the turn is cancelled, and the turn goes on behind it."""
        self.asking = task = asyncio.current_task()
        try:
            yield
        except asyncio.CancelledError:
            if not self.is_cancelled or task is None:
                raise
            task.uncancel()
        finally:
            self.asking = None

    @property
    def question(self) -> Message | None:
        """What the user said last in this run."""
        return next((message for message in reversed(inputs_of(self.run)) if message.role == "user"), None)

    @property
    def dialect(self) -> LoopDialect:
        return dialect.of_type(self.agent.agent_type)

    @property
    def thinks(self) -> bool:
        """Must the model be given a place to think, because it has none of its own?"""
        return not self.card.reasoning

    @property
    def allowed(self) -> Allowed:
        """Which tools can be called in the next step."""
        return rules.allowed(self.agent.tool_rules, [tool.name for tool in self.tools], self.past)

    @property
    def asks(self) -> frozenset[str]:
        """The tools of which a call has to wait for an answer."""
        ruled = (rule.tool_name for rule in self.agent.tool_rules if rule.type == "requires_approval")
        return frozenset((*ruled, *self.client_tools))

    def waits_for(self, name: str) -> Literal["approval", "client"] | None:
        """Who must answer before a call of the tool goes on."""
        if name in self.client_tools:
            return "client"
        return "approval" if name in self.asks else None

    @property
    def own_arguments(self) -> Arguments:
        return {tool.name: tool.arguments for tool in self.tools}

    @property
    def elapsed_ns(self) -> int:
        return int((time.monotonic() - self.started) * 1e9)


@asynccontextmanager
async def listening(turn: Turn, stream: AsyncIterator[Delta]) -> AsyncGenerator[None]:
    """While a model's stream is read: it is left when the turn is cancelled, and closed in any case."""
    try:
        with turn.interruptible():
            yield
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


def inputs_of(run: Run) -> list[Message]:
    """What a run was started with, as it was kept."""
    where = {"organization_id": run.organization_id, "thread_id": run.thread_id}
    return [Message.model_validate({**sent, **where}) for sent in run.input]
