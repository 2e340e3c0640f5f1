"""A turn in memory: the run, the thread it holds, and everything the loop needs of them."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from holdfast.agents.model import Agent
from holdfast.auth.model import Who
from holdfast.llm.model import ModelCard, Provider
from holdfast.llm.models import Models
from holdfast.loop.events import Spent
from holdfast.messages.model import Message
from holdfast.messages.threads import Thread
from holdfast.runs.model import Run
from holdfast.tools.model import Tool


@dataclass(frozen=True, slots=True)
class Options:
    """What one request may choose for its turn."""

    max_steps: int = 50
    override_model: str | None = None
    override_system: str | None = None
    request_id: str | None = None


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
    context_window: int
    is_cancelled: bool = False
    asking: "asyncio.Task[Any] | None" = None
    """The task that waits for the model, while it does."""
    spent: Spent = field(default_factory=Spent)
    started: float = field(default_factory=time.monotonic)
    first_token_ns: int | None = None
    sent: int = 0
    """How many messages of the window were in the request before, so that traces hold only what is new."""
    estimated: int = 0
    """How many tokens the last request took by our estimate."""
    scale: float = 1.0
    """What the provider counts for each token that we estimate."""

    def cancel(self) -> None:
        """Stop at the next safe place; a model that is being waited for is not waited for any longer."""
        self.is_cancelled = True
        if self.asking is not None:
            self.asking.cancel()

    @property
    def elapsed_ns(self) -> int:
        return int((time.monotonic() - self.started) * 1e9)
