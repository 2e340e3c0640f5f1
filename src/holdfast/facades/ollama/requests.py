"""What Ollama's clients send, and what of it is said to an agent."""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Sequence
from itertools import takewhile
from typing import Annotated

from pydantic import Field, model_validator

from holdfast.errors import BadRequest
from holdfast.facades.chat.talk import OfferedTool, Talk
from holdfast.kit.entity import Shape
from holdfast.messages.model import ImagePart, TextPart, UrlImage
from holdfast.messages.requests import Content, MessageCreate, ToolReturn, ToolReturnCreate
from holdfast.turns.images import kind_of


class ModelNamed(Shape):
    """A request about a model; older clients call it `name`."""

    model: Annotated[str, Field(min_length=1, max_length=300)] = ""
    name: Annotated[str | None, Field(max_length=300)] = None

    @model_validator(mode="after")
    def _has_a_model(self) -> "ModelNamed":
        self.model = self.model or self.name or ""
        if not self.model:
            raise ValueError("`model` is missing; name an agent")
        return self


class SaidToOllama(Shape):
    """One message of the client's history, of which the last ones count."""

    role: str
    content: str | None = None
    images: list[str] | None = None
    tool_call_id: str | None = None


class OllamaChatRequest(ModelNamed):
    """The body of `POST /api/chat`; `format`, `options` and the like are the agent's to say, and ignored."""

    messages: list[SaidToOllama] | None = None
    tools: list[OfferedTool] | None = None
    stream: bool | None = True


class OllamaGenerateRequest(ModelNamed):
    """The body of `POST /api/generate`."""

    prompt: str | None = None
    system: str | None = None
    images: list[str] | None = None
    stream: bool | None = True


class OllamaEmbedRequest(ModelNamed):
    """The body of `POST /api/embed`."""

    input: str | list[str]


class OllamaEmbeddingsRequest(ModelNamed):
    """The body of `POST /api/embeddings`, the older form for one text."""

    prompt: str


def talk_of_chat(body: OllamaChatRequest) -> Talk | None:
    """None when nothing is said: then the model is only to be loaded."""
    if not body.messages:
        return None
    told = "\n\n".join(message.content or "" for message in body.messages if message.role == "system")
    tools = [tool.function for tool in body.tools or ()]
    return Talk(body.model, _says(body.messages), instructions=told or None, tools=tools)


def _says(messages: Sequence[SaidToOllama]) -> MessageCreate | ToolReturnCreate:
    """The results of tools with which the history ends, else the last message of the user."""
    returned = list(takewhile(lambda message: message.role == "tool", reversed(messages)))[::-1]
    if returned:
        return ToolReturnCreate(tool_returns=[_result(message) for message in returned])
    last = next((message for message in reversed(messages) if message.role == "user"), None)
    if last is None:
        raise BadRequest("`messages` has no message with the role `user`; the last one is what the agent is told.")
    return _said(last.content, last.images)


def _result(message: SaidToOllama) -> ToolReturn:
    """Ollama's older clients do not say which call it is a result of."""
    return ToolReturn(tool_call_id=message.tool_call_id or "", tool_return=message.content or "", status="success")


def talk_of_prompt(body: OllamaGenerateRequest) -> Talk | None:
    """The same for a prompt."""
    if not body.prompt and not body.images:
        return None
    return Talk(body.model, _said(body.prompt, body.images), instructions=body.system or None)


def _said(text: str | None, images: Sequence[str] | None) -> MessageCreate:
    if not images:
        return MessageCreate(role="user", content=text or "")
    parts: list[Content] = [TextPart(text=text)] if text else []
    return MessageCreate(role="user", content=[*parts, *map(_image, images)])


def _image(data: str) -> ImagePart:
    try:
        kind = kind_of(b64decode(data, validate=True))
    except (NotBase64, ValueError) as odd:
        raise BadRequest(f"An entry of `images` is not base64: {odd}.") from odd
    if kind is None:
        raise BadRequest("An entry of `images` is no PNG, JPEG, GIF or WebP image.")
    return ImagePart(source=UrlImage(url=f"data:{kind};base64,{data}"))
