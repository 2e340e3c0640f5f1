"""Where a transcript may be cut in two, so that the newer part can stand alone."""

from collections.abc import Sequence

from holdfast.loop import size
from holdfast.messages.model import ApprovalPart, Message


def cut(messages: Sequence[Message], least: int, room: int) -> int:
    """How many of the oldest messages go: at least so many, and as many as it takes for the rest to have room.

    A call is never parted from what answers it, and one that still waits for its answer stays.
    """
    places = _places(messages)
    left = sum(map(size.of_message, messages))
    for number, message in enumerate(messages):
        if number >= least and left <= room and number in places:
            return number
        left -= size.of_message(message)
    return max(places, default=0)


def _places(messages: Sequence[Message]) -> set[int]:
    """Before every message that answers no call; after the last one, unless it waits for an answer."""
    places = {number for number, message in enumerate(messages) if not _answers(message)}
    return places if messages and messages[-1].calls else {*places, len(messages)}


def _answers(message: Message) -> bool:
    return bool(message.returns) or any(isinstance(part, ApprovalPart) for part in message.content)
