"""Messages that nobody wrote, in the form in which V1 keeps them (CONTRACT §6.5)."""

import json

from holdfast.kit.clock import now
from holdfast.prompt.compile import local_time


def event_text(kind: str, timezone: str | None, **said: str) -> str:
    """The text of a message that tells the model of an event."""
    return json.dumps({"type": kind, **said, "time": local_time(now(), timezone)}, ensure_ascii=False)
