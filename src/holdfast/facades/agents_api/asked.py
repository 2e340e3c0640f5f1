"""What clients of `/api/agents` send: simple bodies, of which nearly everything may be missing."""

from datetime import datetime
from typing import Annotated, Any, Literal, cast

from pydantic import AliasChoices, BeforeValidator, Field, model_validator

from holdfast.agents.model import Name, Tokens
from holdfast.archives.model import Facts, Tags, Text
from holdfast.kit.entity import Sparse
from holdfast.llm.settings import LLMConfig
from holdfast.messages.requests import Content
from holdfast.tools.rules import ToolRule
from holdfast.turns.requests import ClientTool

MOST_TOOLS = 256
MOST_BLOCKS = 256
MOST_IMPORTED = 100_000
LONGEST_IDLE_H = 24 * 366 * 10


def _key(value: Any) -> Any:
    """Sessions are named by whatever the client has: numbers too."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _function(sent: Any) -> Any:
    """A tool may be described as OpenAI's API has it."""
    return cast(dict[str, Any], sent).get("function", sent) if isinstance(sent, dict) else sent


Key = Annotated[str, BeforeValidator(_key)]
NamedTool = Annotated[str | ClientTool, BeforeValidator(_function)]
Label = Annotated[str, Field(max_length=500)]
IdleHours = Annotated[float, Field(gt=0, le=LONGEST_IDLE_H)]


class NamedBlock(Sparse):
    """A block with a name, a label or both."""

    name: Label | None = None
    label: Label | None = None
    description: str | None = None
    value: str | None = None
    limit: Annotated[int | None, Field(ge=0, le=2**31 - 1)] = None
    read_only: bool = False

    @model_validator(mode="after")
    def _is_called_something(self) -> "NamedBlock":
        if not (self.label or self.name):
            raise ValueError("a memory block needs a `name` or a `label`")
        return self


class NewApiAgent(Sparse):
    """The body of a create."""

    name: Name | None = None
    description: str | None = None
    persona: str | None = None
    human: str | None = None
    system: str | None = None
    model: str | None = None
    llm_config: LLMConfig | str | None = None
    embedding: str | None = None
    embedding_config: dict[str, Any] | str | None = None
    context_window: Tokens | None = None
    tools: Annotated[list[NamedTool] | None, Field(max_length=MOST_TOOLS)] = None
    tool_rules: list[ToolRule] | None = None
    memory_blocks: Annotated[list[NamedBlock] | None, Field(max_length=MOST_BLOCKS)] = None
    include_base_tools: bool = True
    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None
    timezone: str | None = None
    session_idle_hours: IdleHours | None = None
    """A session that nothing was said in for so long begins anew; without it the server's setting counts."""


class ToolResult(Sparse):
    """What a tool that the client has run came to. Without an id it belongs to the waiting call of that name."""

    id: Annotated[str | None, Field(validation_alias=AliasChoices("tool_call_id", "id", "call_id"))] = None
    name: str | None = None
    content: Annotated[Any, Field(validation_alias=AliasChoices("content", "result", "output", "tool_return"))] = ""
    status: Literal["success", "error"] = "success"
    is_error: bool = False

    @property
    def failed(self) -> bool:
        return self.is_error or self.status == "error"


class ApiMessage(Sparse):
    """A message by its role; one of the role `tool` is a result."""

    role: Literal["user", "system", "assistant", "tool"] = "user"
    content: str | list[Content] | None = None
    name: str | None = None
    tool_call_id: str | None = None


RESULTS = ("tool_result", "content", "result", "output", "message")
"""Where the body of a single result has what the tool came to."""


class WhatIsSaid(Sparse):
    """The body of a message: what is said, in which session, and the results of tools that the client has run."""

    message: str | list[Content] | None = None
    role: Literal["user", "system", "assistant"] = "user"
    """Who says the `message`."""
    messages: list[ApiMessage] | None = None
    tool_results: list[ToolResult] | None = None
    session_id: Key | None = None
    thread_id: Key | None = None
    user_id: Key | None = None
    stream: bool = False
    sentences: bool = False
    """Stream whole sentences instead of fragments."""
    max_steps: Annotated[int, Field(ge=1, le=1000)] = 50

    @property
    def session(self) -> str | None:
        """The name of the session: its own, that of a thread, or that of the user."""
        return self.session_id or self.thread_id or self.user_id or None

    @model_validator(mode="before")
    @classmethod
    def _with_a_list_of_results(cls, sent: Any) -> Any:
        """A single result may stand alone, or be the body itself."""
        if not isinstance(sent, dict):
            return sent
        body = cast(dict[str, Any], sent)
        if isinstance(body.get("tool_results"), dict):
            return {**body, "tool_results": [body["tool_results"]]}
        if body.get("role") != "tool" and body.get("tool_call_id") is None:
            return body
        result = {name: body[name] for name in ("tool_call_id", "name", "status", "is_error") if name in body}
        said = (body[name] for name in RESULTS if body.get(name) is not None)
        rest = {name: value for name, value in body.items() if name not in {*result, *RESULTS, "role"}}
        return {**rest, "tool_results": [{**result, "content": next(said, "")}]}

    @model_validator(mode="after")
    def _says_something(self) -> "WhatIsSaid":
        if self.message is None and not self.messages and not self.tool_results:
            raise ValueError("send a `message`, `messages` or `tool_results`")
        return self


class Interruption(Sparse):
    """The body of a cancel: what the user has heard of the answer. Left out, the answer stays as it is."""

    spoken: str | None = None


class ImportedCall(Sparse):
    """A call in an exported session."""

    id: str
    name: Annotated[str, Field(min_length=1, max_length=200)]
    arguments: dict[str, Any] | str = Field(default_factory=dict[str, Any])


class ImportedMessage(Sparse):
    """A message of an exported session."""

    role: Literal["user", "assistant", "tool"]
    content: str | list[Content] | None = None
    name: str | None = None
    tool_calls: list[ImportedCall] = Field(default_factory=list[ImportedCall])
    tool_call_id: str | None = None
    status: Literal["success", "error"] = "success"
    created_at: datetime | None = None


class ImportedSession(Sparse):
    """The body of an import: what an export has answered with, or as much of it as there is."""

    session_id: Key | None = None
    summary: str | None = None
    messages: Annotated[list[ImportedMessage], Field(max_length=MOST_IMPORTED)]


class NewMemory(Sparse):
    """The body of an insert into archival memory."""

    content: Annotated[Text, Field(validation_alias=AliasChoices("content", "text"))]
    metadata: Facts = Field(default_factory=dict[str, Any])
    tags: Tags = Field(default_factory=list[str])
