"""How tests ask Claude: a scripted server, and the model layer pointed at it."""

import json
from collections.abc import Mapping
from typing import Any

from holdfast.llm import catalog
from holdfast.llm.model import Call, Provider
from holdfast.llm.models import Models
from holdfast.messages.model import Message, Part, ReasoningPart, ToolCallPart, ToolReturnPart
from tests.fakes.scripted_http import ScriptedHttp
from tests.llm.asking import Heard, NoDemo, hear, message

Json = dict[str, Any]
SONNET, NEWEST = "claude-sonnet-4-5", "claude-opus-5-5"
SYSTEM, USER = message("system", "You are brief."), message("user", "Is it warm?")
CALL = ToolCallPart(id="toolu_1", name="weather", arguments='{"city":"Oslo"}')
RETURN = message("tool", [ToolReturnPart(call_id="toolu_1", name="weather", output="sun")])
THOUGHT = ReasoningPart(reasoning="hm", signature="sig-1")
OFF = {"thinking": {"type": "disabled"}}


def spoken(*parts: Part, model: str = SONNET) -> Message:
    """What the model said."""
    return message("assistant", parts, model=model)


class Claude:
    """Asks one of Claude's models; what is asked is never sent further than loopback."""

    def __init__(self, server: ScriptedHttp, environment: Mapping[str, str] | None = None) -> None:
        self.server = server
        self.environment = environment or {"ANTHROPIC_API_KEY": "sk-ant-test", "ANTHROPIC_BASE_URL": server.url}
        self._made: list[Models] = []

    async def __call__(self, text: str = "hello", *, model: str = "claude-sonnet-4-5", **options: Any) -> Heard:
        return await self.call(Call(model, [SYSTEM, message("user", text)], **options))

    async def call(self, call: Call, seconds: float = 5.0) -> Heard:
        return await hear(self.provider(call.model, seconds), call)

    def provider(self, model: str, timeout: float = 5.0, **environment: str) -> Provider:
        made = Models(catalog.configured({**self.environment, **environment}), NoDemo(), timeout=timeout)
        self._made.append(made)
        provider = "bedrock" if "AWS_DEFAULT_REGION" in self.environment else "anthropic"
        return made.provider(made.card(f"{provider}/{model}"))

    def sent(self, *messages: Message, model: str = "claude-sonnet-4-5", **options: Any) -> Json:
        """The request for these messages, as JSON."""
        return json.loads(json.dumps(self.provider(model).preview(Call(model, messages, **options))))

    async def close(self) -> None:
        for made in self._made:
            await made.close()
