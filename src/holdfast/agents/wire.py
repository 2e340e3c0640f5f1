"""An agent in V1's JSON, both generations of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.agents.load import Loaded
from holdfast.agents.model import Agent, AgentSecret
from holdfast.agents.state import FileBlock
from holdfast.files import wire as files
from holdfast.files.model import Folder
from holdfast.files.opened import FileView, NamedFile
from holdfast.files.wire import Source
from holdfast.kit.reply import encode
from holdfast.llm import wire as llm
from holdfast.llm.model import ModelCard
from holdfast.llm.models import Models
from holdfast.messages import wire as messages
from holdfast.tools.model import Tool

FILE_VIEWS = ((8_000, 3, 5_000), (32_000, 5, 15_000), (128_000, 10, 25_000), (200_000, 10, 40_000))
LONGEST_LABEL = 500
MODEL_COLUMNS = [
    "model",
    "llm",
    "model_settings",
    "embedding",
    "embedding_config",
    "compaction_settings",
    "response_format",
    "max_files_open",
    "per_file_view_window_char_limit",
]
LARGEST_FILE_VIEW = (15, 40_000)
"""How many files an agent has open at most, and how much it sees of each, by its context window."""


def states(loaded: Sequence[Loaded], models: Models) -> list[dict[str, Any]]:
    """The JSON of many agents; what they share is rendered once."""
    seen = _Seen()
    return [_state(each, models, seen) for each in loaded]


def state(loaded: Loaded, models: Models) -> dict[str, Any]:
    return _state(loaded, models, _Seen())


@dataclass(slots=True)
class _Seen:
    """What many agents have in common, rendered once per answer."""

    tools: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    models: dict[bytes, dict[str, Any]] = field(default_factory=dict[bytes, dict[str, Any]])
    folders: dict[str, Source] = field(default_factory=dict[str, Source])

    def tool(self, tool: Tool) -> dict[str, Any]:
        shown = self.tools.get(tool.id)
        if shown is None:
            shown = self.tools[tool.id] = tool.model_dump()
        return shown

    def folder(self, folder: Folder, models: Models) -> Source:
        shown = self.folders.get(folder.id)
        if shown is None:
            shown = self.folders[folder.id] = files.folder(folder, models)
        return shown

    def model(self, agent: Agent, models: Models) -> dict[str, Any]:
        """The keys that depend on nothing but these columns."""
        key = encode([getattr(agent, name) for name in MODEL_COLUMNS])
        shown = self.models.get(key)
        if shown is None:
            shown = self.models[key] = _models(agent, models)
        return shown


def context_window(agent: Agent, card: ModelCard, most: int) -> int:
    """The tokens an agent's context may have: what was chosen, else the model's window within the server's limit."""
    return int(agent.llm.get("context_window") or min(card.default_window, most))


def _state(loaded: Loaded, models: Models, seen: _Seen) -> dict[str, Any]:
    agent = loaded.agent
    blocks = [block.model_dump() for block in loaded.blocks]
    secrets = [_secret(secret) for secret in loaded.secrets]
    return {
        "id": agent.id,
        "name": agent.name,
        "created_at": agent.created_at,
        "updated_at": agent.updated_at,
        "created_by_id": agent.created_by_id,
        "last_updated_by_id": agent.last_updated_by_id,
        "tool_rules": [rule.model_dump() for rule in agent.tool_rules],
        "message_ids": loaded.message_ids,
        "system": agent.system,
        "agent_type": agent.agent_type,
        "description": agent.description,
        "metadata": agent.metadata,
        "memory": {
            "agent_type": agent.agent_type,
            "git_enabled": False,
            "blocks": blocks,
            "file_blocks": [_file_block(*each) for each in loaded.open_files],
            "prompt_template": "",
        },
        "blocks": blocks,
        "tools": [seen.tool(tool) for tool in loaded.tools],
        "sources": [seen.folder(folder, models) for folder in loaded.folders],
        "tags": agent.tags if "tags" in loaded.relations else [],
        "tool_exec_environment_variables": secrets,
        "secrets": secrets,
        "project_id": agent.project_id,
        "template_id": agent.template_id,
        "base_template_id": agent.base_template_id,
        "deployment_id": agent.deployment_id,
        "entity_id": agent.entity_id,
        "identity_ids": [identity.id for identity in loaded.identities],
        "identities": [identity.model_dump() for identity in loaded.identities],
        "pending_approval": messages.expand(loaded.pending)[-1] if loaded.pending else None,
        "message_buffer_autoclear": agent.message_buffer_autoclear,
        "enable_sleeptime": agent.enable_sleeptime,
        "multi_agent_group": None,
        "managed_group": None,
        "last_run_completion": agent.last_run_completion,
        "last_run_duration_ms": agent.last_run_duration_ms,
        "last_stop_reason": agent.last_stop_reason,
        "timezone": agent.timezone,
        "auto_recall": agent.auto_recall.model_dump() if agent.auto_recall else None,
        "hidden": agent.hidden,
        **seen.model(agent, models),
    }


def _models(agent: Agent, models: Models) -> dict[str, Any]:
    """The keys of both generations that say what the agent runs on."""
    card = models.stored_card(agent.model)
    config = llm.llm_config(card, agent.llm, most=models.max_context_window)
    most_open, view = _file_limits(agent, context_window(agent, card, models.max_context_window))
    settings = {
        "max_output_tokens": config["max_tokens"],
        "temperature": agent.llm.get("temperature"),
        "parallel_tool_calls": agent.llm.get("parallel_tool_calls"),
        **(agent.model_settings or {}),
    }
    embedding = models.stored_embedding_card(agent.embedding) if agent.embedding else None
    return {
        "llm_config": config,
        "model": card.handle,
        "model_settings": llm.model_settings(card, settings),
        "embedding_config": llm.embedding_config(embedding, agent.embedding_config) if embedding else None,
        "embedding": embedding.handle if embedding else None,
        "compaction_settings": agent.compaction_settings,
        "response_format": agent.response_format,
        "max_files_open": most_open,
        "per_file_view_window_char_limit": view,
    }


def file_limits(agent: Agent, models: Models) -> tuple[int, int]:
    """How many files an agent has open at most, and how many characters it sees of each."""
    return _file_limits(agent, context_window(agent, models.stored_card(agent.model), models.max_context_window))


def _file_limits(agent: Agent, window: int) -> tuple[int, int]:
    most_open, view = _file_view(window)
    chosen = agent.max_files_open
    return most_open if chosen is None else chosen, agent.per_file_view_window_char_limit or view


def _file_view(window: int) -> tuple[int, int]:
    for most, most_open, view in FILE_VIEWS:
        if window <= most:
            return most_open, view
    return LARGEST_FILE_VIEW


def _secret(secret: AgentSecret) -> dict[str, Any]:
    return {**secret.model_dump(), "organization_id": secret.organization_id, "value_enc": None}


def _file_block(known: NamedFile, seen: FileView) -> dict[str, Any]:
    """An open file in the form of a block."""
    block = FileBlock(
        id=known.link.id.replace("file_agent-", "block-"),
        organization_id=known.link.organization_id,
        created_at=known.link.created_at,
        updated_at=known.link.updated_at,
        label=known.name[:LONGEST_LABEL],
        value=seen.numbered,
        limit=max(len(seen.numbered), 1),
        read_only=True,
        file_id=known.file.id,
        source_id=known.folder.id,
        is_open=known.link.is_open,
        last_accessed_at=known.link.last_accessed_at,
    )
    return block.model_dump()
