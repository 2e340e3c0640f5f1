"""The bodies that start a turn (CONTRACT §3.1, §19)."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from holdfast.conversations.model import Whose
from holdfast.kit.entity import Shape, Sparse
from holdfast.messages.requests import Content, InputMessage, MessageCreate
from holdfast.messages.shapes import MessageType
from holdfast.prompt.skills import ClientSkill


class ClientTool(Shape):
    """A tool that the client runs itself, for one request."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class SendMessage(Sparse):
    """A request to an agent."""

    messages: list[InputMessage] | None = None
    input: str | list[Content] | None = None
    max_steps: Annotated[int, Field(ge=1, le=1000)] = 50
    use_assistant_message: bool = True
    assistant_message_tool_name: str = "send_message"
    assistant_message_tool_kwarg: str = "message"
    include_return_message_types: list[MessageType] | None = None
    enable_thinking: str | bool = "true"
    client_tools: list[ClientTool] | None = None
    client_skills: list[ClientSkill] | None = None
    override_model: str | None = None
    override_system: str | None = None
    system: str | None = None
    include_compaction_messages: bool = False
    return_logprobs: bool = False
    top_logprobs: Annotated[int | None, Field(ge=0, le=20)] = None
    return_token_ids: bool = False
    streaming: bool = False
    stream_tokens: bool = False
    include_pings: bool = True
    background: bool = False

    @model_validator(mode="after")
    def _has_one_input(self) -> "SendMessage":
        if (self.messages is None) == (self.input is None):
            raise ValueError("send exactly one of `messages` and `input`")
        if self.messages is not None and not self.messages:
            raise ValueError("`messages` is empty; send at least one message")
        return self

    @model_validator(mode="after")
    def _has_each_tool_once(self) -> "SendMessage":
        names = [tool.name for tool in self.client_tools or ()]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"`client_tools` has {', '.join(sorted(twice))} more than once")
        return self

    @property
    def tokens(self) -> dict[str, Any]:
        """What is to be told of the tokens that the model chooses; what was not asked for is left out."""
        asked = self.model_dump(include={"return_logprobs", "top_logprobs", "return_token_ids"})
        return {name: value for name, value in asked.items() if value}

    @property
    def items(self) -> list[InputMessage]:
        """The messages; `input` is one of the user."""
        if self.input is not None:
            return [MessageCreate(role="user", content=self.input)]
        return self.messages or []


class SendAsync(SendMessage):
    """A request that is answered with its run at once."""

    callback_url: Annotated[str | None, Field(max_length=2000)] = None
    """Where the run's end is POSTed to."""


class ReadOn(Whose, Sparse):
    """Where to go on in the events of a background run."""

    run_id: str | None = None
    otid: str | None = None
    starting_after: Annotated[int, Field(ge=0, lt=2**53)] = 0
    include_pings: bool | None = True
    poll_interval: Annotated[float | None, Field(ge=0.01, le=60)] = 0.1
    batch_size: Annotated[int | None, Field(ge=1, le=1000)] = 100


class SendConversationMessage(SendMessage, Whose):
    """A request to a conversation, which streams unless told otherwise."""

    streaming: bool = True
