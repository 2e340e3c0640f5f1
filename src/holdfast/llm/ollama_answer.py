"""Reads what Ollama answers, line by line or at once, whichever version it is."""

from typing import Any
from uuid import uuid4

import orjson

from holdfast.errors import ModelError
from holdfast.llm import failures
from holdfast.llm.failures import Target
from holdfast.llm.model import Delta, Finish, FinishReason, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from holdfast.llm.reading import Json, count, decoded, object_of, objects
from holdfast.llm.thoughts import Thoughts

FINISHES: dict[str, FinishReason] = {"stop": "stop", "length": "length"}
SHORTEST_ID = 9
"""Shorter ids are counters and repeat from one answer to the next."""


class OllamaAnswer:
    """The state of one answer. A forced one is a tool call written as text, which a grammar has held to its form."""

    def __init__(self, target: Target, model: str, *, is_forced: bool = False) -> None:
        self._target = target
        self._model = model
        self._thoughts = Thoughts()
        self._written: list[str] | None = [] if is_forced else None
        self._calls = 0
        self._has_text = False
        self._has_thought = False
        self._last: Json | None = None

    @property
    def started(self) -> bool:
        return self._has_text or self._has_thought or self._calls > 0

    def read(self, data: bytes) -> list[Delta]:
        body = decoded(self._target, data)
        if "error" in body:
            raise failures.reported(self._target, body)
        if "message" not in body and not body.get("done"):
            raise failures.unusable(self._target, "sent an answer that is none of Ollama's", data)
        message = object_of(body.get("message"))
        found: list[Delta] = []
        if (thought := message.get("thinking")) and isinstance(thought, str):
            found.append(ReasoningDelta(thought))
        if (content := message.get("content")) and isinstance(content, str):
            found += self._content(content)
        for call in objects(message.get("tool_calls")):
            found += self._call(object_of(call.get("function")), call.get("id"))
        if body.get("done"):
            self._last = body
        return self._noted(found)

    def end(self) -> list[Delta]:
        """What was held back, usage, and why the model stopped."""
        if self._last is None:
            raise self._cut_off()
        found = self._noted([*self._content_rest(), *self._forced()])
        reason = self._reason(str(self._last.get("done_reason") or "stop"))
        if reason == "stop" and not self._has_text:
            raise failures.empty(self._target, self._model)
        return [*found, usage(self._last), Finish(reason)]

    def _content(self, text: str) -> list[Delta]:
        return self._kept(self._thoughts.feed(text))

    def _content_rest(self) -> list[Delta]:
        return self._kept(self._thoughts.rest())

    def _kept(self, found: list[Delta]) -> list[Delta]:
        """The deltas; the text of a forced call is kept until it is whole."""
        if self._written is None:
            return found
        self._written += [delta.text for delta in found if isinstance(delta, TextDelta)]
        return [delta for delta in found if not isinstance(delta, TextDelta)]

    def _forced(self) -> list[Delta]:
        """The call that a forced answer is; what is none after all is text."""
        text = "".join(self._written or ())
        try:
            body = object_of(orjson.loads(text)) if text.strip() else {}
        except orjson.JSONDecodeError:
            body = {}
        called = self._call(body, None)
        return called or ([TextDelta(text)] if text else [])

    def _call(self, function: Json, sent_id: Any) -> list[Delta]:
        name, arguments = function.get("name"), function.get("arguments")
        if not isinstance(name, str) or not name:
            return []
        known = isinstance(sent_id, str) and len(sent_id) >= SHORTEST_ID
        number, self._calls = self._calls, self._calls + 1
        text = arguments if isinstance(arguments, str) else orjson.dumps(arguments or {}).decode()
        return [ToolCallDelta(number, sent_id if known else f"call_{uuid4().hex[:24]}", name, text)]

    def _noted(self, found: list[Delta]) -> list[Delta]:
        self._has_text = self._has_text or any(isinstance(delta, TextDelta) and delta.text.strip() for delta in found)
        self._has_thought = self._has_thought or any(isinstance(delta, ReasoningDelta) for delta in found)
        return found

    def _reason(self, said: str) -> FinishReason:
        reason = FINISHES.get(said, "stop")
        return "tool_calls" if reason == "stop" and self._calls else reason

    def _cut_off(self) -> ModelError:
        if self.started or self._written:
            return failures.broken(self._target, "the stream ended before the model was done")
        return failures.empty(self._target, self._model)


def usage(last: Json) -> Usage:
    """Ollama's counts. Of a prompt whose beginning it still has in memory, some versions count only the rest."""
    prompt, completion = count(last, "prompt_eval_count") or 0, count(last, "eval_count") or 0
    return Usage(prompt, completion, prompt + completion)
