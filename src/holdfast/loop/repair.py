"""A transcript that every provider accepts, made from whatever is stored (DESIGN, law 2).

Orphaned calls get an "interrupted" return, orphaned returns and empty messages are left out. Nothing is written; the
same function serves imported histories.
"""

import logging
from collections.abc import Iterable, Sequence
from operator import is_

from holdfast.messages.model import ApprovalPart, ImagePart, Message, Part, TextPart, ToolCallPart, ToolReturnPart

INTERRUPTED = "Interrupted: the server stopped before this call returned. It may or may not have had an effect."

SEEING = ("user", "summary")
"""The roles whose images a model can be shown."""

log = logging.getLogger("holdfast.repair")


def sendable(messages: Iterable[Message]) -> list[Message]:
    """The messages, in order, with every call directly followed by its return."""
    repaired = Repaired()
    repaired.extend(messages)
    return repaired.sendable()


class Repaired:
    """A transcript that grows, repaired as it does."""

    def __init__(self) -> None:
        self._done: list[Message] = []
        """What no further message changes."""
        self._waiting: dict[str, ToolCallPart] = {}

    def extend(self, messages: Iterable[Message]) -> list[Message]:
        """Take further messages in; what was made of them and is final."""
        before = len(self._done)
        for message in messages:
            self._add(message)
        return self._done[before:]

    def sendable(self) -> list[Message]:
        """All of it, with every call directly followed by its return."""
        return [*self._done, *self.unanswered()]

    def unanswered(self) -> list[Message]:
        """The return of the calls that nobody has answered yet, as far as there are any."""
        if not self._waiting:
            return []
        asked = self._done[-1]
        returns = [
            ToolReturnPart(call_id=call.id, name=call.name, output=INTERRUPTED, status="error")
            for call in self._waiting.values()
        ]
        log.info("answered %d orphaned calls after message %s", len(returns), asked.id)
        return [asked.model_copy(update={"id": f"{asked.id}-returns", "role": "tool", "content": returns})]

    def _add(self, message: Message) -> None:
        if _is_answer(message):
            return  # an answer is for the server; what came of it is in the returns that follow
        spoken = _without_returns(message)
        if returns := list(_claimed(message, self._waiting)):
            self._done.append(_changed(message, returns, role="tool"))
        if spoken is None:
            return
        self._done += self.unanswered()
        self._done.append(spoken)
        self._waiting = {call.id: call for call in spoken.calls}


def _is_answer(message: Message) -> bool:
    """Does a message hold nothing but what was decided about calls?"""
    decided = (ApprovalPart, ToolReturnPart)
    return message.role == "approval" and all(isinstance(part, decided) for part in message.content)


def _without_returns(message: Message) -> Message | None:
    """What a message says and calls, its returns left out; None when that is nothing that a model could be shown."""
    parts = list(_said(message))
    shows = (ImagePart, ToolCallPart) if message.role in SEEING else ToolCallPart
    if any(isinstance(part, shows) or _has_text(part) for part in parts):
        return _changed(message, parts)
    if not message.returns:
        log.info("left out empty message %s", message.id)
    return None


def _said(message: Message) -> Iterable[Part]:
    """The parts but for returns, calls that have no name or stand where no model speaks, and repeated ids."""
    speaks, taken = message.role in ("assistant", "approval"), set[str]()
    for part in message.content:
        if isinstance(part, ToolReturnPart):
            continue
        if isinstance(part, ToolCallPart):
            if not speaks or not part.name or not part.id or part.id in taken:
                log.info("left out call %r of message %s", part.id, message.id)
                continue
            taken.add(part.id)
        yield part


def _has_text(part: Part) -> bool:
    return isinstance(part, TextPart) and bool(part.text.strip())


def _claimed(message: Message, waiting: dict[str, ToolCallPart]) -> Iterable[ToolReturnPart]:
    """The returns that some call waits for, each once, and each by the name of what was called."""
    for part in message.returns:
        call = waiting.pop(part.call_id, None)
        if call is None:
            log.info("left out the return of call %r in message %s", part.call_id, message.id)
        else:
            yield part if part.name == call.name else part.model_copy(update={"name": call.name})


def _changed(message: Message, parts: Sequence[Part], role: str | None = None) -> Message:
    """The message with these parts; itself when they are what it has."""
    role = role or message.role
    if role == message.role and len(parts) == len(message.content) and all(map(is_, parts, message.content)):
        return message
    return message.model_copy(update={"content": list(parts), "role": role})
