"""What whoever imports an agent file decides about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.agentfile.model import FileAgent, FileSource
from holdfast.agents.model import CreateAgent
from holdfast.files.model import NewFolder
from holdfast.llm.settings import LLMConfig

LONGEST_NAME = 200
COPY = "_copy"
KEPT_FOR_ANOTHER_MODEL = {"context_window", "max_tokens", "temperature", "parallel_tool_calls"}


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The fields of the form, the older names of some of them resolved."""

    name: str | None = None
    model: str | None = None
    embedding: str | None = None
    project_id: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    override_existing_tools: bool = True
    append_copy_suffix: bool = True
    strip_messages: bool = False

    def create(self, sent: FileAgent, ids: Mapping[str, str]) -> CreateAgent:
        """The body that makes an agent of the file; `ids` are those of what it holds here."""
        fields = {name: getattr(sent, name) for name in sent.model_fields_set if name in CreateAgent.model_fields}
        has_messages = bool(sent.messages) and not self.strip_messages
        fields |= {
            "name": self._named(sent.name),
            "tools": None,
            "tool_ids": [ids[id] for id in sent.tool_ids or []],
            "block_ids": [ids[id] for id in sent.block_ids or []],
            "source_ids": [ids[id] for id in sent.folders],
            "folder_ids": None,
            "identity_ids": None,
            "project_id": self.project_id,
            "template_id": None,
            "base_template_id": None,
            "secrets": self._secrets(sent),
            "tool_exec_environment_variables": None,
            "include_base_tools": False,
            "include_multi_agent_tools": False,
            "include_base_tool_rules": False,
            "initial_message_sequence": [] if has_messages else None,
        }
        return CreateAgent.model_validate({**fields, **self._other_models(sent)})

    def folder(self, sent: FileSource, name: str) -> NewFolder:
        return NewFolder(
            name=name,
            description=sent.description,
            instructions=sent.instructions,
            metadata=sent.metadata,
            embedding=self.embedding,
            embedding_config=None if self.embedding else sent.embedding_config,
        )

    def _named(self, name: str | None) -> str | None:
        if self.name:
            return self.name
        if name is None or not self.append_copy_suffix:
            return name
        return name[: LONGEST_NAME - len(COPY)] + COPY

    def _secrets(self, sent: FileAgent) -> dict[str, str | None]:
        """The names that the file has, with the values that were given for them."""
        names = {**(sent.tool_exec_environment_variables or {}), **(sent.secrets or {})}
        return {name: self.secrets.get(name, value) for name, value in names.items()}

    def _other_models(self, sent: FileAgent) -> dict[str, Any]:
        """What the file says of its models, replaced where others were named."""
        changes = dict[str, Any]()
        if self.model:
            compaction = sent.compaction_settings
            changes |= {
                "model": self.model,
                "llm_config": _kept(sent.llm_config),
                "model_settings": None,
                "compaction_settings": compaction and compaction.model_copy(update={"model": None}),
            }
        if self.embedding:
            changes |= {"embedding": self.embedding, "embedding_model": None, "embedding_config": None}
        return changes


def _kept(config: LLMConfig | None) -> LLMConfig | None:
    """What was chosen for one model and makes sense for another."""
    if config is None:
        return None
    chosen = config.model_dump(exclude_unset=True, exclude_none=True, include=KEPT_FOR_ANOTHER_MODEL)
    return LLMConfig.model_validate(chosen)
