"""The chat-completions protocol of OpenAI, which most model servers speak: our messages to its JSON and back."""

import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from hashlib import sha256
from typing import Any, cast

import orjson

from holdfast.llm import catalog, failures
from holdfast.llm.catalog import Configured
from holdfast.llm.client import ModelClient
from holdfast.llm.failures import Target
from holdfast.llm.model import Call, Delta, Listed, ModelCard, ToolSchema
from holdfast.llm.openai_answer import ChatAnswer, Json
from holdfast.llm.row import Dialect, Row
from holdfast.messages.model import (
    Base64Image,
    ImagePart,
    Message,
    ReasoningPart,
    StoredImage,
    TextPart,
    ToolCallPart,
    UrlImage,
)

LONGEST_ID = 40
LIST_ATTEMPTS = 1


class OpenAI:
    """A server that speaks chat completions, asked for one of its models."""

    def __init__(self, client: ModelClient, place: Configured, row: Row, target: Target) -> None:
        self._client = client
        self._place = place
        self._row = row
        self._dialect = row.dialect_at(place.base_url)
        self._target = target

    async def stream(self, call: Call) -> AsyncGenerator[Delta, None]:
        """Ask the model; closing the generator ends the request."""
        answer = ChatAnswer(self._target, call.model)
        body = orjson.dumps(self.preview(call))
        async with aclosing(self._client.stream(self._target, "/chat/completions", body)) as events:
            async for data in events:
                for delta in answer.read(data):
                    yield delta
        for delta in answer.end():
            yield delta

    async def models(self) -> list[Listed]:
        """The server's list, models of other kinds included."""
        body = await self._client.post(self._target, "/models", b"", attempts=LIST_ATTEMPTS)
        try:
            found: Any = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise failures.unusable(self._target, "sent a list of models that is not JSON", body) from error
        items: Any = cast(Json, found).get("data") if isinstance(found, dict) else found
        entries = cast(list[Any], items) if isinstance(items, list) else []
        return [
            catalog.listed_of(cast(Json, entry))
            for entry in entries
            if isinstance(entry, dict) and isinstance(entry.get("id"), str)  # pyright: ignore[reportUnknownMemberType] -- decoded JSON
        ]

    def preview(self, call: Call) -> Json:
        """The request exactly as it would be sent."""
        card = catalog.card_of(self._row, self._place, call.model)
        body: Json = {
            "model": call.model,
            "messages": render(call, card, self._dialect),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if call.tools and card.tools:
            body |= _tools(call, card, self._dialect)
        if call.max_tokens is not None:
            body[_limit_field(card, self._dialect)] = call.max_tokens
        if call.response_format and call.response_format.get("type") not in (None, "text"):
            body["response_format"] = call.response_format
        return body | _sampling(call, card, self._dialect) | _reasoning(call, card, self._dialect)


def _limit_field(card: ModelCard, dialect: Dialect) -> str:
    """The field that limits the answer. OpenAI's reasoning models know only the newer one, behind a proxy as well."""
    return "max_completion_tokens" if card.reasoning and dialect.fixed_temperature else dialect.max_tokens


def _tools(call: Call, card: ModelCard, dialect: Dialect) -> Json:
    body: Json = {"tools": [tool(schema) for schema in call.tools]}
    if call.tool_choice == "required":
        body["tool_choice"] = dialect.required
    elif call.tool_choice == "none":
        body["tool_choice"] = "none"
    elif call.tool_choice != "auto":
        body["tool_choice"] = {"type": "function", "function": {"name": call.tool_choice}}
    if dialect.parallel_tool_calls and card.parallel_tools:
        body["parallel_tool_calls"] = call.parallel_tool_calls
    return body


def _sampling(call: Call, card: ModelCard, dialect: Dialect) -> Json:
    if card.reasoning and dialect.fixed_temperature:
        return {}
    sent = {"temperature": call.temperature, "frequency_penalty": call.settings.get("frequency_penalty")}
    return {name: value for name, value in sent.items() if value is not None}


def _reasoning(call: Call, card: ModelCard, dialect: Dialect) -> Json:
    body: Json = {}
    nested: Json = call.settings.get("reasoning") or {}
    effort: Any = call.settings.get("reasoning_effort") or nested.get("reasoning_effort")
    if effort and card.reasoning and dialect.reasoning_effort:
        body["reasoning_effort"] = effort
    if (verbosity := call.settings.get("verbosity")) and dialect.verbosity and call.model.startswith("gpt-5"):
        body["verbosity"] = verbosity
    if (thinking := call.settings.get("thinking")) and dialect.thinking:
        body["thinking"] = thinking
    return body


def tool(schema: ToolSchema) -> Json:
    """A tool as the server is told of it; `strict` only where the schema fulfils what that demands."""
    parameters: Json = schema.parameters or {}
    if parameters.get("type") != "object" or "properties" not in parameters:
        parameters = {"type": "object", "properties": {}, **parameters}
    function: Json = {"name": schema.name, "description": schema.description, "parameters": parameters}
    if schema.strict and strictable(parameters):
        function["strict"] = True
    return {"type": "function", "function": function}


def strictable(schema: Any) -> bool:
    """Whether a schema may be sent as strict: closed objects with only required properties, all the way down."""
    if not isinstance(schema, dict):
        return True
    node = cast(Json, schema)
    if any(word in node for word in ("oneOf", "allOf", "not", "default", "patternProperties")):
        return False
    if node.get("type") == "object" or "properties" in node:
        properties: Json = node.get("properties") or {}
        if node.get("additionalProperties") is not False or set(node.get("required") or ()) != set(properties):
            return False
        return all(strictable(inner) for inner in properties.values())
    branches: list[Any] = [*(node.get("anyOf") or ()), node.get("items"), *(node.get("$defs") or {}).values()]
    return all(strictable(branch) for branch in branches)


def render(call: Call, card: ModelCard, dialect: Dialect) -> list[Json]:
    """The messages of a call as the server wants them."""
    return [wire for message in call.messages for wire in _message(message, card, dialect)]


def _message(message: Message, card: ModelCard, dialect: Dialect) -> Iterator[Json]:
    """One stored message: none, one, or, for several tool returns, many of the server's."""
    match message.role:
        case "system":
            yield {"role": "system", "content": message.text}
        case "user" | "summary":
            yield {"role": "user", "content": _content(message, card)}
        case "assistant" | "tool" | "approval":
            # A request for approval is an assistant's calls under another role; a decision alone has no form here.
            if spoken := _assistant(message, dialect):
                yield spoken
            for part in message.returns:
                yield {"role": "tool", "tool_call_id": _call_id(part.call_id, dialect), "content": part.output}


def _content(message: Message, card: ModelCard) -> str | list[Json]:
    if not any(isinstance(part, ImagePart) for part in message.content):
        return message.text
    return [wire for part in message.content if (wire := _piece(part, card))]


def _piece(part: Any, card: ModelCard) -> Json | None:
    match part:
        case TextPart(text=text):
            return {"type": "text", "text": text}
        case ImagePart() if not card.images:
            return {"type": "text", "text": f"[An image that {card.name} cannot see]"}
        case ImagePart(source=UrlImage(url=url)):
            return {"type": "image_url", "image_url": {"url": url}}
        case ImagePart(source=Base64Image() | StoredImage() as image):
            if not image.data:
                return {"type": "text", "text": "[An image that is no longer stored]"}
            url = f"data:{image.media_type or 'image/png'};base64,{image.data}"
            detail = {"detail": image.detail} if image.detail else {}
            return {"type": "image_url", "image_url": {"url": url, **detail}}
        case _:
            return None


def _assistant(message: Message, dialect: Dialect) -> Json | None:
    """What the assistant said and called. Reasoning alone is nothing that could be sent back."""
    text, calls = message.text, message.calls
    if not text and not calls:
        return None
    body: Json = {"role": "assistant", "content": text}
    if calls:
        body["tool_calls"] = [_tool_call(part, dialect) for part in calls]
    if dialect.reasoning_back:
        thoughts = [part.reasoning for part in message.content if isinstance(part, ReasoningPart) and part.is_native]
        if thoughts:
            body[dialect.reasoning_back] = "\n".join(thoughts)
    return body


def _tool_call(part: ToolCallPart, dialect: Dialect) -> Json:
    function = {"name": part.name, "arguments": _arguments(part.arguments)}
    return {"id": _call_id(part.id, dialect), "type": "function", "function": function}


def _arguments(text: str) -> str:
    """The arguments as the model wrote them; what is no JSON object is wrapped, or servers refuse the whole request."""
    try:
        return text if isinstance(orjson.loads(text), dict) else orjson.dumps({"value": text}).decode()
    except orjson.JSONDecodeError:
        return orjson.dumps({"malformed": text}).decode() if text.strip() else "{}"


def _call_id(call_id: str, dialect: Dialect) -> str:
    """The id of a call as this server accepts it, the same for the call and its return."""
    if dialect.short_ids and not re.fullmatch(r"[a-zA-Z0-9]{9}", call_id):
        return sha256(call_id.encode()).hexdigest()[:9]
    if len(call_id) > LONGEST_ID:
        return f"call_{sha256(call_id.encode()).hexdigest()[:24]}"
    return call_id
