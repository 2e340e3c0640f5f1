"""V1's JSON of an agent, as types: the OpenAPI document is made from them."""

from datetime import datetime
from typing import Any, Literal

from typing_extensions import TypedDict

from holdfast.agents.model import AgentType, AutoRecall
from holdfast.blocks.model import Block
from holdfast.files.wire import Source
from holdfast.identities.model import Identity
from holdfast.llm.settings import CompactionSettings, ModelSettings, ResponseFormat
from holdfast.llm.wire import EmbeddingConfigWire, LLMConfigWire
from holdfast.messages.shapes import ApprovalRequestMessage
from holdfast.runs.model import StopReason
from holdfast.tools.model import Tool
from holdfast.tools.rules import ToolRule


class FileBlock(Block):
    """A file that an agent has open, in the form of a block."""

    file_id: str
    source_id: str
    is_open: bool
    last_accessed_at: datetime | None = None


class Memory(TypedDict):
    agent_type: AgentType | str | None
    git_enabled: bool
    blocks: list[Block]
    file_blocks: list[FileBlock]
    prompt_template: str


class Group(TypedDict):
    """Agents that work together."""

    id: str
    manager_type: Literal["round_robin", "supervisor", "dynamic", "sleeptime", "voice_sleeptime", "swarm"]
    agent_ids: list[str]
    description: str
    project_id: str | None
    template_id: str | None
    base_template_id: str | None
    deployment_id: str | None
    shared_block_ids: list[str]
    manager_agent_id: str | None
    termination_token: str | None
    max_turns: int | None
    sleeptime_agent_frequency: int | None
    turns_counter: int | None
    last_processed_message_id: str | None
    max_message_buffer_length: int | None
    min_message_buffer_length: int | None
    hidden: bool | None


class AgentEnvironmentVariable(TypedDict):
    id: str
    key: str
    value: str
    description: str | None
    value_enc: str | None
    agent_id: str
    organization_id: str
    created_at: datetime | None
    updated_at: datetime | None
    created_by_id: str | None
    last_updated_by_id: str | None


class AgentState(TypedDict):
    id: str
    name: str
    created_at: datetime | None
    updated_at: datetime | None
    created_by_id: str | None
    last_updated_by_id: str | None
    tool_rules: list[ToolRule] | None
    message_ids: list[str] | None
    system: str
    agent_type: AgentType
    llm_config: LLMConfigWire
    embedding_config: EmbeddingConfigWire | None
    model: str | None
    embedding: str | None
    model_settings: ModelSettings | None
    compaction_settings: CompactionSettings | None
    response_format: ResponseFormat | None
    description: str | None
    metadata: dict[str, Any] | None
    memory: Memory
    blocks: list[Block]
    tools: list[Tool]
    sources: list[Source]
    tags: list[str]
    tool_exec_environment_variables: list[AgentEnvironmentVariable]
    secrets: list[AgentEnvironmentVariable]
    project_id: str | None
    template_id: str | None
    base_template_id: str | None
    deployment_id: str | None
    entity_id: str | None
    identity_ids: list[str]
    identities: list[Identity]
    pending_approval: ApprovalRequestMessage | None
    message_buffer_autoclear: bool
    enable_sleeptime: bool | None
    multi_agent_group: Group | None
    managed_group: Group | None
    last_run_completion: datetime | None
    last_run_duration_ms: int | None
    last_stop_reason: StopReason | None
    timezone: str | None
    max_files_open: int | None
    per_file_view_window_char_limit: int | None
    auto_recall: AutoRecall | None
    hidden: bool | None


class RanTool(TypedDict):
    """What a tool of an agent came to when it was run on request."""

    status: Literal["success", "error"]
    func_return: Any
    agent_state: AgentState | None
    stdout: list[str] | None
    stderr: list[str] | None
    sandbox_config_fingerprint: str | None
