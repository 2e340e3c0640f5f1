"""Our messages as the blocks of Anthropic's protocol: turns that alternate, results before text, thoughts unchanged."""

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import groupby
from typing import Any, cast

import orjson

from holdfast.llm.model import ModelCard
from holdfast.messages.model import (
    Base64Image,
    ImagePart,
    Message,
    OmittedReasoningPart,
    Part,
    ReasoningPart,
    RedactedReasoningPart,
    StoredImage,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UrlImage,
)

Json = dict[str, Any]

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
LONGEST_NAME = 64
LONGEST_ID = 64
BEGINNING = "[The conversation begins before what you see.]"
GO_ON = "[Continue.]"
"""Newer models refuse a conversation that ends with their own words."""
THOUGHTS = ("thinking", "redacted_thinking")


def turns(messages: Sequence[Message], card: ModelCard, *, thoughts: bool) -> list[Json]:
    """The conversation without its system text: user and assistant in turn, the first and the last one the user's."""
    spoken = (piece for message in messages for piece in _pieces(message, card, thoughts=thoughts))
    found: list[Json] = [
        {"role": role, "content": _results_first([block for _, block in pieces])}
        for role, pieces in groupby(spoken, key=lambda piece: piece[0])
    ]
    if found and found[0]["role"] == "assistant":
        found.insert(0, {"role": "user", "content": [text_block(BEGINNING)]})
    if not found or found[-1]["role"] == "assistant":
        found.append({"role": "user", "content": [text_block(GO_ON)]})
    return found


def begins_with_thought(conversation: Sequence[Json]) -> bool:
    """Whether the model's current turn, with all its tool calls, began with a thought, or has yet to begin."""
    first: Json | None = None
    for turn in reversed(conversation):
        if turn["role"] == "assistant":
            first = turn
        elif not any(block["type"] == "tool_result" for block in turn["content"]):
            break
    return first is None or conversation[-1]["content"][0]["type"] != "tool_result" or _thinks(first)


def called(conversation: Sequence[Json]) -> list[str]:
    """The names of the tools that were called, each once."""
    blocks = (block for turn in conversation for block in turn["content"])
    return list(dict.fromkeys(block["name"] for block in blocks if block["type"] == "tool_use"))


def text_block(text: str) -> Json:
    return {"type": "text", "text": text}


def tool_name(name: str) -> str:
    """A tool's name in the letters that the API allows; different names stay different."""
    if re.fullmatch(rf"[a-zA-Z0-9_-]{{1,{LONGEST_NAME}}}", name):
        return name
    clean = re.sub(r"[^a-zA-Z0-9_-]", "_", name)
    return f"{clean[: LONGEST_NAME - 9]}_{sha256(name.encode(errors='replace')).hexdigest()[:8]}"


def call_id(own: str) -> str:
    """The id of a call in the letters that the API allows, the same for the call and its return."""
    if re.fullmatch(rf"[a-zA-Z0-9_-]{{1,{LONGEST_ID}}}", own):
        return own
    return f"toolu_{sha256(own.encode(errors='replace')).hexdigest()[:24]}"


def arguments_of(text: str) -> Json:
    """Arguments as the object that they must be; what the model wrote instead is kept under a name of ours."""
    try:
        found: Any = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return {"malformed": text}
    return cast(Json, found) if isinstance(found, dict) else {"value": found}


def _thinks(turn: Json) -> bool:
    return turn["content"][0]["type"] in THOUGHTS


def _results_first(blocks: list[Json]) -> list[Json]:
    return sorted(blocks, key=lambda block: block["type"] != "tool_result")


def _pieces(message: Message, card: ModelCard, *, thoughts: bool) -> Iterator[tuple[str, Json]]:
    """The blocks of a message, each with the role that says it."""
    speaks = message.role in ("assistant", "approval")
    keeps = thoughts and message.model == card.name
    for part in message.content:
        if isinstance(part, ToolReturnPart):
            yield "user", _result(part, card)
        elif speaks:
            yield from (("assistant", block) for block in _said(part, keeps=keeps))
        else:
            yield from (("user", block) for block in _shown(part, card, is_system=message.role == "system"))


def _said(part: Part, *, keeps: bool) -> Iterator[Json]:
    """What the model said. A thought is sent only to the model that had it: no other can read it."""
    match part:
        case TextPart(text=text) if text.strip():
            yield text_block(text)
        case ToolCallPart():
            yield {
                "type": "tool_use",
                "id": call_id(part.id),
                "name": tool_name(part.name),
                "input": arguments_of(part.arguments),
            }
        case ReasoningPart(signature=str(signature)) if keeps:
            yield {"type": "thinking", "thinking": part.reasoning, "signature": signature}
        case OmittedReasoningPart(signature=str(signature)) if keeps:
            yield {"type": "thinking", "thinking": "", "signature": signature}
        case RedactedReasoningPart(data=data) if keeps:
            yield {"type": "redacted_thinking", "data": data}
        case _:
            return


def _shown(part: Part, card: ModelCard, *, is_system: bool) -> Iterator[Json]:
    """What the model is shown: words and pictures, blank ones left out."""
    match part:
        case TextPart(text=text) if text.strip():
            yield text_block(f"<system>\n{text}\n</system>" if is_system else text)
        case ImagePart():
            yield _image(part, card)
        case _:
            return


def _image(part: ImagePart, card: ModelCard) -> Json:
    if not card.images:
        return text_block(f"[An image that {card.name} cannot see]")
    match part.source:
        case UrlImage(url=url):
            return {"type": "image", "source": {"type": "url", "url": url}}
        case Base64Image() | StoredImage() as image:
            kind = (image.media_type or "image/png").lower()
            kind = "image/jpeg" if kind == "image/jpg" else kind
            if not image.data:
                return text_block("[An image that is no longer stored]")
            if kind not in IMAGE_TYPES:
                return text_block(f"[An image of the kind {kind}, which {card.name} cannot see]")
            return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": image.data}}


def _result(part: ToolReturnPart, card: ModelCard) -> Json:
    block: Json = {"type": "tool_result", "tool_use_id": call_id(part.call_id)}
    if content := list(_inside(part, card)):
        block["content"] = content
    if part.status == "error":
        block["is_error"] = True
    return block


def _inside(part: ToolReturnPart, card: ModelCard) -> Iterable[Json]:
    if part.parts and any(isinstance(piece, ImagePart) for piece in part.parts):
        return [block for piece in part.parts for block in _shown(piece, card, is_system=False)]
    return [text_block(part.output)] if part.output.strip() else []
