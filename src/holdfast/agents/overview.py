"""Where an agent's context window goes."""

from typing import Any

from typing_extensions import TypedDict

from holdfast.agents import store, wire
from holdfast.agents.compile import preview
from holdfast.archives import store as archives
from holdfast.auth.model import Who
from holdfast.errors import NotFound
from holdfast.llm.models import Models
from holdfast.llm.tokens import estimate
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.messages.internal import InternalMessage, internal
from holdfast.messages.threads import Thread
from holdfast.store.jsontext import to_json
from holdfast.store.table import Tx
from holdfast.tools import store as tools


class FunctionDefinition(TypedDict):
    name: str
    description: str | None
    parameters: dict[str, Any] | None


class FunctionTool(TypedDict):
    type: str
    function: FunctionDefinition


class ContextWindowOverview(TypedDict):
    context_window_size_max: int
    context_window_size_current: int
    num_messages: int
    num_archival_memory: int
    num_recall_memory: int
    num_tokens_external_memory_summary: int
    external_memory_summary: str
    num_tokens_system: int
    system_prompt: str
    num_tokens_core_memory: int
    core_memory: str
    num_tokens_memory_filesystem: int
    memory_filesystem: str | None
    num_tokens_tool_usage_rules: int
    tool_usage_rules: str | None
    num_tokens_directories: int
    directories: str | None
    num_tokens_summary_memory: int
    summary_memory: str | None
    num_tokens_functions_definitions: int
    functions_definitions: list[FunctionTool] | None
    num_tokens_messages: int
    messages: list[InternalMessage]


def overview(tx: Tx, who: Who, agent_id: str, conversation_id: str | None, models: Models) -> ContextWindowOverview:
    agent = store.get(tx, who, agent_id)
    thread = _thread(tx, who, agent_id, conversation_id)
    sections = preview(tx, who, agent, thread)
    archive = archives.of_agent(tx, who, agent_id)
    window = messages.window(tx, who, thread)
    summary = next((m.text for m in window if m.id == thread.summary_id), None)
    shown = [m for m in window if m.id not in (thread.prompt_id, thread.summary_id)]
    functions: list[FunctionTool] = [
        {"type": "function", "function": _definition(tool.json_schema or {})}
        for tool in tools.of_agent(tx, who, agent_id)
    ]
    memory, metadata, rules = sections.memory, sections.metadata, sections.rules
    everything = messages.count(tx, who, messages.in_thread(thread), messages.c.id != thread.prompt_id)
    found: ContextWindowOverview = {
        "context_window_size_max": wire.context_window(
            agent, models.stored_card(agent.model), models.max_context_window
        ),
        "context_window_size_current": 0,
        "num_messages": len(window),
        "num_archival_memory": archive.passage_count if archive else 0,
        "num_recall_memory": everything,
        "num_tokens_external_memory_summary": estimate(metadata),
        "external_memory_summary": metadata,
        "num_tokens_system": estimate(sections.system),
        "system_prompt": sections.system,
        "num_tokens_core_memory": estimate(memory),
        "core_memory": memory,
        "num_tokens_memory_filesystem": 0,
        "memory_filesystem": None,
        "num_tokens_tool_usage_rules": estimate(rules),
        "tool_usage_rules": rules or None,
        "num_tokens_directories": estimate(sections.directories),
        "directories": sections.directories or None,
        "num_tokens_summary_memory": estimate(summary or ""),
        "summary_memory": summary,
        "num_tokens_functions_definitions": estimate(to_json(functions)) if functions else 0,
        "functions_definitions": functions,
        "num_tokens_messages": sum(estimate(to_json(m.content)) for m in shown),
        "messages": [internal(m) for m in window],
    }
    found["context_window_size_current"] = sum(
        value for name, value in found.items() if name.startswith("num_tokens_") and isinstance(value, int)
    )
    return found


def _thread(tx: Tx, who: Who, agent_id: str, conversation_id: str | None) -> Thread:
    thread = threads.rows.get(tx, who, agent_id if conversation_id in (None, "default") else conversation_id)
    if thread.agent_id != agent_id or thread.deleted_at:
        raise NotFound(f"Agent {agent_id} has no conversation {conversation_id}.")
    return thread


def _definition(schema: dict[str, Any]) -> FunctionDefinition:
    return {
        "name": schema.get("name", ""),
        "description": schema.get("description"),
        "parameters": schema.get("parameters"),
    }
