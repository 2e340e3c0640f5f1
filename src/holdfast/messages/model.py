"""The one message model: typed parts, as every provider and every client's wire form is made from (STYLE P7).

This file is pure: the model layer (`llm/`) reads it without knowing of databases.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from holdfast.kit.entity import Entity, Hidden, Shape

Role = Literal["system", "user", "assistant", "tool", "approval", "summary"]


class TextPart(Shape):
    type: Literal["text"] = "text"
    text: str
    signature: str | None = None


class UrlImage(Shape):
    type: Literal["url"] = "url"
    url: str


class Base64Image(Shape):
    type: Literal["base64"] = "base64"
    media_type: str
    data: str
    detail: str | None = None


class StoredImage(Shape):
    type: Literal["letta"] = "letta"
    file_id: str
    media_type: str | None = None
    data: str | None = None
    detail: str | None = None


class ImagePart(Shape):
    type: Literal["image"] = "image"
    source: Annotated[UrlImage | Base64Image | StoredImage, Field(discriminator="type")]


class ReasoningPart(Shape):
    type: Literal["reasoning"] = "reasoning"
    reasoning: str
    is_native: bool = True
    signature: str | None = None


class RedactedReasoningPart(Shape):
    type: Literal["redacted_reasoning"] = "redacted_reasoning"
    data: str


class OmittedReasoningPart(Shape):
    type: Literal["omitted_reasoning"] = "omitted_reasoning"
    signature: str | None = None


class ToolCallPart(Shape):
    """A call as the model wrote it: `arguments` is its text, valid JSON or not."""

    type: Literal["tool_call"] = "tool_call"
    id: str
    name: str
    arguments: str
    signature: str | None = None
    waits_for: Literal["approval", "client"] | None = None
    """Who must answer before it can be run: a person, or the client that runs it itself."""
    tool_id: str | None = None
    """Of a call that is not run at once: which tool it means, because a tool can get another name meanwhile."""


class ToolReturnPart(Shape):
    """What a call came to. `output` is the text that the model sees."""

    type: Literal["tool_return"] = "tool_return"
    call_id: str
    name: str
    output: str
    status: Literal["success", "error"] = "success"
    stdout: list[str] | None = None
    stderr: list[str] | None = None
    parts: list[Annotated[TextPart | ImagePart, Field(discriminator="type")]] | None = None
    """The answer itself when it is more than text; `output` then describes it."""


class ApprovalPart(Shape):
    """A person's decision about one call that waited for it."""

    type: Literal["approval"] = "approval"
    call_id: str
    approve: bool
    reason: str | None = None
    request_id: str | None = None
    """The request that the decision named, as older clients do."""


Part = Annotated[
    TextPart
    | ImagePart
    | ReasoningPart
    | RedactedReasoningPart
    | OmittedReasoningPart
    | ToolCallPart
    | ToolReturnPart
    | ApprovalPart,
    Field(discriminator="type"),
]


class Message(Entity):
    """One stored message of a thread. `sequence` orders all messages of the database."""

    agent_id: str
    thread_id: str
    sequence: int = 0
    role: Role
    content: list[Part]
    name: str | None = None
    otid: str | None = None
    sender_id: str | None = None
    group_id: str | None = None
    batch_item_id: str | None = None
    model: str | None = None
    step_id: str | None = None
    run_id: str | None = None
    is_err: bool | None = None
    is_indexed: Annotated[bool, Hidden] = False
    """Whether search knows it, or has no need to."""

    @property
    def text(self) -> str:
        return "\n".join(part.text for part in self.content if isinstance(part, TextPart))

    @property
    def calls(self) -> list[ToolCallPart]:
        return [part for part in self.content if isinstance(part, ToolCallPart)]

    @property
    def waiting(self) -> list[ToolCallPart]:
        """The calls that wait for an answer; in requests of earlier servers all of them do."""
        if self.role != "approval":
            return []
        return [call for call in self.calls if call.waits_for is not None] or self.calls

    @property
    def decisions(self) -> list[ApprovalPart]:
        return [part for part in self.content if isinstance(part, ApprovalPart)]

    @property
    def returns(self) -> list[ToolReturnPart]:
        return [part for part in self.content if isinstance(part, ToolReturnPart)]

    @property
    def date(self) -> datetime:
        return self.created_at
