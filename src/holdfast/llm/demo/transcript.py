"""What the messages of a call say: the user's words of this turn, and what the model did about them so far."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.messages.model import Message, ToolReturnPart


@dataclass(frozen=True)
class PastCall:
    """A tool call of the transcript with what came of it; None while it is not known."""

    name: str
    arguments: dict[str, Any]
    output: str | None
    failed: bool
    message: Message


@dataclass(frozen=True)
class Transcript:
    prompt: str
    said: str
    """The user's latest words."""
    earlier: list[str]
    """The user's words before those, newest first."""
    before: list[PastCall]
    turn: list[PastCall]
    """The calls since the user's latest words."""


def read(messages: Sequence[Message]) -> Transcript:
    prompt = messages[0].text if messages and messages[0].role == "system" else ""
    rest = list(messages[1:] if prompt else messages)
    start = _turn_start(rest)
    earlier = [text for message in rest[:start] if message.role == "user" and (text := spoken(message.text))]
    return Transcript(
        prompt=prompt,
        said=spoken(rest[start].text) if start < len(rest) else "",
        earlier=earlier[::-1],
        before=_calls(rest[:start]),
        turn=_calls(rest[start:]),
    )


def spoken(text: str) -> str:
    """A user's words without the JSON envelope of old rows; empty for events that nobody said."""
    packed = _object(text)
    kind = packed.get("type")
    if kind in {"heartbeat", "login", "system_alert"}:
        return ""
    if kind == "user_message":
        return str(packed.get("message") or "")
    return text.strip()


def _turn_start(messages: list[Message]) -> int:
    """Where the latest message of a user is; without one, the latest system message (another agent's words)."""
    for role in ("user", "system"):
        for index in range(len(messages) - 1, -1, -1):
            message = messages[index]
            if message.role == role and not _event(message):
                return index
    return len(messages)


def _event(message: Message) -> bool:
    return bool(message.text.strip()) and not spoken(message.text)


def _calls(messages: list[Message]) -> list[PastCall]:
    returns = {part.call_id: part for message in messages for part in message.returns}
    return [
        PastCall(
            name=call.name,
            arguments=_object(call.arguments),
            output=_output(returns[call.id]) if call.id in returns else None,
            failed=call.id in returns and _failed(returns[call.id]),
            message=message,
        )
        for message in messages
        for call in message.calls
    ]


def _output(part: ToolReturnPart) -> str:
    packed = _object(part.output)
    if {"status", "message"} <= packed.keys():
        inner = packed["message"]
        return inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False)
    return part.output


def _failed(part: ToolReturnPart) -> bool:
    return part.status == "error" or _object(part.output).get("status") == "Failed"


def _object(text: str) -> dict[str, Any]:
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType] -- decoded JSON
