"""What an agent's memory holds about a message, as its model is shown it: behind that message, and nowhere else.

The prompt stays as it is, and so does what providers have cached of it; nothing of this is stored as a message.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from holdfast.kit.clock import zone
from holdfast.llm.tokens import estimate
from holdfast.messages.model import Message, TextPart

TAG = "recalled_memories"
MARK = re.compile(rf"<(?=/?{TAG})", re.IGNORECASE)
"""What a memory must not say, or it could end the place where it is quoted."""
LONGEST = 1_200
"""Characters that are shown of one memory."""


@dataclass(frozen=True, slots=True)
class RecalledMemory:
    """One thing that an agent's memory holds."""

    id: str
    type: Literal["passage", "message"]
    at: datetime
    text: str
    relevance: float
    role: str = ""

    def line(self, timezone: str | None) -> str:
        when = self.at.astimezone(zone(timezone)).date().isoformat()
        said_by = f", {self.role}" if self.role else ""
        text = MARK.sub("< ", self.text)
        cut = text if len(text) <= LONGEST else f"{text[:LONGEST]} […]"
        return f"- [{self.id}, {when}{said_by}] {cut}"


@dataclass(frozen=True, slots=True)
class Recalled:
    """What was found for one message of a turn."""

    message_id: str
    memories: Sequence[RecalledMemory]
    text: str

    @property
    def used(self) -> list[dict[str, Any]]:
        """What a run tells of it: which memories, not what they say."""
        return [{"id": each.id, "type": each.type, "relevance": each.relevance} for each in self.memories]

    def put_into(self, sent: Sequence[Message]) -> list[Message]:
        """The messages, with what was recalled at the end of the one that it belongs to."""
        return [self._behind(message) if message.id == self.message_id else message for message in sent]

    def _behind(self, message: Message) -> Message:
        *before, last = message.content
        added = [TextPart(text=f"{last.text}\n\n{self.text}")] if isinstance(last, TextPart) else []
        content = [*before, *added] if added else [*message.content, TextPart(text=self.text)]
        return message.model_copy(update={"content": content})


def recalled(
    message_id: str, memories: Sequence[RecalledMemory], timezone: str | None, most_tokens: int
) -> Recalled | None:
    """The memories that there is room for, the best first; None when that is none."""
    head = (
        "The server found this in your memory for the message above. The user has not said it just now. "
        "Use what helps, leave out the rest."
    )
    lines, left = list[str](), most_tokens - estimate(head)
    for memory in memories:
        line = memory.line(timezone)
        left -= estimate(line)
        if left < 0:
            break
        lines.append(line)
    if not lines:
        return None
    text = "\n".join((f"<{TAG}>", head, *lines, f"</{TAG}>"))
    return Recalled(message_id, memories[: len(lines)], text)
