"""Reads what Gemini answers, event by event or all at once."""

from typing import Any
from uuid import uuid4

import orjson

from holdfast.errors import ModelError
from holdfast.llm import failures
from holdfast.llm.failures import Target
from holdfast.llm.model import Delta, Finish, FinishReason, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from holdfast.llm.reading import Json, count, decoded, object_of, objects

FINISHES: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
SPOILED = {
    "MALFORMED_FUNCTION_CALL": "wrote a tool call that cannot be read",
    "UNEXPECTED_TOOL_CALL": "called a tool where none was offered",
    "TOO_MANY_TOOL_CALLS": "called too many tools at once",
    "MALFORMED_RESPONSE": "wrote an answer that cannot be read",
    "MISSING_THOUGHT_SIGNATURE": "missed the signature of an earlier thought",
    "OTHER": "stopped without saying why",
}


class Spoiled(ModelError):
    """The model's answer was thrown away by its own server; another attempt often succeeds."""


class GeminiAnswer:
    """The state of one answer."""

    def __init__(self, target: Target, model: str) -> None:
        self._target = target
        self._model = model
        self._usage: Usage | None = None
        self._finish: str | None = None
        self._said = ""
        self._calls = 0
        self._has_text = False
        self._has_thought = False

    @property
    def started(self) -> bool:
        return self._has_text or self._has_thought or self._calls > 0

    def read(self, data: bytes) -> list[Delta]:
        """What one event says; a server that does not stream events sends them all in one list."""
        if data.startswith(b"["):
            return [delta for body in self._listed(data) for delta in self._body(body)]
        return self._body(decoded(self._target, data))

    def end(self) -> list[Delta]:
        """Usage, and why the model stopped."""
        if self._finish is None:
            if self.started:
                raise failures.broken(self._target, "the stream ended without a finish reason")
            raise failures.empty(self._target, self._model)
        if self._finish not in FINISHES:
            raise self._spoiled(self._finish)
        reason = FINISHES[self._finish]
        if reason == "stop" and not (self._has_text or self._calls):
            raise failures.empty(self._target, self._model)
        reason = "tool_calls" if reason == "stop" and self._calls else reason
        return [*([self._usage] if self._usage else []), Finish(reason)]

    def _listed(self, data: bytes) -> list[Json]:
        try:
            return objects(orjson.loads(data))
        except orjson.JSONDecodeError as error:
            raise failures.unusable(self._target, "sent an answer that is not JSON", data) from error

    def _body(self, body: Json) -> list[Delta]:
        if "error" in body:
            raise failures.reported(self._target, body)
        if counted := object_of(body.get("usageMetadata")):
            self._usage = usage(counted)
        if blocked := object_of(body.get("promptFeedback")).get("blockReason"):
            raise self._blocked(str(blocked))
        candidates = objects(body.get("candidates"))
        if not candidates:
            return []
        candidate = candidates[0]
        found = [
            delta for part in objects(object_of(candidate.get("content")).get("parts")) for delta in self._part(part)
        ]
        if finish := candidate.get("finishReason"):
            self._finish, self._said = str(finish), str(candidate.get("finishMessage") or "")
        return found

    def _part(self, part: Json) -> list[Delta]:
        signature: Any = part.get("thoughtSignature")
        signature = signature if isinstance(signature, str) and signature else None
        if called := object_of(part.get("functionCall")):
            return self._call(called, signature)
        text = part.get("text")
        if not isinstance(text, str) or not (text or signature):
            return []
        if part.get("thought"):
            self._has_thought = True
            return [ReasoningDelta(text)] if text else []
        self._has_text = self._has_text or bool(text.strip())
        return [TextDelta(text, signature)]

    def _call(self, called: Json, signature: str | None) -> list[Delta]:
        name, sent_id = called.get("name"), called.get("id")
        if not isinstance(name, str) or not name:
            raise failures.unusable(self._target, "asked for a tool without naming it")
        number, self._calls = self._calls, self._calls + 1
        call_id = sent_id if isinstance(sent_id, str) and sent_id else f"call_{uuid4().hex[:24]}"
        arguments = orjson.dumps(object_of(called.get("args"))).decode()
        return [ToolCallDelta(number, call_id, name, arguments, signature)]

    def _blocked(self, reason: str) -> ModelError:
        return ModelError(
            "llm_bad_request",
            f"{self._target.provider} ({self._target.host}) does not answer this prompt ({reason}). "
            "Write the message in other words, or choose another model.",
            reason,
        )

    def _spoiled(self, reason: str) -> ModelError:
        if self.started:
            return failures.broken(self._target, f"{reason} {self._said}".strip())
        what = SPOILED.get(reason, "stopped")
        return Spoiled(
            "llm_error",
            f"{self._model} of {self._target.provider} ({self._target.host}) {what} ({reason}). "
            "Send the message again or choose another model.",
            self._said,
        )


def usage(counted: Json) -> Usage:
    """Gemini's counts. It counts thoughts beside the answer, we count them as a part of it."""
    thoughts = count(counted, "thoughtsTokenCount")
    prompt = (count(counted, "promptTokenCount") or 0) + (count(counted, "toolUsePromptTokenCount") or 0)
    completion = (count(counted, "candidatesTokenCount") or 0) + (thoughts or 0)
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=count(counted, "totalTokenCount") or prompt + completion,
        cached_input_tokens=count(counted, "cachedContentTokenCount"),
        reasoning_tokens=thoughts,
    )
