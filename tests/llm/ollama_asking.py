"""How tests ask a scripted Ollama."""

from dataclasses import replace
from typing import Any

from holdfast.llm.model import Call
from holdfast.llm.models import Models
from tests.llm.asking import Heard, hear, message

HELLO = Call("qwen3:8b", [message("system", "You are brief."), message("user", "hello")])
DONE: dict[str, Any] = {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True}


async def say(models: Models, call: Call = HELLO, **changed: Any) -> Heard:
    call = replace(call, **changed)
    return await hear(models.provider(models.card(f"ollama/{call.model}")), call)
