"""What OpenAI's clients send, and what of it is said to an agent."""

from collections.abc import Sequence
from typing import Annotated, Any, cast

from pydantic import Field

from holdfast.errors import BadRequest
from holdfast.facades.chat.talk import OfferedTool, Talk
from holdfast.kit.entity import Shape
from holdfast.messages.model import ImagePart, TextPart, UrlImage
from holdfast.messages.requests import Content, MessageCreate, ToolReturn, ToolReturnCreate

TELLING = ("system", "developer")


class ChatMessage(Shape):
    """One message of the client's history, of which the last ones count."""

    role: str
    content: Any = None
    tool_call_id: str | None = None


class StreamOptions(Shape):
    include_usage: bool = False


class ChatMetadata(Shape):
    task: str | None = None
    """Names a chore that Open WebUI wants done."""


class ChatCompletionRequest(Shape):
    """The body of `POST /v1/chat/completions`; what a model would be tuned with is the agent's to say, and ignored."""

    model: Annotated[str, Field(min_length=1, max_length=300)]
    messages: list[ChatMessage]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    user: Annotated[str | None, Field(max_length=1000)] = None
    tools: list[OfferedTool] | None = None
    tool_choice: Any = None
    n: Annotated[int | None, Field(ge=1, le=1)] = None
    metadata: ChatMetadata | None = None

    @property
    def wants_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage


def talk_of(body: ChatCompletionRequest) -> Talk:
    """The newest message, and what the agent is told besides."""
    told = "\n\n".join(_text(message) for message in body.messages if message.role in TELLING)
    tools = [] if body.tool_choice == "none" else [tool.function for tool in body.tools or ()]
    return Talk(body.model, _says(body.messages), body.user, told or None, tools)


def _says(messages: Sequence[ChatMessage]) -> MessageCreate | ToolReturnCreate:
    returned = _returned(messages)
    if returned:
        return ToolReturnCreate(tool_returns=returned)
    last = next((message for message in reversed(messages) if message.role == "user"), None)
    if last is None:
        raise BadRequest("`messages` has no message with the role `user`; the last one is what the agent is told.")
    content = last.content if isinstance(last.content, str) else [_part(part) for part in _parts(last)]
    return MessageCreate(role="user", content=content)


def _returned(messages: Sequence[ChatMessage]) -> list[ToolReturn]:
    """The results of tools with which the history ends."""
    found = list[ToolReturn]()
    for message in reversed(messages):
        if message.role != "tool":
            break
        if not message.tool_call_id:
            raise BadRequest("A message with the role `tool` has no `tool_call_id`; name the call that it answers.")
        result = ToolReturn(tool_call_id=message.tool_call_id, tool_return=_text(message), status="success")
        found.append(result)
    return found[::-1]


def _text(message: ChatMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    parts = [_part(part) for part in _parts(message)]
    return "\n".join(part.text for part in parts if isinstance(part, TextPart))


def _parts(message: ChatMessage) -> list[dict[str, Any]]:
    sent: Any = message.content
    if not isinstance(sent, list) or not all(isinstance(part, dict) for part in cast("list[Any]", sent)):
        raise BadRequest(
            f"The content of a message with the role {message.role[:20]!r} is to be a text, or a list of parts."
        )
    return cast("list[dict[str, Any]]", sent)


def _part(part: dict[str, Any]) -> Content:
    match part:
        case {"type": "text", "text": str() as text}:
            return TextPart(text=text)
        case {"type": "image_url", "image_url": {"url": str() as url}} | {
            "type": "image_url",
            "image_url": str() as url,
        }:
            return ImagePart(source=UrlImage(url=url))
        case _:
            kind = str(part.get("type"))[:40]
            raise BadRequest(
                f"A part of the type {kind!r} cannot be read; send `text` with a text, or `image_url` with a URL."
            )
