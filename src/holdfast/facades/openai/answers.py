"""Answers as OpenAI's clients read them: whole, in chunks, and failed."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from holdfast.errors import AppError, ModelError
from holdfast.facades.chat.pieces import ClientCalls, Over, Piece, SaidText, Whole
from holdfast.kit.clock import now
from holdfast.kit.reply import encode
from holdfast.kit.sse import DONE, frame
from holdfast.loop.events import Spent
from holdfast.messages.model import ToolCallPart

ALIVE = b": still here\n\n"
TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
CODES = {404: "model_not_found", 409: "conflict", 422: "invalid_value"}


@dataclass(frozen=True, slots=True)
class CompletionAnswer:
    """What is the same in every part of one answer."""

    model: str
    has_usage: bool = False
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid4()}")
    created: int = field(default_factory=lambda: int(now().timestamp()))

    def whole(self, said: Whole) -> dict[str, Any]:
        message: dict[str, Any] = {
            "role": "assistant",
            "content": said.text or (None if said.calls else ""),
            "refusal": None,
        }
        if said.calls:
            message["tool_calls"] = _calls(said.calls)
        choice = {"index": 0, "message": message, "finish_reason": said.finish, "logprobs": None}
        return {**self._envelope("chat.completion"), "choices": [choice], "usage": _usage(said.spent)}

    async def stream(self, told: AsyncGenerator[Piece]) -> AsyncGenerator[bytes]:
        """Chunks; a failure is one too, since the answer has begun."""
        yield self._chunk({"role": "assistant", "content": ""})
        async with aclosing(told):
            try:
                async for piece in told:
                    yield self._frame(piece)
            except AppError as failed:
                yield frame(encode(failure(failed)[1]))
        yield DONE

    def _frame(self, piece: Piece) -> bytes:
        match piece:
            case SaidText(""):
                return ALIVE
            case SaidText(text):
                return self._chunk({"content": text})
            case ClientCalls(calls):
                return self._chunk({"tool_calls": [{"index": at, **call} for at, call in enumerate(_calls(calls))]})
            case Over(finish, spent):
                return self._chunk({}, finish) + (self._cost(spent) if self.has_usage else b"")

    def _chunk(self, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        usage = {"usage": None} if self.has_usage else {}
        return frame(encode({**self._envelope("chat.completion.chunk"), "choices": [choice], **usage}))

    def _cost(self, spent: Spent) -> bytes:
        return frame(encode({**self._envelope("chat.completion.chunk"), "choices": [], "usage": _usage(spent)}))

    def _envelope(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def failure(failed: AppError) -> tuple[int, Mapping[str, Any]]:
    """OpenAI's envelope; what V1 calls unprocessable is a bad request there."""
    status = 400 if failed.http_status == 422 else failed.http_status
    kind = TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    code = failed.code if isinstance(failed, ModelError) else CODES.get(failed.http_status)
    return status, {"error": {"message": failed.detail, "type": kind, "param": None, "code": code}}


def _calls(calls: Sequence[ToolCallPart]) -> list[dict[str, Any]]:
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in calls
    ]


def _usage(spent: Spent) -> dict[str, Any]:
    return {
        "prompt_tokens": spent.prompt_tokens,
        "completion_tokens": spent.completion_tokens,
        "total_tokens": spent.total_tokens,
        "prompt_tokens_details": {"cached_tokens": spent.cached_input_tokens or 0},
        "completion_tokens_details": {"reasoning_tokens": spent.reasoning_tokens or 0},
    }
