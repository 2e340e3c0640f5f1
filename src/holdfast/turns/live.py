"""A run that this process works on, and what has happened in it."""

import asyncio
from dataclasses import dataclass, field

from holdfast.errors import ModelError
from holdfast.loop.events import Ended
from holdfast.runs.model import Run
from holdfast.turns.begin import Asked, Begun
from holdfast.turns.record import Record
from holdfast.turns.sampled import ChosenTokens


@dataclass(slots=True)
class Live:
    """A run at work here."""

    asked: Asked
    begun: Begun
    events: Record = field(init=False)
    is_cancelled: bool = False
    is_left: bool = False
    """Another process goes on with it."""
    asking: dict[str, "Live"] = field(default_factory=dict[str, "Live"])
    """The runs of other agents whose answers it waits for, by their ids."""
    work: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        body = self.asked.body
        self.events = Record(has_fragments=body.stream_tokens or ChosenTokens(body).wanted)

    @property
    def run(self) -> Run:
        return self.begun.run

    @property
    def run_id(self) -> str:
        return self.begun.run.id

    def cancel(self) -> None:
        self.is_cancelled = True
        if self.begun.turn is not None:
            self.begun.turn.cancel()
        for other in list(self.asking.values()):
            other.cancel()

    def leave(self) -> None:
        """Stop working on it where it stands, without an end."""
        self.is_left = True
        if self.work is not None:
            self.work.cancel()

    def end(self, event: Ended) -> None:
        """Say how the run ended, once: whoever follows it gets exactly one last event."""
        if not isinstance(self.events.last, Ended):
            self.events.append(event)

    def answers(self, asked: Asked) -> bool:
        """Is this the same request, and is there an answer to it or will there be?"""
        mine, last = self.asked, self.events.last
        failed = isinstance(last, Ended) and last.error is not None
        same = (mine.who.organization_id, mine.to) == (asked.who.organization_id, asked.to) and mine.body == asked.body
        return same and not failed


def ended_before(live: Live) -> Ended:
    """How a run ended that was over before this process took it over."""
    run, spent = live.run, live.begun.past.spent
    reason = run.stop_reason or "error"
    if run.status != "failed":
        return Ended(reason, spent)
    kept: dict[str, str] = run.metadata.get("error") or {}
    what = ModelError(kept.get("type", "internal_error"), kept.get("message", ""), kept.get("detail", ""))
    return Ended(reason, spent, what)
