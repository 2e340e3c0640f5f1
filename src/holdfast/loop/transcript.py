"""A window as the model sees it: made once, then only extended by what is new, so that a long thread costs no more.

It is kept from turn to turn while nobody else has had the thread (`Transcripts`).
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from holdfast.llm.model import Rendered
from holdfast.loop import size
from holdfast.loop.repair import Repaired
from holdfast.messages.model import Base64Image, ImagePart, Message, StoredImage, TextPart, ToolCallPart, ToolReturnPart
from holdfast.messages.threads import Thread

MOST_BYTES = 32 * 2**20
"""How much text and images are kept in memory for threads that may go on."""
MESSAGE_BYTES = 2048
"""What a message takes besides what it says."""

Shown = Callable[[Message], Message]


@dataclass(slots=True)
class GrowingTranscript:
    """The messages of one thread from its window's start on, as they are sent."""

    rendered: Rendered = field(default_factory=Rendered)
    """What the model's wire has made of them."""
    _key: Any = None
    _seen: list[Message] = field(default_factory=list[Message])
    _repaired: Repaired = field(default_factory=Repaired)
    """What was made of them."""
    _tokens: int = 0
    weight: int = 0
    """About how many bytes its messages take in memory."""

    def of(self, messages: Sequence[Message], shown: Shown, key: Any) -> list[Message]:
        """The messages as they are sent; `key` says what `shown` depends on."""
        if key != self._key or not self._continues(messages):
            self._key, self._seen, self._repaired, self._tokens, self.weight = key, [], Repaired(), 0, 0
        fresh = messages[len(self._seen) :]
        self._seen += fresh
        self.weight += sum(map(_weight, fresh))
        self._tokens += size.of_messages(self._repaired.extend(map(shown, fresh)))
        return self._repaired.sendable()

    @property
    def tokens(self) -> int:
        """About how many tokens they take."""
        return self._tokens + size.of_messages(self._repaired.unanswered())

    def _continues(self, messages: Sequence[Message]) -> bool:
        """Whether the messages begin with those that have been seen: a window that was cut begins with others."""
        seen = self._seen
        if len(messages) < len(seen):
            return False
        return not seen or (messages[0] is seen[0] and messages[len(seen) - 1] is seen[-1])


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a thread between two turns."""

    mark: tuple[Any, ...]
    window: list[Message]
    transcript: GrowingTranscript
    weight: int


class Transcripts:
    """The threads that this process worked on last. Whoever takes one has it to itself; threads of any kind may ask."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._weight = 0
        self._lock = Lock()

    def keep(self, thread: Thread, window: list[Message], transcript: GrowingTranscript) -> None:
        """Remember a thread whose turn has ended, as it was stored last."""
        weight = transcript.weight + sum(map(_weight, window[:1]))
        if weight > self._most // 4:
            return
        with self._lock:
            self._drop(thread.id)
            self._kept[thread.id] = Kept(_mark(thread, thread.fence + 1), window, transcript, weight)
            self._weight += weight
            while self._weight > self._most:
                self._drop(next(iter(self._kept)))

    def take(self, thread: Thread) -> Kept | None:
        """What is known of a thread that was just leased; None when someone else had it or changed it since."""
        with self._lock:
            kept = self._drop(thread.id)
        return kept if kept is not None and kept.mark == _mark(thread, thread.fence) else None

    def forget(self, ids: Collection[str]) -> None:
        """Keep nothing of these threads, nor of the threads of these agents."""
        with self._lock:
            for thread_id, kept in list(self._kept.items()):
                if thread_id in ids or any(message.agent_id in ids for message in kept.window[:1]):
                    self._drop(thread_id)

    def _drop(self, thread_id: str) -> Kept | None:
        kept = self._kept.pop(thread_id, None)
        if kept is not None:
            self._weight -= kept.weight
        return kept


def _mark(thread: Thread, fence: int) -> tuple[Any, ...]:
    """What is as it was only if the window is: every turn counts the fence up, every other change writes the row."""
    return fence, thread.updated_at, thread.prompt_id, thread.window_start, thread.summary_id, thread.window_ids


def _weight(message: Message) -> int:
    return MESSAGE_BYTES + 2 * sum(map(_length, message.content))


def _length(part: Any) -> int:
    match part:
        case TextPart():
            return len(part.text)
        case ToolCallPart():
            return len(part.arguments)
        case ToolReturnPart():
            return len(part.output) + sum(map(_length, part.parts or ()))
        case ImagePart(source=Base64Image() | StoredImage() as image):
            return len(image.data or "")
        case _:
            return 0
