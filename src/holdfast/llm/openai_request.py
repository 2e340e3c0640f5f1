"""A call as the chat-completions protocol has it: our messages, tools and settings in its JSON."""

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, cast

import orjson

from holdfast.llm.model import Call, ModelCard, ToolSchema
from holdfast.llm.row import Dialect
from holdfast.messages.model import (
    Base64Image,
    ImagePart,
    Message,
    ReasoningPart,
    RedactedReasoningPart,
    StoredImage,
    TextPart,
    ToolCallPart,
    UrlImage,
)

Json = dict[str, Any]

LONGEST_ID = 40
DETAILED = "reasoning"
"""The field of servers that also know `reasoning_details`."""

MARK: Json = {"type": "ephemeral"}
"""What ends a prefix that is to be cached."""

SCHEMA_WISH = "\n\nAnswer with one JSON object, and nothing else, that fits this JSON schema:\n"
"""What a server is told that takes no schema."""


def request(call: Call, card: ModelCard, dialect: Dialect) -> Json:
    """The body of a request."""
    return _body(call, card, dialect, render(call, card, dialect))


def written(call: Call, card: ModelCard, dialect: Dialect) -> Json:
    """The same, to be encoded: messages that were sent before are JSON already."""
    if _is_marked(call, dialect) or _wish(call, dialect):
        return request(call, card, dialect)

    def write(message: Message) -> bytes:
        return b",".join(orjson.dumps(wire) for wire in _message(message, card, dialect))

    messages = b",".join(filter(None, call.rendered.of(call.messages, (card, dialect), write)))
    return _body(call, card, dialect, orjson.Fragment(b"[" + messages + b"]"))


def _body(call: Call, card: ModelCard, dialect: Dialect, messages: list[Json] | orjson.Fragment) -> Json:
    body: Json = {"model": call.model, "messages": messages, "stream": True}
    if dialect.stream_usage:
        body["stream_options"] = {"include_usage": True}
    if call.tools and card.tools:
        body |= _tools(call, card, dialect)
    if call.max_tokens is not None:
        body[_limit_field(card, dialect)] = call.max_tokens
    return body | _format(call, dialect) | _sampling(call, card, dialect) | _reasoning(call, card, dialect)


def _limit_field(card: ModelCard, dialect: Dialect) -> str:
    """The field that limits the answer. OpenAI's reasoning models know only the newer one, behind a proxy as well."""
    return "max_completion_tokens" if card.reasoning and dialect.fixed_temperature else dialect.max_tokens


def _tools(call: Call, card: ModelCard, dialect: Dialect) -> Json:
    is_strict = dialect.strict and bool(call.settings.get("strict"))
    body: Json = {"tools": [tool(schema, strict=schema.strict or is_strict) for schema in call.tools]}
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
    if call.settings.get("return_logprobs") and dialect.logprobs:
        sent |= {"logprobs": True, "top_logprobs": call.settings.get("top_logprobs")}
    if call.settings.get("return_token_ids") and dialect.token_ids:
        sent["return_token_ids"] = True
    return {name: value for name, value in sent.items() if value is not None}


def _format(call: Call, dialect: Dialect) -> Json:
    """The form of the answer that was asked for, as far as the server can be told of it."""
    asked = _schema_asked(call)
    if asked is not None and dialect.json_schema:
        return {"response_format": {"type": "json_schema", "json_schema": _named(asked, dialect)}}
    wants_json = asked is not None or (call.response_format or {}).get("type") == "json_object"
    return {"response_format": {"type": "json_object"}} if wants_json else {}


def _schema_asked(call: Call) -> Json | None:
    """The schema that the answer must fit, with its name and whatever else was said of it."""
    wanted = call.response_format or {}
    asked: Any = wanted.get("json_schema")
    return cast(Json, asked) if wanted.get("type") == "json_schema" and isinstance(asked, dict) else None


def _named(asked: Json, dialect: Dialect) -> Json:
    """A schema with the name that the protocol demands; `strict` only where schema and server allow it."""
    bare = "schema" not in asked
    schema: Any = asked if bare else asked["schema"]
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", str((not bare and asked.get("name")) or "response"))[:64]
    kept = {} if bare else {key: value for key, value in asked.items() if key == "description"}
    wanted = None if bare else asked.get("strict")
    if strictable(schema) and (dialect.strict if wanted is None else wanted):
        kept["strict"] = True
    return {"name": name, "schema": schema, **kept}


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


def tool(schema: ToolSchema, *, strict: bool) -> Json:
    """A tool as the server is told of it; `strict` only where the schema fulfils what that demands."""
    parameters: Json = schema.parameters or {}
    if parameters.get("type") != "object" or "properties" not in parameters:
        parameters = {"type": "object", "properties": {}, **parameters}
    function: Json = {"name": schema.name, "description": schema.description, "parameters": parameters}
    if strict and strictable(parameters):
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
    wires = [wire for message in call.messages for wire in _message(message, card, dialect)]
    if wires and (wish := _wish(call, dialect)):
        wires[0] = {**wires[0], "content": f"{wires[0]['content']}{wish}"}
    if wires and _is_marked(call, dialect):
        _mark(wires[0])
        _mark(wires[-1])
    return wires


def _is_marked(call: Call, dialect: Dialect) -> bool:
    """Does the server want to be told where a prefix ends that it can keep?"""
    return call.model.startswith(dialect.cache_marks or ("\0",))


def _wish(call: Call, dialect: Dialect) -> str:
    """A schema in words, for servers that take it in no other form."""
    asked = None if dialect.json_schema else _schema_asked(call)
    return "" if asked is None else SCHEMA_WISH + orjson.dumps(asked.get("schema", asked)).decode()


def _mark(wire: Json) -> None:
    """End a cached prefix with this message."""
    content: Any = wire.get("content")
    parts: list[Json] = [{"type": "text", "text": content}] if isinstance(content, str) else list(content or ())
    if parts and (parts[-1].get("text") or parts[-1].get("type") != "text"):
        wire["content"] = [*parts[:-1], {**parts[-1], "cache_control": MARK}]


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
        body |= _thoughts(message, dialect.reasoning_back)
    return body


def _thoughts(message: Message, field: str) -> Json:
    """The model's own thoughts as it wants them back: signed and sealed ones as they came, the others as text."""
    details = [detail for part in message.content if (detail := _detail(part))]
    plain = [part.reasoning for part in message.content if isinstance(part, ReasoningPart) and part.is_native]
    if details and field == DETAILED:
        return {"reasoning_details": details}
    return {field: "\n".join(plain)} if plain else {}


def _detail(part: Any) -> Json | None:
    """A thought that the server wants back unread: its signature holds all but the text (`openai_answer.py`)."""
    match part:
        case ReasoningPart(signature=str(kept)) if detail := _object(kept):
            field = "summary" if detail.get("type") == "reasoning.summary" else "text"
            return {**detail, field: part.reasoning}
        case RedactedReasoningPart(data=data):
            return _object(data)
        case _:
            return None


def _object(text: str) -> Json | None:
    """The JSON object in a text; None for what another provider's signatures look like."""
    try:
        found: Any = orjson.loads(text) if text.startswith("{") else None
    except orjson.JSONDecodeError:
        return None
    return cast(Json, found) if isinstance(found, dict) else None


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
