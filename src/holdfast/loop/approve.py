"""Calls that wait for an answer: what a thread waits for, and what an answer makes of it (CONTRACT §5). Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from holdfast.errors import BadRequest
from holdfast.loop.rules import REFUSED
from holdfast.messages.model import ApprovalPart, Message, ToolCallPart, ToolReturnPart

Decision = ApprovalPart | ToolReturnPart

RECENT = 10
"""In so many of the newest messages an answer is looked for that comes a second time."""
LEAST_RESULT, RESULT_SHARE = 5000, 0.8
"""How many characters of a client's result are kept: at least these, or that share of the window's tokens."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A request, and the answer that has come to it."""

    request: Message
    answer: Message

    @property
    def decisions(self) -> Mapping[str, Decision]:
        """What was decided about each call, by its id."""
        return {part.call_id: part for part in self.answer.content if isinstance(part, ApprovalPart | ToolReturnPart)}


@dataclass(frozen=True, slots=True)
class Broken:
    """Calls whose returns were never stored, because the process died that ran them."""

    asked: Message
    answer: Message | None = None
    """What was decided about them before."""


def request_in(window: Sequence[Message]) -> Message | None:
    """The request that a thread waits for an answer to."""
    newest = window[-1] if window else None
    return newest if newest is not None and newest.waiting else None


def broken_off(window: Sequence[Message]) -> Broken | None:
    """The calls at a window's end that nothing was returned for, if they do not wait for an answer."""
    newest = window[-1] if window else None
    if newest is None:
        return None
    if newest.role == "assistant" and newest.calls:
        return Broken(newest)
    if newest.decisions and (request := request_in(window[:-1])):
        return Broken(request, newest)
    return None


def chained(window: Sequence[Message], run_id: str, request: Message | None) -> list[Message]:
    """The messages of a run, and of the runs that it goes on with because it answers what they asked."""
    runs, found = {run_id, request.run_id if request and request.run_id else run_id}, list[Message]()
    for message in reversed(window):
        asked_by_it = bool(found) and bool(found[-1].decisions) and bool(message.waiting)
        if message.run_id not in runs and not asked_by_it:
            break
        if message.run_id is not None:
            runs.add(message.run_id)
        found.append(message)
    return found[::-1]


def requested(spoken: Message, calls: Iterable[ToolCallPart]) -> Message:
    """What the model said, as a request for an answer; `calls` take the place of its calls."""
    by_id = {call.id: call for call in calls}
    parts = [by_id.get(part.id, part) if isinstance(part, ToolCallPart) else part for part in spoken.content]
    return spoken.model_copy(update={"role": "approval", "content": parts})


def matched(request: Message, answer: Message, context_window: int) -> Message:
    """The answer with a decision about every call that waits; one that is not complete is an error."""
    decisions = _decisions(request, answer)
    given = [part.call_id for part in decisions]
    waiting = {call.id: call for call in request.waiting}
    if len(given) != len(set(given)) or set(given) != waiting.keys():
        raise BadRequest(f"{_expected(request)} This answer is about {_listed(given)}. {NOTHING_DONE}")
    for part in decisions:
        call = waiting[part.call_id]
        if isinstance(part, ApprovalPart) and part.approve and call.waits_for == "client":
            raise BadRequest(
                f"Call {call.id} of {call.name} is run by the client, so it cannot be approved: send its result, as "
                f'{{"type": "tool", "tool_call_id": …, "tool_return": …, "status": "success"}}. {NOTHING_DONE}'
            )
    most = max(LEAST_RESULT, int(RESULT_SHARE * context_window))
    parts = [_named(part, waiting[part.call_id].name, most) for part in decisions]
    return answer.model_copy(update={"content": parts, "step_id": request.step_id})


NOTHING_DONE = "Nothing was done; the calls still wait."


def waits(request: Message) -> str:
    """What a thread waits for, and the ways out."""
    return (
        f"{_expected(request)} Answer with one item of type `approval`, or cancel the request "
        "(POST …/messages/cancel), before you send anything else."
    )


def repeats(window: Sequence[Message], answer: Message) -> bool:
    """Was this answer taken before?"""
    recent = window[-RECENT:]
    returned = {part.call_id for message in recent for part in message.returns}
    ids = {part.call_id for part in answer.content if isinstance(part, ApprovalPart | ToolReturnPart)}
    if ids == {""}:
        return answer.decisions[0].request_id in returned | {message.id for message in recent if message.waiting}
    return bool(ids) and ids <= returned


def denied(request: Message, reason: str) -> list[ApprovalPart]:
    """The decision that no call of a request is run."""
    return [ApprovalPart(call_id=call.id, approve=False, reason=reason) for call in request.waiting]


def refusal(call: ToolCallPart, decision: ApprovalPart) -> str:
    """The return of a call that was denied."""
    reason = f" The reason given: {decision.reason}" if decision.reason else " No reason was given."
    return f"{REFUSED}the call of {call.name} was denied.{reason}"


def refused(request: Message, reason: str) -> list[ToolReturnPart]:
    """The returns of a request that nobody will answer any more; no call of it was run."""
    waiting = {call.id for call in request.waiting}
    return [
        ToolReturnPart(
            call_id=call.id,
            name=call.name,
            output=refusal(call, ApprovalPart(call_id=call.id, approve=False, reason=reason))
            if call.id in waiting
            else f"{REFUSED}the other calls made with it were denied.",
            status="error",
        )
        for call in request.calls
    ]


def _decisions(request: Message, answer: Message) -> list[Decision]:
    """The decisions of an answer; one in the older form is about all calls of the request that it names."""
    parts = [part for part in answer.content if isinstance(part, ApprovalPart | ToolReturnPart)]
    old = parts[0] if len(parts) == 1 and not parts[0].call_id else None
    if not isinstance(old, ApprovalPart):
        return parts
    if old.request_id not in (None, request.id, *(call.id for call in request.waiting)):
        raise BadRequest(f"{_expected(request)} This answer names {old.request_id!r}. {NOTHING_DONE}")
    return [old.model_copy(update={"call_id": call.id}) for call in request.waiting]


def _named(part: Decision, name: str, most: int) -> Decision:
    if isinstance(part, ApprovalPart):
        return part
    output = part.output
    if len(output) > most:
        output = f"{output[:most]}... [truncated {len(output) - most} chars]"
    return part.model_copy(update={"name": name, "output": output})


def _expected(request: Message) -> str:
    calls = ", ".join(f"{call.id} ({call.name})" for call in request.waiting)
    return f"Request {request.id} waits for one answer about each of these calls: {calls}."


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(ids) or "none"
