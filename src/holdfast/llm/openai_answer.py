"""Reads what a chat-completions server answers, chunk by chunk or at once, and however freely it takes the protocol."""

from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

import orjson

from holdfast.errors import ModelError
from holdfast.llm import failures
from holdfast.llm.failures import Target
from holdfast.llm.model import (
    Delta,
    Finish,
    FinishReason,
    ReasoningDelta,
    Sampled,
    TextDelta,
    ToolCallDelta,
    Usage,
)

Json = dict[str, Any]

FINISHES: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
}
SHORTEST_ID = 9
"""Shorter ids are counters of the server (`call_0`, `1`) and repeat from one answer to the next."""


@dataclass(slots=True)
class _PartialCall:
    """A tool call as far as it has arrived."""

    index: int
    sent_id: str | None
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])
    announced: bool = False

    @property
    def id(self) -> str:
        sent = self.sent_id
        return sent if sent and len(sent) >= SHORTEST_ID else f"call_{uuid4().hex[:24]}"

    @property
    def complete(self) -> bool:
        try:
            return isinstance(orjson.loads("".join(self.arguments)), dict)
        except orjson.JSONDecodeError:
            return False


class ChatAnswer:
    """The state of one answer. `read` takes a chunk and gives its deltas; `end` checks that it was whole."""

    def __init__(self, target: Target, model: str, *, hides_reasoning: bool = False) -> None:
        self._target = target
        self._model = model
        self._calls: list[_PartialCall] = []
        self._at: dict[int, _PartialCall] = {}
        self._usage: Usage | None = None
        self._finish: str | None = None
        self._whole = False
        self._spoke = False
        self._thought = False
        self._hides_reasoning = hides_reasoning

    def read(self, data: bytes) -> list[Delta]:
        if data == b"[DONE]":
            self._whole = True
            return []
        body = self._decode(data)
        if body.get("usage"):
            self._usage = usage(body["usage"])
        choices = body.get("choices")
        if not choices:
            return self._without_choice(body)
        offered = cast(list[Any], choices) if isinstance(choices, list) else [choices]
        if not all(isinstance(choice, dict) and isinstance(choices, list) for choice in offered):
            raise self._after_start(failures.unusable(self._target, "sent a chunk without a choice", data))
        first = next((cast(Json, choice) for choice in offered if choice.get("index") in (0, None)), None)
        return self._choice(first) if first else []

    def end(self) -> list[Delta]:
        """What is only known at the end: usage and why the model stopped."""
        if self._finish is None and not self._whole:
            raise self._cut_off()
        if any(not call.announced for call in self._calls):
            raise failures.unusable(self._target, "asked for a tool without naming it")
        reason = self._reason()
        if reason == "stop" and not (self._spoke or self._calls):
            raise failures.empty(self._target, self._model)
        return [self._usage, Finish(reason)] if self._usage else [Finish(reason)]

    def _decode(self, data: bytes) -> Json:
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise self._after_start(failures.unusable(self._target, "sent an answer that is not JSON", data)) from error
        if not isinstance(body, dict):
            raise self._after_start(failures.unusable(self._target, "sent an answer that is no JSON object", data))
        return cast(Json, body)

    def _without_choice(self, body: Json) -> list[Delta]:
        if body.get("error") or body.get("object") == "error":
            raise self._after_start(failures.reported(self._target, body))
        return []

    def _choice(self, choice: Json) -> list[Delta]:
        delta = choice.get("delta")
        if "message" in choice:
            self._whole = True
            # Some servers repeat the whole message at the end of a stream.
            delta = delta or (None if self._started else choice["message"])
        deltas = self._delta(cast(Json, delta)) if isinstance(delta, dict) else []
        if self._hides_reasoning and deltas:
            self._hides_reasoning = False
            deltas.insert(0, ReasoningDelta(is_omitted=True))
        if sampled := _sampled(choice):
            deltas.append(sampled)
        if finish := choice.get("finish_reason"):
            self._finish = str(finish).lower()
        if self._finish == "error":
            raise self._after_start(failures.reported(self._target, choice))
        return deltas

    def _delta(self, delta: Json) -> list[Delta]:
        found: list[Delta] = []
        found += _details(delta.get("reasoning_details"))
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if thought and isinstance(thought, str) and not found:
            found.append(ReasoningDelta(thought))
        self._thought = self._thought or bool(found)
        content = delta.get("content") or delta.get("refusal")
        if content:
            found += [TextDelta(content)] if isinstance(content, str) else _parts(content)
            self._spoke = self._spoke or any(isinstance(part, TextDelta) for part in found)
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            for fragment in cast(list[Any], calls):
                if isinstance(fragment, dict):
                    found += self._fragment(cast(Json, fragment))
        return found

    def _fragment(self, fragment: Json) -> list[Delta]:
        function: Any = fragment.get("function")
        body = cast(Json, function) if isinstance(function, dict) else {}
        name = str(body.get("name") or "")
        arguments = body.get("arguments")
        text = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode() if arguments else ""
        call = self._find(fragment, name) or self._begin(fragment)
        if text and call.announced and call.complete and text == "".join(call.arguments):
            return []  # the same call once more
        call.arguments.append(text)
        if call.announced:
            return [ToolCallDelta(call.index, arguments=text)] if text else []
        if not name:
            return []
        call.name, call.announced = name, True
        return [ToolCallDelta(call.index, call.id, name, "".join(call.arguments))]

    def _find(self, fragment: Json, name: str) -> _PartialCall | None:
        """The call that a fragment continues: by its id, else by its index, else the last one."""
        sent_id, index = fragment.get("id") or None, fragment.get("index")
        if sent_id and (same := next((call for call in self._calls if call.sent_id == sent_id), None)):
            return same
        call = self._at.get(index) if isinstance(index, int) else (self._calls[-1] if self._calls else None)
        if call is None or (sent_id and call.sent_id):
            return None
        # A name on a call that has one: either the server repeats it, or another whole call follows without an id.
        another = bool(name) and call.announced and (name != call.name or call.complete)
        return None if another else call

    def _begin(self, fragment: Json) -> _PartialCall:
        sent_id, index = fragment.get("id"), fragment.get("index")
        call = _PartialCall(len(self._calls), str(sent_id) if sent_id else None)
        self._calls.append(call)
        if isinstance(index, int):
            self._at[index] = call
        return call

    def _reason(self) -> FinishReason:
        reason = FINISHES.get(self._finish or "stop", "stop")
        return "tool_calls" if reason == "stop" and self._calls else reason

    def _cut_off(self) -> ModelError:
        if self._started:
            return failures.broken(self._target, "the stream ended without a finish reason")
        return failures.empty(self._target, self._model)

    def _after_start(self, error: ModelError) -> ModelError:
        return failures.broken(self._target, error.explanation or error.detail) if self._started else error

    @property
    def _started(self) -> bool:
        return self._spoke or self._thought or bool(self._calls)


def usage(sent: Any) -> Usage:
    """Token counts, under the names that the various servers give them."""
    if not isinstance(sent, dict):
        return Usage()
    body = cast(Json, sent)
    prompt, completion = _count(body, "prompt_tokens") or 0, _count(body, "completion_tokens") or 0
    cached = _count(body.get("prompt_tokens_details"), "cached_tokens")
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=_count(body, "total_tokens") or prompt + completion,
        cached_input_tokens=cached if cached is not None else _count(body, "prompt_cache_hit_tokens"),
        cache_write_tokens=_count(body.get("prompt_tokens_details"), "cache_write_tokens"),
        reasoning_tokens=_count(body.get("completion_tokens_details"), "reasoning_tokens"),
    )


def _count(body: Any, name: str) -> int | None:
    value: Any = cast(Json, body).get(name) if isinstance(body, dict) else None
    return int(value) if isinstance(value, int | float) and 0 <= value < 2**31 else None


def _details(details: Any) -> list[Delta]:
    """Thoughts as OpenRouter sends them: text, or a whole thought that only its model can read.

    What belongs to a thought besides its text goes into its signature, so that it can be sent back as it came.
    """
    found: list[Delta] = []
    for detail in cast(list[Any], details) if isinstance(details, list) else []:
        match detail:
            case {"type": "reasoning.encrypted", "data": str()}:
                found.append(ReasoningDelta(redacted=orjson.dumps(detail).decode()))
            case {"text": str(text)} | {"summary": str(text)}:
                kept = {name: value for name, value in cast(Json, detail).items() if name not in ("text", "summary")}
                signature = orjson.dumps(kept).decode() if kept.get("signature") else None
                found += [ReasoningDelta(text, signature)] if text or signature else []
            case {"signature": str(signature)} if signature:
                found.append(ReasoningDelta("", orjson.dumps(detail).decode()))
            case _:
                pass
    return found


def _sampled(choice: Json) -> Sampled | None:
    """What a chunk tells of its tokens."""
    told = choice.get("logprobs")
    content: Any = cast(Json, told).get("content") if isinstance(told, dict) else None
    ids = choice.get("token_ids")
    logprobs = [cast(Json, each) for each in cast(list[Any], content or [])] if isinstance(content, list) else []
    numbers = [each for each in cast(list[Any], ids) if isinstance(each, int)] if isinstance(ids, list) else []
    known = [each for each in logprobs if isinstance(each.get("token"), str)]
    return Sampled(known, numbers) if known or numbers else None


def _parts(content: Any) -> list[Delta]:
    """Content as a list of typed parts, as Mistral's reasoning models send it."""
    found: list[Delta] = []
    for part in cast(list[Any], content) if isinstance(content, list) else []:
        match part:
            case {"type": "text", "text": str(text)} if text:
                found.append(TextDelta(text))
            case {"type": "thinking", "thinking": inner}:
                found += [ReasoningDelta(piece.text) for piece in _parts(inner) if isinstance(piece, TextDelta)]
            case _:
                pass
    return found
