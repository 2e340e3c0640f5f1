"""An agent: who it is, which model it runs on, and which settings were chosen for it."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from holdfast.blocks.model import CreateBlock
from holdfast.kit.entity import Encrypted, Entity, Shape, Sparse
from holdfast.llm.settings import CompactionSettings, EmbeddingConfig, LLMConfig, ModelSettings, ResponseFormat
from holdfast.messages.requests import MessageCreate
from holdfast.runs.model import StopReason
from holdfast.tools.rules import ToolRule

AgentType = Literal[
    "memgpt_agent",
    "memgpt_v2_agent",
    "letta_v1_agent",
    "react_agent",
    "workflow_agent",
    "split_thread_agent",
    "sleeptime_agent",
    "voice_convo_agent",
    "voice_sleeptime_agent",
]

_NAME = re.compile(r"^[\w '\-]+$")


def _named(name: str | None) -> str | None:
    if name is not None and not _NAME.match(name):
        raise ValueError("a name holds letters, digits, spaces, `_`, `-` and `'` only")
    return name


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_named)]
Tokens = Annotated[int, Field(ge=1, le=2**31 - 1)]


MemorySource = Literal["passages", "messages", "all_messages"]


class AutoRecall(Shape):
    """Whether an agent is shown what its memory holds about a message, without having to look for it."""

    enabled: bool = True
    top_k: Annotated[int, Field(ge=1, le=20, description="How many memories at most.")] = 5
    threshold: Annotated[float, Field(ge=0, le=1, description="How near a memory must be to the message.")] = 0.4
    sources: Annotated[
        list[MemorySource],
        Field(description="Its archive; what left the view of this conversation; what was said in any of its."),
    ] = ["passages", "messages"]


class Choices(Shape):
    """What create and update have in common: everything that may be chosen for an agent."""

    tool_ids: list[str] | None = None
    source_ids: list[str] | None = None
    folder_ids: list[str] | None = None
    block_ids: list[str] | None = None
    identity_ids: list[str] | None = None
    mcp_server_ids: Annotated[list[str] | None, Field(max_length=100)] = None
    """MCP servers whose tools the agent is given, besides those that it has."""
    tags: list[str] | None = None
    system: str | None = None
    tool_rules: list[ToolRule] | None = None
    description: str | None = None
    metadata: dict[str, Any] | None = None
    secrets: dict[str, str | None] | None = None
    tool_exec_environment_variables: dict[str, str | None] | None = None
    project_id: str | None = None
    template_id: str | None = None
    base_template_id: str | None = None
    model: str | None = None
    embedding: str | None = None
    embedding_model: str | None = None
    """The same in the words of other clients."""
    model_settings: ModelSettings | None = None
    compaction_settings: CompactionSettings | None = None
    context_window_limit: Tokens | None = None
    reasoning: bool | None = None
    llm_config: LLMConfig | None = None
    embedding_config: EmbeddingConfig | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    max_tokens: Tokens | None = None
    enable_sleeptime: bool | None = None
    timezone: str | None = None
    max_files_open: Annotated[int | None, Field(ge=0, le=1000)] = None
    per_file_view_window_char_limit: Annotated[int | None, Field(ge=0, le=2**31 - 1)] = None
    auto_recall: AutoRecall | None = None
    hidden: bool | None = None


class CreateAgent(Choices, Sparse):
    """The body of a create: any subset of it, nothing at all included."""

    name: Name | None = None
    memory_blocks: list[CreateBlock] | None = None
    persona: str | None = None
    human: str | None = None
    tools: list[str] | None = None
    agent_type: AgentType = "letta_v1_agent"
    initial_message_sequence: list[MessageCreate] | None = None
    include_base_tools: bool | None = True
    include_multi_agent_tools: bool | None = False
    include_base_tool_rules: bool | None = None
    include_default_source: bool | None = False
    embedding_chunk_size: Annotated[int | None, Field(ge=1, le=1_000_000)] = 300
    max_reasoning_tokens: Annotated[int | None, Field(ge=0, le=2**31 - 1)] = None
    enable_reasoner: bool | None = True
    from_template: str | None = None
    template: bool | None = False
    project: str | None = None
    memory_variables: dict[str, str] | None = None
    message_buffer_autoclear: bool | None = False


class UpdateAgent(Choices):
    """The body of an update: null means unchanged, a list replaces what was there."""

    name: Name | None = None
    message_ids: list[str] | None = None
    message_buffer_autoclear: bool | None = None
    last_run_completion: datetime | None = None
    last_run_duration_ms: Annotated[int | None, Field(ge=0, le=2**62)] = None
    last_stop_reason: StopReason | None = None


class Agent(Entity):
    """The domain object and the row; V1's JSON is `wire.state`. What hangs on an agent has tables of its own."""

    name: str
    agent_type: AgentType = "letta_v1_agent"
    system: str
    description: str | None = None
    metadata: dict[str, Any] | None = None
    tags: list[str] = Field(default_factory=list[str])
    tool_rules: list[ToolRule] = Field(default_factory=list[ToolRule])
    model: str | None = None
    """The model's handle; None follows the server's default."""
    llm: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Fields of V1's llm_config that were chosen for this agent; the others are the model card's."""
    model_settings: dict[str, Any] | None = None
    embedding: str | None = None
    embedding_config: dict[str, Any] | None = None
    compaction_settings: dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    message_buffer_autoclear: bool = False
    enable_sleeptime: bool | None = None
    timezone: str | None = None
    max_files_open: int | None = None
    per_file_view_window_char_limit: int | None = None
    auto_recall: AutoRecall | None = None
    has_folders: bool = False
    """Whether it is worth looking for them, which most turns need not."""
    hidden: bool | None = None
    project_id: str | None = None
    template_id: str | None = None
    base_template_id: str | None = None
    deployment_id: str | None = None
    entity_id: str | None = None
    last_run_completion: datetime | None = None
    last_run_duration_ms: int | None = None
    last_stop_reason: StopReason | None = None


class AgentSecret(Entity):
    """A value that tools of one agent get in their environment."""

    agent_id: str
    key: str
    value: Annotated[str, Encrypted]
    description: str | None = None
