"""What protocols other than OpenAI's need of the stored parts: arguments as objects, images as bytes."""

from dataclasses import dataclass
from typing import Any, cast

import orjson

from holdfast.messages.model import Base64Image, ImagePart, StoredImage, ToolCallPart, UrlImage

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Image:
    media_type: str
    data: str
    """In base64."""


def arguments(part: ToolCallPart) -> Json:
    """The arguments as an object, whatever the model wrote."""
    try:
        found: Any = orjson.loads(part.arguments)
    except orjson.JSONDecodeError:
        return {"malformed": part.arguments} if part.arguments.strip() else {}
    return cast(Json, found) if isinstance(found, dict) else {"value": found}


def image(part: ImagePart) -> Image | None:
    """The image itself, when it is here."""
    match part.source:
        case UrlImage(url=url) if url.startswith("data:") and ";base64," in url:
            head, _, data = url.partition(";base64,")
            return Image(head.removeprefix("data:") or "image/png", data)
        case UrlImage():
            return None
        case Base64Image() | StoredImage() as source:
            return Image(source.media_type or "image/png", source.data) if source.data else None


def unseen(part: ImagePart, model: str) -> str:
    """What stands where an image cannot be shown."""
    where = f" at {part.source.url}" if isinstance(part.source, UrlImage) and len(part.source.url) < 500 else ""
    return f"[An image{where} that {model} cannot see]"
