"""What a tool call came to, as text that a model can read."""

from typing import Any, cast

import orjson

from holdfast.mcp.rpc import Json

LARGEST = 2_000_000
"""Characters that are kept of a result; how many of them a model sees, the tool's own limit says."""


def text_of(result: Json) -> str:
    """The parts of a result one below the other; structured content only where it says more than they do."""
    content: Any = result.get("content")
    parts = [_part(each) for each in cast(list[Any], content)] if isinstance(content, list) else []
    text = "\n".join(part for part in parts if part)
    structured: Any = result.get("structuredContent")
    if structured is not None and not text:
        text = _json(structured)
    return text if len(text) <= LARGEST else f"{text[:LARGEST]}… [cut: {len(text)} characters]"


def value_of(result: Json, text: str) -> Any:
    """What a caller of the API gets: the structured form where there is one."""
    structured: Any = result.get("structuredContent")
    return text if structured is None or len(text) >= LARGEST else structured


def _part(part: Any) -> str:
    if not isinstance(part, dict):
        return str(part)
    fields = cast(Json, part)
    match fields.get("type"):
        case "text":
            return str(fields.get("text", ""))
        case "image" | "audio":
            size = len(str(fields.get("data", ""))) * 3 // 4
            return f"[{fields['type']}, {fields.get('mimeType', 'of unknown type')}, {size} bytes]"
        case "resource_link":
            return f"[resource {fields.get('name', '')}: {fields.get('uri', '')}]"
        case "resource":
            return _resource(fields.get("resource"))
        case _:
            return _json(fields)


def _resource(resource: Any) -> str:
    if not isinstance(resource, dict):
        return str(resource)
    fields = cast(Json, resource)
    if isinstance(fields.get("text"), str):
        return str(fields["text"])
    size = len(str(fields.get("blob", ""))) * 3 // 4
    return f"[resource {fields.get('uri', '')}, {fields.get('mimeType', 'of unknown type')}, {size} bytes]"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
