"""What a run has done already, for the process that goes on with it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from holdfast.auth.model import Who
from holdfast.llm.model import Usage
from holdfast.loop.events import Committed, Spent
from holdfast.messages import store as messages
from holdfast.messages.model import Message
from holdfast.runs.model import Run, StopReason
from holdfast.steps import store as steps
from holdfast.steps.model import Step
from holdfast.store.table import Tx

PRODUCED = ("assistant", "tool", "approval")


@dataclass(frozen=True, slots=True)
class Progress:
    """The stored steps of a run."""

    told: list[Committed] = field(default_factory=list[Committed])
    """What they produced, as it was told when they were stored."""
    spent: Spent = field(default_factory=Spent)
    concluded: StopReason | None = None
    """Why the last of them ended the turn, if it did."""

    @property
    def has_begun(self) -> bool:
        return bool(self.spent.steps)


def past_of(tx: Tx, who: Who, run: Run) -> Progress:
    taken = [step for step in steps.of_run(tx, who, run.id) if step.status != "failed"]
    spent = Spent()
    for step in taken:
        spent.add(_usage(step))
    produced = said(tx, who, run)
    return Progress(list(_told(taken, produced)), spent, taken[-1].stop_reason if taken else None)


def said(tx: Tx, who: Who, run: Run) -> list[Message]:
    """The messages that a run has produced so far: without what was sent, heartbeats and summaries."""
    sent = {message["id"] for message in run.input}
    found = messages.rows.all(tx, who, messages.of_run(run.id), order=[messages.c.sequence])
    return [message for message in found if message.id not in sent and _is_produced(message)]


def _is_produced(message: Message) -> bool:
    """An answer about calls is what somebody said to the agent, also when the server said it."""
    return message.role in PRODUCED and (message.role != "approval" or bool(message.calls))


def _told(taken: Sequence[Step], produced: Sequence[Message]) -> Iterator[Committed]:
    for step in taken:
        if of_step := [message for message in produced if message.step_id == step.id]:
            yield Committed(step.id, of_step, is_whole=not of_step[-1].calls or of_step[-1].role == "approval")


def _usage(step: Step) -> Usage:
    return Usage(
        prompt_tokens=step.prompt_tokens or 0,
        completion_tokens=step.completion_tokens or 0,
        total_tokens=step.total_tokens or 0,
        cached_input_tokens=step.cached_input_tokens,
        cache_write_tokens=step.cache_write_tokens,
        reasoning_tokens=step.reasoning_tokens,
    )
