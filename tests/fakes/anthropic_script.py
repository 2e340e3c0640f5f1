"""What Anthropic's Messages API answers, as events and as one object."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from tests.fakes.scripted_http import Answer

Json = dict[str, Any]

USAGE: Json = {"input_tokens": 12, "output_tokens": 1, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}


def text(said: str) -> Json:
    return {"type": "text", "text": said}


def thinking(thought: str, signature: str = "sig-1") -> Json:
    return {"type": "thinking", "thinking": thought, "signature": signature}


def redacted(data: str) -> Json:
    return {"type": "redacted_thinking", "data": data}


def tool_use(name: str, arguments: Json, id: str = "toolu_01A09q90qw90lq917835lq9") -> Json:
    return {"type": "tool_use", "id": id, "name": name, "input": arguments}


def message(*content: Json, stop: str | None = None, usage: Json | None = None) -> Json:
    """The whole answer as one object."""
    called = any(block["type"] == "tool_use" for block in content)
    return {
        "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": list(content),
        "stop_reason": stop or ("tool_use" if called else "end_turn"),
        "stop_sequence": None,
        "usage": {**USAGE, **(usage or {})},
    }


def events(*content: Json, stop: str | None = None, usage: Json | None = None) -> list[Json]:
    """The answer as the events of a stream."""
    whole = message(*content, stop=stop, usage=usage)
    counts: Json = whole["usage"]
    start: Json = {**whole, "content": [], "stop_reason": None, "usage": {**counts, "output_tokens": 1}}
    end = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    return [
        {"type": "message_start", "message": start},
        {"type": "ping"},
        *(event for index, block in enumerate(content) for event in _block(index, block)),
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": counts["output_tokens"]}},
        {"type": "message_stop"},
    ]


def error(kind: str, said: str) -> Json:
    return {"type": "error", "error": {"type": kind, "message": said}, "request_id": "req_1"}


def streamed(told: Iterable[Json], **options: Any) -> Answer:
    """These events as the body of an answer."""
    pieces = tuple(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in told)
    return Answer(pieces, headers={"content-type": "text/event-stream"}, **options)


def plain(body: Json, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer((json.dumps(body).encode(),), status, {"content-type": "application/json", **named})


def _block(index: int, block: Json) -> Iterator[Json]:
    empty: dict[str, Json] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    start: Json = {**block, **empty.get(block["type"], {})}
    yield {"type": "content_block_start", "index": index, "content_block": start}
    for delta in _deltas(block):
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _deltas(block: Json) -> Iterator[Json]:
    match block:
        case {"type": "text", "text": said}:
            yield from ({"type": "text_delta", "text": part} for part in _cut(said))
        case {"type": "thinking", "thinking": thought, "signature": signature}:
            yield from ({"type": "thinking_delta", "thinking": part} for part in _cut(thought))
            yield {"type": "signature_delta", "signature": signature}
        case {"type": "tool_use", "input": arguments}:
            yield {"type": "input_json_delta", "partial_json": ""}
            yield from ({"type": "input_json_delta", "partial_json": part} for part in _cut(json.dumps(arguments)))
        case _:
            return


def _cut(said: str, size: int = 7) -> Iterator[str]:
    yield from (said[start : start + size] for start in range(0, len(said), size))
