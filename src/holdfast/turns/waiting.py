"""What a thread waits for when a turn begins: an answer about tool calls, or the end of what a dead process did."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from holdfast.auth.model import Who
from holdfast.errors import BadRequest, PendingApproval
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.loop import approve
from holdfast.loop.approve import Answered, Broken, Decision
from holdfast.loop.repair import INTERRUPTED
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.messages.model import Message, Part, Role, TextPart, ToolCallPart, ToolReturnPart
from holdfast.messages.threads import Thread
from holdfast.prompt.events import event_text
from holdfast.runs.model import Run
from holdfast.steps import store as steps
from holdfast.store.table import Tx

CANCELLED = "The user cancelled the request."
MOVED_ON = "The client did not run it, and the conversation went on."
ANSWERED_BEFORE = "An answer came that had been taken before. Go on."


@dataclass(frozen=True, slots=True)
class TakenThread:
    """What a run finds in the thread that it has; what is stored here is added to the messages."""

    who: Who
    run: Run
    timezone: str | None
    messages: list[Message]

    def store(self, tx: Tx, *made: Message) -> None:
        messages.append(tx, made)
        self.messages.extend(made)


@dataclass(frozen=True, slots=True)
class Terms:
    """How much of a result is kept, and for how long a request can be answered."""

    context_window: int
    hours: float | None
    moves_on: bool = False
    """A message may come instead of the results of tools that the client runs; they count as not run."""


@dataclass(frozen=True, slots=True)
class Entered:
    """What a turn begins with."""

    inputs: list[Message]
    answered: Answered | None = None


def refuse(tx: Tx, who: Who, thread: Thread, inputs: Sequence[Message]) -> None:
    """Say that a thread waits for an answer before anything is recorded, as far as that can be known already."""
    newest = messages.newest_of(tx, who, thread)
    if newest is not None and newest.waiting and inputs[0].role != "approval":
        raise PendingApproval(approve.waits(newest), newest.id)


def settle(tx: Tx, taken: TakenThread) -> Message | None:
    """Give calls that a dead process was making their returns; the message, if they were this run's own."""
    broken = approve.broken_off(taken.messages)
    if broken is None:
        return None
    asked = broken.asked
    latest = broken.answer or asked
    returned = _message(latest, "tool", _returns(broken), asked.step_id)
    taken.store(tx, returned)
    if asked.step_id is not None:
        steps.end(tx, taken.who, asked.step_id)
    return returned if latest.run_id == taken.run.id else None


def enter(tx: Tx, taken: TakenThread, inputs: list[Message], terms: Terms) -> Entered:
    """Bring what was sent together with what the thread waits for."""
    request = approve.request_in(taken.messages)
    if inputs and inputs[0].role == "approval":
        return _answered(taken, request, inputs, terms)
    if request is not None:
        _refuse_or_expire(tx, taken, request, terms)
    return Entered(inputs)


def _answered(taken: TakenThread, request: Message | None, inputs: Sequence[Message], terms: Terms) -> Entered:
    answer, left = inputs[0], list(inputs[1:])
    if any(message.id == answer.id for message in taken.messages):
        return Entered(left)
    if request is None:
        return Entered(_repeated(taken, answer, left))
    if not _is_expired(request, terms):
        return Entered(left, Answered(request, approve.matched(request, answer, terms.context_window)))
    denied = approve.denied(request, _expired(terms))
    return Entered(left, Answered(request, answer.model_copy(update={"content": denied, "step_id": request.step_id})))


def release(tx: Tx, who: Who, thread_id: str, why: str) -> str | None:
    """Deny what a thread waits for, so that it can be used; the id of the run that asked, or of its message."""
    thread = threads.rows.update(tx, who, thread_id, {})
    request = approve.request_in(messages.window(tx, who, thread)) if thread.lease_run_id is None else None
    if request is None:
        return None
    in_thread = request.model_copy(update={"thread_id": thread.id})
    messages.append(tx, _denied(in_thread, why, request.run_id))
    return request.run_id or request.id


def _refuse_or_expire(tx: Tx, taken: TakenThread, request: Message, terms: Terms) -> None:
    why = _given_up(request, terms)
    if why is None:
        raise PendingApproval(approve.waits(request), request.id)
    in_thread = request.model_copy(update={"thread_id": taken.run.thread_id})
    taken.store(tx, *_denied(in_thread, why, taken.run.id))


def _given_up(request: Message, terms: Terms) -> str | None:
    """Why nobody waits for the answer to a request any more; None while somebody does."""
    if _is_expired(request, terms):
        return _expired(terms)
    if terms.moves_on and all(call.waits_for == "client" for call in request.waiting):
        return MOVED_ON
    return None


def _is_expired(request: Message, terms: Terms) -> bool:
    return terms.hours is not None and request.created_at + timedelta(hours=terms.hours) < now()


def _expired(terms: Terms) -> str:
    return f"Nobody answered within {terms.hours:g} hours."


def _repeated(taken: TakenThread, answer: Message, left: list[Message]) -> list[Message]:
    """An answer that was taken before is taken again; without anything after it the model is told to go on."""
    if not approve.repeats(taken.messages, answer):
        raise BadRequest(
            f"Nothing waits for an answer in conversation {taken.run.thread_id}, and none of its newest calls is the "
            "one that was answered. Send a message instead."
        )
    if left:
        return left
    text = event_text("heartbeat", taken.timezone, reason=ANSWERED_BEFORE)
    return [_message(answer, "user", [TextPart(text=text)], None)]


def _returns(broken: Broken) -> list[Part]:
    """What is known of calls that broke off: what was denied, what a client has sent; the others may have run."""
    given = Answered(broken.asked, broken.answer or broken.asked).decisions
    return [_known(call, given.get(call.id)) for call in broken.asked.calls]


def _known(call: ToolCallPart, decision: Decision | None) -> ToolReturnPart:
    if isinstance(decision, ToolReturnPart):
        return decision
    output = INTERRUPTED if decision is None or decision.approve else approve.refusal(call, decision)
    return ToolReturnPart(call_id=call.id, name=call.name, output=output, status="error")


def _denied(request: Message, why: str, run_id: str | None) -> list[Message]:
    """A request's denial and the returns of its calls."""
    like = request.model_copy(update={"run_id": run_id})
    return [
        _message(like, "approval", [*approve.denied(request, why)], request.step_id),
        _message(like, "tool", [*approve.refused(request, why)], request.step_id),
    ]


def _message(like: Message, role: Role, content: list[Part], step_id: str | None) -> Message:
    """A message of the same run and thread as another."""
    return Message(
        id=new_id("message"),
        organization_id=like.organization_id,
        created_by_id=like.created_by_id,
        agent_id=like.agent_id,
        thread_id=like.thread_id,
        run_id=like.run_id,
        role=role,
        content=content,
        step_id=step_id,
    )
