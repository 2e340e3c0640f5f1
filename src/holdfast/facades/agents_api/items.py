"""Messages as these clients read them: one item for each, with a role, a text and the calls that were made."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, cast

import orjson

from holdfast.messages.said import EVENTS
from holdfast.messages.shapes import LettaMessage

Item = dict[str, Any]

CUT = "[interrupted]"
"""Ends a message that the user did not hear to its end."""

CALLING = ("tool_call_message", "approval_request_message")


def items(messages: Iterable[LettaMessage]) -> list[Item]:
    """What was said and done, in order; prompts, decisions and mere events are left out."""
    found = list[Item]()
    for _, group in groupby(messages, key=lambda message: message["id"]):
        found += _items([cast(Mapping[str, Any], message) for message in group])
    return found


def spoken(found: Sequence[Item]) -> str:
    """What an agent said in these items, as one text."""
    return "\n".join(item["content"] for item in found if item["role"] == "assistant" and item["content"])


def waiting(messages: Sequence[LettaMessage]) -> list[Item]:
    """The calls that wait for their results, or for somebody's approval."""
    newest = messages[-1] if messages else None
    if newest is None or newest["message_type"] != "approval_request_message":
        return []
    return [call_of(call) for call in cast(Mapping[str, Any], newest)["tool_calls"]]


def content_text(content: Any) -> str:
    """The text of a message's content, whichever form that has."""
    if isinstance(content, str):
        return content
    parts = cast(list[Mapping[str, Any]], content or [])
    return "\n".join(part["text"] if part.get("type") == "text" else "[Image]" for part in parts)


def call_of(call: Mapping[str, Any]) -> Item:
    """A call with its arguments as an object."""
    return {"id": call["tool_call_id"], "name": call["name"], "arguments": arguments_of(call["arguments"])}


def arguments_of(text: str) -> dict[str, Any]:
    """The arguments that a model wrote; what is no object stands under the name `text`."""
    try:
        read = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return {"text": text}
    return cast(dict[str, Any], read) if isinstance(read, dict) else {"text": text}


def _items(group: Sequence[Mapping[str, Any]]) -> list[Item]:
    """The items of one message, which V1 shows as several."""
    found = list[Item]()
    said = [message for message in group if message["message_type"] == "assistant_message"]
    made = [message for message in group if message["message_type"] in CALLING]
    for message in group:
        match message["message_type"]:
            case "user_message":
                text = content_text(message["content"])
                found += [] if text.startswith(EVENTS) else [_item(message, "user", text)]
            case "reasoning_message":
                found.append(_item(message, "reasoning", message["reasoning"]))
            case "tool_return_message":
                found += _returns(message)
            case _:
                pass
    if said or made:
        found.append(_assistant((said or made)[0], said, made))
    return found


def _assistant(first: Mapping[str, Any], said: Sequence[Mapping[str, Any]], made: Sequence[Mapping[str, Any]]) -> Item:
    text = "\n".join(content_text(message["content"]) for message in said)
    item = _item(first, "assistant", text.removesuffix(CUT).rstrip())
    if text.endswith(CUT):
        item["interrupted"] = True
    if calls := [call_of(call) for message in made for call in message["tool_calls"]]:
        item["tool_calls"] = calls
    return item


def _returns(message: Mapping[str, Any]) -> list[Item]:
    return [
        {
            **_item(message, "tool", content_text(returned["tool_return"])),
            "tool_call_id": returned["tool_call_id"],
            "name": message["name"],
            "status": returned["status"],
        }
        for returned in message["tool_returns"]
    ]


def _item(message: Mapping[str, Any], role: str, content: str) -> Item:
    return {
        "id": message["id"],
        "message_type": message["message_type"],
        "role": role,
        "content": content,
        "created_at": message["date"],
    }
