"""A transcript that every provider accepts, made from whatever is stored (DESIGN, law 2).

Orphaned calls get an "interrupted" return, orphaned returns and empty messages are left out. Nothing is written; the
same function serves imported histories.
"""

import logging
from collections.abc import Iterable, Sequence

from holdfast.messages.model import ImagePart, Message, TextPart, ToolCallPart, ToolReturnPart

INTERRUPTED = "Interrupted: the server stopped before this call returned. It may or may not have had an effect."

log = logging.getLogger("holdfast.repair")


def sendable(messages: Sequence[Message]) -> list[Message]:
    """The messages, in order, with every call directly followed by its return."""
    repaired: list[Message] = []
    waiting: dict[str, ToolCallPart] = {}
    for message in messages:
        if message.returns:
            answered = _answering(message, waiting)
            if answered is not None:
                repaired.append(answered)
            continue
        if _is_empty(message):
            log.info("left out empty message %s", message.id)
            continue
        _settle(repaired, waiting)
        repaired.append(message)
        waiting = {call.id: call for call in message.calls}
    _settle(repaired, waiting)
    return repaired


def _answering(message: Message, waiting: dict[str, ToolCallPart]) -> Message | None:
    """The message with the returns that some call waits for, each once; None when there are none."""
    kept = list(_claimed(message.returns, waiting))
    if len(kept) == len(message.content):
        return message
    log.info("left out %d orphaned returns of message %s", len(message.content) - len(kept), message.id)
    return message.model_copy(update={"content": kept}) if kept else None


def _claimed(returns: Iterable[ToolReturnPart], waiting: dict[str, ToolCallPart]) -> Iterable[ToolReturnPart]:
    for part in returns:
        if waiting.pop(part.call_id, None) is not None:
            yield part


def _settle(repaired: list[Message], waiting: dict[str, ToolCallPart]) -> None:
    """Give the calls that nobody answered a return that says so."""
    if not waiting:
        return
    asked = repaired[-1]
    returns = [ToolReturnPart(call_id=c.id, name=c.name, output=INTERRUPTED, status="error") for c in waiting.values()]
    log.info("answered %d orphaned calls after message %s", len(returns), asked.id)
    repaired.append(asked.model_copy(update={"id": f"{asked.id}-returns", "role": "tool", "content": returns}))
    waiting.clear()


def _is_empty(message: Message) -> bool:
    """Nothing that a model could be shown: thoughts alone are not."""
    return not any(
        isinstance(part, ImagePart | ToolCallPart) or (isinstance(part, TextPart) and part.text.strip())
        for part in message.content
    )
