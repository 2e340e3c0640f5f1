"""What a message says to people: what search finds it by, and shows of it."""

from typing import Any, cast

import orjson

from holdfast.messages.model import Message, ToolCallPart

EVENTS = ('{"type": "heartbeat"', '{"type": "login"', '{"type": "system_alert"')
"""How messages begin that nobody wrote."""

SAYS = {"send_message": "message"}
"""The tool with which an agent speaks, and the argument that it says."""


def said(message: Message) -> str:
    """The text, and what was said through a tool; nothing for a mere event."""
    if message.text.startswith(EVENTS):
        return ""
    spoken = [_spoken(call) for call in message.calls if call.name in SAYS]
    return "\n".join(filter(None, [message.text, *spoken]))


def _spoken(call: ToolCallPart) -> str:
    """A call that was cut short said nothing."""
    try:
        arguments: Any = orjson.loads(call.arguments)
    except ValueError:
        return ""
    found: Any = cast(dict[str, Any], arguments).get(SAYS[call.name]) if isinstance(arguments, dict) else None
    return found if isinstance(found, str) else ""
