"""Answers as Ollama's clients read them: whole, line by line, and failed."""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal, cast

import orjson

from holdfast.errors import AppError
from holdfast.facades.chat.agents import LATEST, Named
from holdfast.facades.chat.pieces import ClientCalls, Finish, Over, Piece, SaidText, Whole
from holdfast.kit.clock import now
from holdfast.kit.reply import encode
from holdfast.llm.models import Models
from holdfast.loop.events import Spent
from holdfast.messages.model import ToolCallPart

DETAILS = {
    "parent_model": "",
    "format": "holdfast",
    "family": "agent",
    "families": ["agent"],
    "parameter_size": "",
    "quantization_level": "",
}
NOTHING_TO_SAY = "load"
"""Why an answer to nothing ends: Ollama loads its model then."""


@dataclass(frozen=True, slots=True)
class LineAnswer:
    """The form of one answer: a chat's or a prompt's."""

    model: str
    kind: Literal["chat", "generate"]
    began: int = field(default_factory=time.monotonic_ns)

    def whole(self, said: Whole) -> dict[str, Any]:
        return {**self._line(said.text, said.calls), **self._end(said.finish, said.spent)}

    def loaded(self) -> dict[str, Any]:
        """The answer to nothing."""
        return {**self._line(""), "done": True, "done_reason": NOTHING_TO_SAY}

    async def stream(self, told: AsyncGenerator[Piece]) -> AsyncGenerator[bytes]:
        """A line for each piece; a failure is one too, since the answer has begun."""
        async with aclosing(told):
            try:
                async for piece in told:
                    yield self._piece(piece)
            except AppError as failed:
                yield encode(failure(failed)[1]) + b"\n"

    def _piece(self, piece: Piece) -> bytes:
        match piece:
            case SaidText(text):
                return encode({**self._line(text), "done": False}) + b"\n"
            case Over(finish, spent):
                return encode({**self._line(""), **self._end(finish, spent)}) + b"\n"
            case ClientCalls(calls):
                return encode({**self._line("", calls), "done": False}) + b"\n"

    def _line(self, text: str, calls: Sequence[ToolCallPart] = ()) -> dict[str, Any]:
        head = {"model": self.model, "created_at": _moment()}
        if self.kind == "generate":
            return {**head, "response": text}
        called = {"tool_calls": [_call(at, call) for at, call in enumerate(calls)]} if calls else {}
        return {**head, "message": {"role": "assistant", "content": text, **called}}

    def _end(self, finish: Finish, spent: Spent) -> dict[str, Any]:
        took = time.monotonic_ns() - self.began
        return {
            "done": True,
            "done_reason": "length" if finish == "length" else "stop",
            "total_duration": took,
            "load_duration": 0,
            "prompt_eval_count": spent.prompt_tokens,
            "prompt_eval_duration": 0,
            "eval_count": spent.completion_tokens,
            "eval_duration": took,
        }


def _call(at: int, call: ToolCallPart) -> dict[str, Any]:
    """Arguments are an object here; what a model wrote that is none is shown as no arguments."""
    try:
        read: Any = orjson.loads(call.arguments)
    except ValueError:
        read = None
    arguments: dict[str, Any] = cast("dict[str, Any]", read) if isinstance(read, dict) else {}
    return {"id": call.id, "function": {"index": at, "name": call.name, "arguments": arguments}}


def failure(failed: AppError) -> tuple[int, Mapping[str, Any]]:
    """Ollama's one field; what V1 calls unprocessable is a bad request there."""
    return 400 if failed.http_status == 422 else failed.http_status, {"error": failed.detail}


def model(named: Named) -> dict[str, Any]:
    """An agent in the list of models."""
    name = named.name + LATEST
    agent = named.agent
    return {
        "name": name,
        "model": name,
        "modified_at": agent.updated_at.isoformat(),
        "size": 0,
        "digest": sha256(agent.id.encode()).hexdigest(),
        "details": DETAILS,
    }


def described(named: Named, models: Models) -> dict[str, Any]:
    """An agent in detail."""
    agent = named.agent
    card = models.card(agent.model)
    return {
        "license": "",
        "modelfile": f"# {agent.name} ({agent.id}), an agent with memory\nFROM {card.handle}\n",
        "parameters": "",
        "template": "{{ .Prompt }}",
        "system": agent.system,
        "details": DETAILS,
        "model_info": {
            "general.architecture": "agent",
            "general.basename": agent.name,
            "agent.id": agent.id,
            "agent.context_length": card.default_window,
        },
        "capabilities": ["completion", "tools", *(["vision"] if card.images else [])],
        "modified_at": agent.updated_at.isoformat(),
    }


def _moment() -> str:
    return now().isoformat().replace("+00:00", "Z")
