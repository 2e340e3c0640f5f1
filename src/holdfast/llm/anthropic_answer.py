"""Reads what Claude answers, event by event or at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

import orjson

from holdfast.errors import ModelError
from holdfast.llm import failures
from holdfast.llm.failures import Retryable, Target
from holdfast.llm.model import Delta, Finish, FinishReason, ReasoningDelta, TextDelta, ToolCallDelta, Usage

Json = dict[str, Any]

FINISHES: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
}
STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "api_error": 500,
    "overloaded_error": 529,
}
PASSING = (429, 500, 503, 529)


@dataclass(slots=True)
class _Block:
    """A block of the answer as far as it has arrived."""

    kind: str
    call: int = 0
    """Which of the answer's calls it is."""
    id: str = ""
    input: Any = None
    """The arguments that came with its start."""
    signature: str | None = None
    has_text: bool = False
    is_done: bool = False


class MessageAnswer:
    """The state of one answer. `read` takes an event and gives its deltas; `end` checks that it was whole."""

    def __init__(self, target: Target, model: str, names: Mapping[str, str]) -> None:
        self._target = target
        self._model = model
        self._names = names
        self._blocks: dict[int, _Block] = {}
        self._calls = 0
        self._counts: dict[str, int] = {}
        self._stop: str | None = None
        self._whole = False
        self._spoke = False
        self._started = False

    def read(self, data: bytes) -> list[Delta]:
        return self.take(self._decode(data))

    def take(self, event: Json) -> list[Delta]:
        """The deltas of an event that is decoded."""
        if self._whole:
            return []
        deltas = self._event(event)
        self._started = self._started or bool(deltas)
        return deltas

    def end(self) -> list[Delta]:
        """What is only known at the end: usage and why the model stopped."""
        if not self._whole and self._stop is None:
            raise self._cut_off()
        reason = FINISHES.get(self._stop or "end_turn", "stop")
        reason = "tool_calls" if reason == "stop" and self._calls else reason
        if reason == "stop" and not self._spoke:
            raise failures.empty(self._target, self._model)
        return [usage(self._counts), Finish(reason)] if self._counts else [Finish(reason)]

    def _decode(self, data: bytes) -> Json:
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise self._after_start(failures.unusable(self._target, "sent an answer that is not JSON", data)) from error
        if not isinstance(event, dict):
            raise self._after_start(failures.unusable(self._target, "sent an answer that is no JSON object", data))
        return cast(Json, event)

    def _event(self, event: Json) -> list[Delta]:
        match event:
            case {"type": "content_block_delta", "index": int(index), "delta": {"type": str(), **delta}}:
                return self._fragment(index, {**delta, "type": event["delta"]["type"]})
            case {"type": "content_block_start", "index": int(index), "content_block": {"type": str(), **block}}:
                return self._start(index, {**block, "type": event["content_block"]["type"]})
            case {"type": "content_block_stop", "index": int(index)}:
                return self._close(index)
            case {"type": "message_start", "message": {**message}}:
                self._count(message.get("usage"))
            case {"type": "message_delta"}:
                self._note(event.get("delta"))
                self._count(event.get("usage"))
            case {"type": "message_stop"}:
                self._whole = True
            case {"type": "message", "content": list()}:
                return self._at_once(event, cast(list[Any], event["content"]))
            case {"type": "error"} | {"error": _}:
                raise self._reported(event)
            case _:
                pass
        return []

    def _at_once(self, message: Json, content: list[Any]) -> list[Delta]:
        """An answer that was not streamed."""
        found: list[Delta] = []
        for index, block in enumerate(content):
            if isinstance(block, dict):
                found += self._start(index, cast(Json, block)) + self._close(index)
        self._note(message)
        self._count(message.get("usage"))
        self._whole = True
        return found

    def _start(self, index: int, sent: Json) -> list[Delta]:
        kind, call_id = str(sent.get("type")), str(sent.get("id") or "")
        before = self._blocks.get(index)
        if before and not before.is_done and (before.kind, before.id) == (kind, call_id):
            return []
        block = self._blocks[index] = _Block(kind, id=call_id, input=sent.get("input"))
        match sent:
            case {"type": "text", "text": str(text)} if text:
                return self._text(text)
            case {"type": "thinking"}:
                block.signature = _text(sent, "signature") or None
                return self._thought(block, _text(sent, "thinking"))
            case {"type": "redacted_thinking", "data": str(data)} if data:
                return [ReasoningDelta(redacted=data)]
            case {"type": "tool_use"}:
                return self._call(block, _text(sent, "name"))
            case _:
                return []

    def _call(self, block: _Block, name: str) -> list[Delta]:
        if not name:
            raise self._after_start(failures.unusable(self._target, "asked for a tool without naming it"))
        block.call = self._calls
        self._calls += 1
        call_id = block.id or f"toolu_{uuid4().hex[:24]}"
        return [ToolCallDelta(block.call, call_id, self._names.get(name, name))]

    def _fragment(self, index: int, delta: Json) -> list[Delta]:
        block = self._blocks.get(index)
        match delta:
            case {"type": "text_delta", "text": str(text)} if text:
                return self._text(text)
            case {"type": "thinking_delta", "thinking": str(thinking)}:
                return self._thought(block or self._blocks.setdefault(index, _Block("thinking")), thinking)
            case {"type": "signature_delta", "signature": str(signature)}:
                (block or self._blocks.setdefault(index, _Block("thinking"))).signature = signature
            case {"type": "input_json_delta", "partial_json": str(text)} if text:
                return self._arguments(block, text)
            case _:
                pass
        return []

    def _arguments(self, block: _Block | None, text: str) -> list[Delta]:
        if block is None:
            raise self._after_start(failures.unusable(self._target, "sent arguments of a tool without naming it"))
        if block.kind != "tool_use":
            return []
        block.has_text = True
        return [ToolCallDelta(block.call, arguments=text)]

    def _close(self, index: int) -> list[Delta]:
        """The end of a block: a thought's signature, and arguments that came in one piece."""
        block = self._blocks.get(index)
        if block is None or block.is_done:
            return []
        block.is_done = True
        if block.kind == "thinking" and block.signature:
            return [ReasoningDelta(signature=block.signature, is_omitted=not block.has_text)]
        if block.kind == "tool_use" and block.input and not block.has_text:
            return [ToolCallDelta(block.call, arguments=orjson.dumps(block.input).decode())]
        return []

    def _text(self, text: str) -> list[Delta]:
        self._spoke = True
        return [TextDelta(text)]

    def _thought(self, block: _Block, text: str) -> list[Delta]:
        block.has_text = block.has_text or bool(text)
        return [ReasoningDelta(text)] if text else []

    def _note(self, sent: Any) -> None:
        """Why the model stopped."""
        if reason := _text(sent, "stop_reason"):
            self._stop = reason

    def _count(self, sent: Any) -> None:
        """Counts grow towards the end, and a later event may leave some of them out."""
        if not isinstance(sent, dict):
            return
        counts = cast(Json, sent)
        details: Any = counts.get("output_tokens_details")
        thought: Any = cast(Json, details).get("thinking_tokens") if isinstance(details, dict) else None
        for name, value in {**counts, "thinking_tokens": thought}.items():
            if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31:
                self._counts[name] = value

    def _reported(self, event: Json) -> ModelError | Retryable:
        """An error inside an answer that began as a success; before any of it was passed on, asking again may help."""
        inner: Any = event.get("error")
        status = STATUSES.get(_text(inner, "type"), 500)
        error = failures.refused(self._target, status, orjson.dumps(event))
        if self._started or status not in PASSING:
            return self._after_start(error)
        return Retryable(error)

    def _cut_off(self) -> ModelError:
        if self._started:
            return failures.broken(self._target, "the stream ended without a stop reason")
        return failures.empty(self._target, self._model)

    def _after_start(self, error: ModelError) -> ModelError:
        return failures.broken(self._target, error.explanation or error.detail) if self._started else error


def usage(counts: Mapping[str, int]) -> Usage:
    """Token counts; what was read from the cache, or written to it, is part of the prompt."""
    read, written = counts.get("cache_read_input_tokens"), counts.get("cache_creation_input_tokens")
    prompt = counts.get("input_tokens", 0) + (read or 0) + (written or 0)
    completion = counts.get("output_tokens", 0)
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        cached_input_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=counts.get("thinking_tokens"),
    )


def _text(body: Any, name: str) -> str:
    value: Any = cast(Json, body).get(name) if isinstance(body, dict) else None
    return value if isinstance(value, str) else ""
