"""Which tools and rules an agent gets that did not choose its own (CONTRACT §4)."""

from collections.abc import Iterable, Mapping, Sequence

from holdfast.tools.rules import ContinueToolRule, TerminalToolRule, ToolRule

BASE_TOOLS: Mapping[str, Sequence[str]] = {
    "letta_v1_agent": ("conversation_search", "memory_insert", "memory_replace"),
    "memgpt_v2_agent": ("send_message", "conversation_search", "memory_insert", "memory_replace"),
    "memgpt_agent": (
        "send_message",
        "conversation_search",
        "core_memory_append",
        "core_memory_replace",
        "memory",
        "memory_apply_patch",
    ),
    "sleeptime_agent": ("memory_replace", "memory_insert", "memory_rethink", "memory_finish_edits"),
    "voice_convo_agent": ("send_message", "search_memory"),
    "voice_sleeptime_agent": ("store_memories", "rethink_user_memory", "finish_rethinking_memory"),
}
WITH_SLEEPTIME = ("send_message", "conversation_search", "archival_memory_search")
"""What is left to an agent of the heartbeat loop when a background agent keeps its memory."""

SLEEPTIME_CAPABLE: frozenset[str] = frozenset(("memgpt_agent", "memgpt_v2_agent"))

MULTI_AGENT_TOOLS = (
    "send_message_to_agent_and_wait_for_reply",
    "send_message_to_agents_matching_tags",
    "send_message_to_agent_async",
)

ENDING = frozenset(("send_message", "send_message_to_agent_async", "memory_finish_edits"))
CONTINUING = frozenset(
    (
        "conversation_search",
        "archival_memory_insert",
        "archival_memory_search",
        "core_memory_append",
        "core_memory_replace",
        "memory",
        "memory_apply_patch",
        "memory_replace",
        "memory_insert",
        "memory_rethink",
        "search_memory",
        "store_memories",
        "rethink_user_memory",
    )
)

RULELESS_MODELS = ("claude-4-sonnet", "claude-3-5-sonnet", "gpt-5", "gemini-2.5-pro")
"""Models that do better without the base rules."""


def base_tools(agent_type: str, *, enable_sleeptime: bool = False) -> Sequence[str]:
    """The names of the tools that a new agent of this type gets."""
    return WITH_SLEEPTIME if enable_sleeptime and agent_type in SLEEPTIME_CAPABLE else BASE_TOOLS.get(agent_type, ())


def wants_base_rules(agent_type: str, model: str | None, asked: bool | None) -> bool:
    """Whether a new agent gets the base rules: what the client asked for, else what suits its type and model."""
    if agent_type == "sleeptime_agent":
        return True
    if asked is not None:
        return asked
    return agent_type != "letta_v1_agent" and not _is_ruleless(model or "")


def base_rules(tool_names: Iterable[str]) -> list[ToolRule]:
    """End after speaking, go on after looking something up or writing it down."""
    rules: list[ToolRule] = []
    for name in tool_names:
        if name in ENDING:
            rules.append(TerminalToolRule(tool_name=name))
        elif name in CONTINUING:
            rules.append(ContinueToolRule(tool_name=name))
    return rules


def _is_ruleless(model: str) -> bool:
    return "-mini" not in model and any(name in model for name in RULELESS_MODELS)
