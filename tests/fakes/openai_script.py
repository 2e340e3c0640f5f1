"""What the scripted model server answers: queued replies, or directives in the last user message.

CALL tool_name {"json": "args"}   that tool call; several CALLs are made one per step
SLEEP 250                         wait that many milliseconds first
FAIL 500                          answer with that HTTP status
REPLY some text                   that text, up to the end of the line
WORDS 400                         a text of that many words
"""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

Json = dict[str, Any]

_CALL = re.compile(r"\bCALL\s+([A-Za-z0-9_\-]+)\s*(?=\{)")


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the model, and how its server misbehaves while giving it."""

    text: str = ""
    calls: tuple[tuple[str, Json], ...] = ()
    reasoning: str = ""
    finish: str | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    error: str = ""
    raw: bytes | None = None
    """The whole body, instead of an answer."""
    chunks: tuple[Json | str, ...] | None = None
    """The events of the stream, instead of those made from the text; a string is sent as it is."""
    plain: bool = False
    """Answer a request for a stream with one JSON object."""
    delay: float = 0.0
    waits: threading.Event | None = None
    """What the server waits for before it answers."""
    chunk_delay: float = 0.0
    cut_after: int | None = None
    """Close the connection after that many events."""
    usage: Json | None = None

    @property
    def finish_reason(self) -> str:
        return self.finish or ("tool_calls" if self.calls else "stop")


def from_directives(request: Json) -> Reply:
    """The reply that the last user message asks for."""
    text, returned = _last_user(request)
    sleep = re.search(r"\bSLEEP\s+(\d+)", text)
    delay = int(sleep[1]) / 1000 if sleep else 0.0
    if fail := re.search(r"\bFAIL\s+(\d{3})", text):
        return Reply(status=int(fail[1]), error=f"scripted failure {fail[1]}", delay=delay)
    tools: list[Json] = request.get("tools") or []
    offered: dict[str, Json] = {tool["function"]["name"]: tool["function"] for tool in tools}
    calls = [call for call in _calls(text) if call[0] in offered]
    said = _text(text, len(request.get("messages") or []))
    if returned < len(calls):
        name, arguments = calls[returned]
        return Reply(calls=((name, _completed(arguments, offered[name])),), delay=delay)
    if "send_message" in offered:
        arguments = _completed({"message": said}, offered["send_message"])
        return Reply(calls=(("send_message", arguments),), delay=delay)
    return Reply(said, delay=delay)


def _text(directives: str, messages: int) -> str:
    if reply := re.search(r"\bREPLY\s+(.+)", directives):
        return reply[1]
    if words := re.search(r"\bWORDS\s+(\d+)", directives):
        return " ".join(f"word{number}" for number in range(int(words[1])))
    return f"ok: acknowledged ({messages} messages in context)"


def _last_user(request: Json) -> tuple[str, int]:
    """The text of the last user message, and how many tools returned since, or did before a summary says so."""
    returned = 0
    for message in reversed(request.get("messages") or []):
        if message.get("role") == "user":
            text = _plain_text(message.get("content"))
            return text, returned + called_before(text)
        returned += message.get("role") == "tool"
    return "", returned


def called_before(text: str) -> int:
    """How many calls a summary counts of the turn that it was made in."""
    counted = re.search(r"\nTools called for it so far: (.*)\.$", text)
    return sum(map(int, re.findall(r"\((\d+)\)", counted[1]))) if counted else 0


def _plain_text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in cast(list[Json], content))
    text = str(content or "")
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text


def _calls(text: str) -> Iterator[tuple[str, Json]]:
    for found in _CALL.finditer(text):
        try:
            arguments, _ = json.JSONDecoder().raw_decode(text, found.end())
        except ValueError:
            continue
        yield found[1], cast(Json, arguments)


def _completed(arguments: Json, function: Json) -> Json:
    """The arguments with what a heartbeat dialect requires besides."""
    parameters: Json = function.get("parameters") or {}
    required: list[str] = parameters.get("required") or []
    extra: Json = {name: "scripted thought" for name in ("thinking", "inner_thoughts") if name in required}
    if "request_heartbeat" in required:
        extra["request_heartbeat"] = function["name"] != "send_message"
    return {**extra, **arguments}


def usage_of(reply: Reply, request_bytes: int) -> Json:
    prompt, completion = max(1, request_bytes // 4), max(1, len(reply.text) // 4)
    return reply.usage or {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def _tool_calls(reply: Reply) -> list[Json]:
    return [
        {
            "id": f"call_{uuid4().hex[:24]}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(args)},
        }
        for name, args in reply.calls
    ]


def completion(reply: Reply, request: Json, request_bytes: int) -> Json:
    """The reply as one object."""
    message: Json = {"role": "assistant", "content": reply.text or None}
    if reply.calls:
        message["tool_calls"] = _tool_calls(reply)
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
    return {
        **_envelope(request, "chat.completion"),
        "choices": [choice],
        "usage": usage_of(reply, request_bytes),
    }


def events(reply: Reply, request: Json, request_bytes: int) -> Iterator[str]:
    """The reply as the data of a stream's events."""
    if reply.chunks is not None:
        yield from (chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in reply.chunks)
        return
    envelope = _envelope(request, "chat.completion.chunk")
    for delta in _deltas(reply):
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        yield json.dumps({**envelope, "choices": [choice]})
    yield json.dumps({**envelope, "choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish_reason}]})
    options: Json = request.get("stream_options") or {}
    if options.get("include_usage"):
        yield json.dumps({**envelope, "choices": [], "usage": usage_of(reply, request_bytes)})
    yield "[DONE]"


def _deltas(reply: Reply) -> Iterator[Json]:
    yield {"role": "assistant", "content": ""}
    yield from ({"reasoning_content": word} for word in re.findall(r"\S+\s*", reply.reasoning))
    yield from ({"content": word} for word in re.findall(r"\S+\s*", reply.text))
    for index, call in enumerate(_tool_calls(reply)):
        arguments: str = call["function"]["arguments"]
        yield {"tool_calls": [{**call, "index": index, "function": {**call["function"], "arguments": ""}}]}
        step = max(8, len(arguments) // 16)
        for start in range(0, len(arguments), step):
            yield {"tool_calls": [{"index": index, "function": {"arguments": arguments[start : start + step]}}]}


def _envelope(request: Json, kind: str) -> Json:
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": 1, "model": request.get("model", "scripted")}
