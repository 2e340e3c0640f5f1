"""Images that a request names by URL become part of it: what is stored needs nobody else to be seen again."""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from holdfast.errors import BadRequest
from holdfast.kit.egress import Egress
from holdfast.messages.model import Base64Image, ImagePart, UrlImage
from holdfast.messages.requests import ApprovalCreate, InputMessage, MessageCreate, ToolReturn, ToolReturnCreate
from holdfast.turns.requests import SendMessage

T = TypeVar("T")

LARGEST = 20 * 2**20
SECONDS = 20.0

SIGNS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
"""How the files begin that models can see. Anything else would be refused by the model on every later turn too."""


async def with_images(body: SendMessage, egress: Egress) -> SendMessage:
    """The request with every image in it; itself when it has them all."""
    if isinstance(body.input, list):
        return body.model_copy(update={"input": await _contents(body.input, egress)}) if _names(body.input) else body
    if not any(_names(content) for item in body.items for content in _all(item)):
        return body
    return body.model_copy(update={"messages": [await _item(item, egress) for item in body.items]})


def _all(item: InputMessage) -> list[str | list[Any]]:
    """All content of an item: its own, or that of the results in it."""
    return [item.content] if isinstance(item, MessageCreate) else [each.tool_return for each in _results(item)]


def _results(item: ApprovalCreate | ToolReturnCreate) -> list[ToolReturn]:
    answers = item.tool_returns if isinstance(item, ToolReturnCreate) else item.approvals or ()
    return [each for each in answers if isinstance(each, ToolReturn)]


def _names(content: str | list[Any]) -> bool:
    """Does it name images by URL?"""
    return not isinstance(content, str) and any(_url_of(part) is not None for part in content)


def _url_of(part: Any) -> str | None:
    return part.source.url if isinstance(part, ImagePart) and isinstance(part.source, UrlImage) else None


async def _item(item: InputMessage, egress: Egress) -> InputMessage:
    if isinstance(item, MessageCreate):
        return item.model_copy(update={"content": await _contents(item.content, egress)})
    if isinstance(item, ToolReturnCreate):
        return item.model_copy(update={"tool_returns": [await _answer(each, egress) for each in item.tool_returns]})
    return item.model_copy(update={"approvals": [await _answer(each, egress) for each in item.approvals or ()]})


async def _answer(sent: T, egress: Egress) -> T:
    """An answer about a call; of those that are results, with their images."""
    if not isinstance(sent, ToolReturn):
        return sent
    return sent.model_copy(update={"tool_return": await _contents(sent.tool_return, egress)})


async def _contents(parts: str | list[Any], egress: Egress) -> str | list[Any]:
    if isinstance(parts, str):
        return parts
    return [part if (url := _url_of(part)) is None else ImagePart(source=await _image(url, egress)) for part in parts]


async def _image(url: str, egress: Egress) -> Base64Image:
    if url[:5].lower() == "data:":
        return _decoded(url)
    found = await egress.fetch(url, "image", most=LARGEST, seconds=SECONDS)
    kind = kind_of(found.body)
    if kind is None or not found.media_type.startswith(("image/", "application/octet-stream")):
        said = found.media_type or "nothing that says what it is"
        raise BadRequest(f"There is no PNG, JPEG, GIF or WebP image at {url.partition('?')[0][:120]!r}, but {said}.")
    return Base64Image(media_type=kind, data=b64encode(found.body).decode())


def kind_of(body: bytes) -> str | None:
    """The media type of an image that models can see."""
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for sign, kind in SIGNS if body.startswith(sign)), None)


def _decoded(url: str) -> Base64Image:
    """The image inside a `data:` URL."""
    head, comma, data = url[5:].partition(",")
    media_type, *options = (word.strip().lower() for word in head.split(";"))
    if not comma or not data or not media_type.startswith("image/"):
        raise BadRequest("A data: URL of an image looks like data:image/png;base64,…")
    try:
        body = b64decode(unquote_to_bytes(data), validate=True) if "base64" in options else unquote_to_bytes(data)
    except NotBase64 as odd:
        raise BadRequest(f"The data: URL of an image is not base64: {odd}.") from odd
    if len(body) > LARGEST:
        raise BadRequest(f"An image may have {LARGEST // 2**20} MB; this one has {len(body) / 2**20:.1f}.")
    return Base64Image(media_type=media_type, data=b64encode(body).decode())
