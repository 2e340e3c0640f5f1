"""Conversations that were held elsewhere, as chat programs report them: each in a form of its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import APIRouter, Body

from holdfast.facades.qwen import memory
from holdfast.facades.qwen.desk import AtDesk
from holdfast.facades.qwen.people import user_of
from holdfast.facades.qwen.shapes import AddRequest
from holdfast.kit.routes import HoldfastRoute

router = APIRouter(route_class=HoldfastRoute)

ASKED = ("message", "user_message", "prompt", "query", "question", "input")
ANSWERED = ("response", "assistant_message", "assistant_response", "completion", "answer", "output")
WRAPPED = ("body", "data", "payload", "chat", "event_data")
NAMED = ("id", "email", "name", "username")
USER = "openwebui"
"""Whose memory a report goes to that names nobody."""
Payload = Annotated[Any, Body(description="The report, in any of the forms that /webhook/debug understands.")]


@dataclass(frozen=True, slots=True)
class ReportedExchange:
    """An exchange that somebody reports."""

    user: str | None
    message: str
    response: str

    @property
    def text(self) -> str:
        answer = f"\nAssistant: {self.response}" if self.response else ""
        return f"User: {self.message}{answer}"


def understood(payload: Any) -> ReportedExchange | None:
    """What a payload reports; None when it reports nothing that was said."""
    layers = list(_layers(payload))
    user = next(filter(None, map(_user, layers)), None)
    for layer in layers:
        message, response = _texts(layer)
        if message:
            return ReportedExchange(user, message, response)
    return None


def _layers(payload: Any, depth: int = 3) -> Iterator[Mapping[str, Any]]:
    """The object itself, then what it wraps."""
    if not isinstance(payload, dict) or not depth:
        return
    layer = cast("dict[str, Any]", payload)
    yield layer
    for name in WRAPPED:
        yield from _layers(layer.get(name), depth - 1)


def _user(layer: Mapping[str, Any]) -> str | None:
    found: Any = layer.get("user_id") or layer.get("user")
    if isinstance(found, dict):
        person = cast("dict[str, Any]", found)
        found = next((person[name] for name in NAMED if person.get(name)), None)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) and found.strip() else None


def _texts(layer: Mapping[str, Any]) -> tuple[str, str]:
    sent: Any = layer.get("messages")
    if isinstance(sent, list):
        return _last_of(cast("list[Any]", sent), layer)
    return _first(layer, ASKED), _first(layer, ANSWERED)


def _last_of(sent: list[Any], layer: Mapping[str, Any]) -> tuple[str, str]:
    """The last thing that the user said in a list of messages, and the answer behind it."""
    message, response = "", ""
    for each in sent:
        if not isinstance(each, dict):
            continue
        said = cast("dict[str, Any]", each)
        if said.get("role") == "user":
            message, response = _text(said.get("content")), ""
        elif said.get("role") == "assistant":
            response = _text(said.get("content"))
    return message, response or _first(layer, ANSWERED)


def _first(layer: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next(filter(None, (_text(layer.get(name)) for name in names)), "")


def _text(content: Any) -> str:
    """The text of a content: a string, parts of which some are text, or an object that holds it."""
    if isinstance(content, str):
        return content.strip()
    if isinstance(content, list):
        return "\n".join(filter(None, map(_text, cast("list[Any]", content))))
    if isinstance(content, dict):
        held = cast("dict[str, Any]", content)
        return _text(held.get("text") or held.get("content"))
    return ""


@router.post("/webhook/log", operation_id="log_conversation")
async def log_conversation(desk: AtDesk, payload: Payload) -> dict[str, Any]:
    """Remember an exchange that was had with a model elsewhere."""
    report = understood(payload)
    if report is None:
        return {
            "status": "ignored",
            "message": "The report says nothing that was said. /webhook/debug shows how it is read.",
        }
    user = user_of(report.user or desk.speaker or USER)
    told = {"message": report.message, "response": report.response}
    asked = AddRequest(content=report.text, memory_type="conversation", source_type="webhook", metadata=told)
    id = await memory.add(desk, user, asked)
    return {"status": "success", "message": "The exchange is remembered.", "id": id, "user_id": user}


@router.post("/webhook/debug", operation_id="debug_webhook")
async def debug_webhook(desk: AtDesk, payload: Payload) -> dict[str, Any]:
    """How a report would be read; nothing is stored."""
    report = understood(payload)
    if report is None:
        return {"status": "ignored", "received": payload, "understood": None}
    read = {"user_id": user_of(report.user or desk.speaker or USER), "message": report.message}
    return {"status": "success", "received": payload, "understood": {**read, "response": report.response}}
