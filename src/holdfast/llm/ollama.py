"""Ollama's own protocol: our messages to its JSON, and the window that each request must ask for."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import orjson

from holdfast.errors import ModelError
from holdfast.llm import catalog, failures, parts, reading, schemas
from holdfast.llm.catalog import Configured
from holdfast.llm.client import ModelClient
from holdfast.llm.failures import Target
from holdfast.llm.framing import Lines
from holdfast.llm.model import Call, Delta, Listed, ModelCard, ToolSchema
from holdfast.llm.ollama_answer import OllamaAnswer
from holdfast.llm.ollama_show import Shown, facts_of, name_of, unknown
from holdfast.llm.reading import Json
from holdfast.llm.row import Row
from holdfast.messages.model import ImagePart, Message, ReasoningPart, ToolReturnPart

FACTS_LIFETIME = 300.0
SHOW_SECONDS = 10.0
LIST_SECONDS = 2.0
"""How long a list waits for the descriptions of its models."""
LEVELS = {"none": "low", "minimal": "low", "low": "low", "medium": "medium"}
OPTIONS = ("temperature", "top_p", "frequency_penalty")
MOST_REFUSALS = 2
"""How many things a model may turn out to be unable to do before its refusal is passed on."""

log = logging.getLogger("holdfast.models")


@dataclass(slots=True)
class Remembered:
    """What a server said of its models, and when it was asked."""

    facts: dict[str, Shown] = field(default_factory=dict[str, Shown])
    asked: dict[str, float] = field(default_factory=dict[str, float])


class Ollama:
    """A server that speaks Ollama's protocol, asked for one of its models."""

    def __init__(self, client: ModelClient, place: Configured, row: Row, target: Target) -> None:
        self._client = client
        self._place = place
        self._row = row
        self._target = target
        self._memory = client.kept(("ollama", place.base_url, place.api_key), Remembered)

    async def stream(self, call: Call) -> AsyncGenerator[Delta, None]:
        """Ask the model; closing the generator ends the request."""
        await self._learn(call.model)
        async with aclosing(self._ask(call, MOST_REFUSALS)) as deltas:
            async for delta in deltas:
                yield delta

    async def _ask(self, call: Call, patience: int) -> AsyncGenerator[Delta, None]:
        """The answer; what the model turns out to be unable to do is left out, and it is asked again."""
        try:
            async with aclosing(self._answer(call)) as deltas:
                async for delta in deltas:
                    yield delta
            return
        except ModelError as error:
            if not patience or not self._is_news(call, error):
                raise self._explained(error, call) from error
        async with aclosing(self._ask(call, patience - 1)) as deltas:
            async for delta in deltas:
                yield delta

    def _answer(self, call: Call) -> AsyncGenerator[Delta, None]:
        reader = OllamaAnswer(self._target, call.model, is_forced=self._is_forced(call))
        pieces = self._client.stream(self._target, "/api/chat", orjson.dumps(self.preview(call)), framing=Lines)
        return reading.deltas(self._target, pieces, reader)

    async def models(self) -> list[Listed]:
        """The models that were pulled, each with what the server says of it in time."""
        body = reading.decoded(self._target, await self._client.post(self._target, "/api/tags", b"", attempts=1))
        names = list(dict.fromkeys(filter(None, map(name_of, reading.objects(body.get("models"))))))
        asked = [asyncio.create_task(self._learn(name)) for name in names]
        if asked:
            _, late = await asyncio.wait(asked, timeout=LIST_SECONDS)
            for task in late:
                task.cancel()
        return [self._known(name).listed for name in names]

    def preview(self, call: Call) -> Json:
        """The request exactly as it would be sent."""
        facts, card = self._known(call.model), self._card(call.model)
        body: Json = {
            "model": call.model,
            "messages": list(self._messages(call, card)),
            "stream": True,
            "truncate": False,
            "shift": False,
            "options": self._options(call, card),
        }
        if tools := _offered(call):
            if card.tools:
                body["tools"] = [_tool(schema) for schema in tools]
            elif self._is_forced(call):
                body["format"] = _form_of_call(tools)
        if form := _format(call):
            body.setdefault("format", form)
        if (think := _think(call, facts)) is not None:
            body["think"] = think
        if keep := self._place.facts.get("OLLAMA_KEEP_ALIVE"):
            body["keep_alive"] = int(keep) if keep.removeprefix("-").isdigit() else keep
        return body

    def _options(self, call: Call, card: ModelCard) -> Json:
        """The window is always said: left to itself, Ollama takes a small one and cuts what does not fit."""
        wanted: Json = {**call.settings, "temperature": call.temperature}
        options: Json = {name: wanted[name] for name in OPTIONS if wanted.get(name) is not None}
        options["num_ctx"] = min(call.context_window or card.default_window, card.context_window)
        if call.max_tokens is not None:
            options["num_predict"] = call.max_tokens
        return options

    def _messages(self, call: Call, card: ModelCard) -> Iterator[Json]:
        instruction = _instruction(_offered(call)) if self._is_forced(call) else ""
        for message in call.messages:
            for wire in _message(message, card):
                if instruction and wire["role"] == "system":
                    wire["content"], instruction = f"{wire['content']}\n\n{instruction}", ""
                yield wire

    def _is_forced(self, call: Call) -> bool:
        """Whether a call must be had from a model that knows no tools: a grammar then holds it to the form of one."""
        return bool(call.tools) and call.tool_choice not in ("auto", "none") and not self._card(call.model).tools

    def _card(self, name: str) -> ModelCard:
        return catalog.card_of(self._row, self._place, name, self._known(name).listed)

    def _known(self, name: str) -> Shown:
        return self._memory.facts.get(name) or unknown(name)

    async def _learn(self, name: str) -> None:
        """Ask what the model is, now and then; a server that does not say is asked anyway."""
        if time.monotonic() - self._memory.asked.get(name, -FACTS_LIFETIME) < FACTS_LIFETIME:
            return
        body = orjson.dumps({"model": name, "name": name})
        try:
            async with asyncio.timeout(SHOW_SECONDS):
                answer = await self._client.post(self._target, "/api/show", body, attempts=1)
            self._memory.facts[name] = facts_of(name, reading.decoded(self._target, answer))
        except (ModelError, TimeoutError) as failed:
            log.info("%s does not describe %s: %s", self._place.name, name, failed)
            return
        self._memory.asked[name] = time.monotonic()

    def _is_news(self, call: Call, error: ModelError) -> bool:
        """Whether a refusal says that the model cannot do something that is left out from now on."""
        said, known = error.explanation.lower(), self._known(call.model)
        lacks_tools = "does not support tools" in said and self._card(call.model).tools
        lacks_thought = ("does not support thinking" in said or "think value" in said) and known.listed.reasoning
        if lacks_tools or lacks_thought:
            log.warning("%s/%s: %s; it is asked without", self._place.name, call.model, error.explanation)
            self._memory.facts[call.model] = known.without(tools=bool(lacks_tools), reasoning=bool(lacks_thought))
            self._memory.asked[call.model] = time.monotonic()
        return bool(lacks_tools or lacks_thought)

    def _explained(self, error: ModelError, call: Call) -> ModelError:
        """The error with what a user of Ollama can do about it."""
        if isinstance(error, failures.StreamBroken | failures.ContextOverflow):
            return error
        said, where = error.explanation.lower(), f"{self._target.provider} ({self._target.host})"
        if "not found" in said and "model" in said:
            text = f"{where} has no model {call.model}. Run `ollama pull {call.model}`"
            return ModelError("llm_bad_request", f"{text}, or choose one that `ollama list` shows.", error.explanation)
        if "page not found" in said:
            text = f"{where} does not answer as Ollama does: update it, or check the address {self._target.base_url}."
            return ModelError("llm_bad_request", f"{text} (OLLAMA_BASE_URL)", error.explanation)
        if "more system memory" in said or "out of memory" in said:
            text = f"{error.detail} Choose a smaller model, or a smaller context_window_limit of the agent."
            return ModelError(error.code, text, error.explanation)
        return error


def _offered(call: Call) -> list[ToolSchema]:
    """The tools that the model may use; the one that it must use stands alone, as nothing else forces it."""
    if call.tool_choice == "none":
        return []
    named = [schema for schema in call.tools if schema.name == call.tool_choice]
    return named or list(call.tools)


def _tool(schema: ToolSchema) -> Json:
    function = {"name": schema.name, "description": schema.description, "parameters": _parameters(schema)}
    return {"type": "function", "function": function}


def _parameters(schema: ToolSchema) -> Json:
    """Ollama reads one level of a schema: references are written out, and each property is an object."""
    plain = schemas.inlined(schema.parameters)
    properties = reading.object_of(plain.get("properties"))
    described = {name: reading.object_of(inner) for name, inner in properties.items()}
    return {**plain, "type": "object", "properties": described}


def _form_of_call(tools: list[ToolSchema]) -> Json:
    forms = [
        {
            "type": "object",
            "properties": {"name": {"type": "string", "enum": [tool.name]}, "arguments": _parameters(tool)},
            "required": ["name", "arguments"],
        }
        for tool in tools
    ]
    return forms[0] if len(forms) == 1 else {"anyOf": forms}


def _instruction(tools: list[ToolSchema]) -> str:
    listed = "\n".join(
        f"- {tool.name}: {tool.description} {orjson.dumps(_parameters(tool)).decode()}" for tool in tools
    )
    return (
        'Answer with one JSON object, {"name": …, "arguments": {…}}, that calls one of these tools. '
        f"The schema of its arguments follows each.\n{listed}"
    )


def _format(call: Call) -> Any:
    """What holds the answer to a form: `json`, or a schema."""
    form = call.response_format or {}
    match form.get("type"):
        case "json_object":
            return "json"
        case "json_schema":
            described = reading.object_of(form.get("json_schema"))
            return schemas.inlined(described.get("schema", described)) or "json"
        case _:
            return None


def _think(call: Call, facts: Shown) -> bool | str | None:
    """Whether the model shall think; nothing for one that cannot, or of which it is not known."""
    if not facts.listed.reasoning:
        return None
    nested = reading.object_of(call.settings.get("reasoning"))
    effort = str(call.settings.get("reasoning_effort") or nested.get("reasoning_effort") or "")
    is_off = call.settings.get("enable_reasoner") is False or effort == "none"
    if facts.has_levels:
        return "low" if is_off else LEVELS.get(effort, "high") if effort else "medium"
    return not is_off


def _message(message: Message, card: ModelCard) -> Iterator[Json]:
    """One stored message: none, one, or, for several tool returns, many of the server's."""
    match message.role:
        case "system":
            yield {"role": "system", "content": message.text}
        case "user" | "summary":
            yield _user(message, card)
        case "assistant" | "tool" | "approval":
            if message.text or message.calls:
                yield _assistant(message, card)
            for part in message.returns:
                yield _return(part, card)


def _user(message: Message, card: ModelCard) -> Json:
    texts, images = [message.text] if message.text else [], list[str]()
    for part in message.content:
        if isinstance(part, ImagePart):
            shown = parts.image(part) if card.images else None
            if shown is None:
                texts.append(parts.unseen(part, card.name))
            else:
                images.append(shown.data)
    wire: Json = {"role": "user", "content": "\n".join(texts)}
    return {**wire, "images": images} if images else wire


def _return(part: ToolReturnPart, card: ModelCard) -> Json:
    if card.tools:
        return {"role": "tool", "tool_name": part.name, "content": part.output}
    return {"role": "user", "content": f"[What {part.name} returned] {part.output}"}


def _assistant(message: Message, card: ModelCard) -> Json:
    """What the assistant said and called; a model that knows no tools sees its calls in the form that it writes."""
    wire: Json = {"role": "assistant", "content": message.text}
    called = [{"name": part.name, "arguments": parts.arguments(part)} for part in message.calls]
    thoughts = [part.reasoning for part in message.content if isinstance(part, ReasoningPart) and part.is_native]
    if thoughts and card.reasoning:
        wire["thinking"] = "\n".join(thoughts)
    if called and card.tools:
        wire["tool_calls"] = [{"function": function} for function in called]
    elif called:
        wire["content"] = "\n".join(filter(None, [message.text, *(orjson.dumps(each).decode() for each in called)]))
    return wire
