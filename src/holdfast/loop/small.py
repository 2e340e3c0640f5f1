"""What is different for a small model: when that is so, which tools it is offered, and what it is told. Pure."""

from collections.abc import Collection, Sequence

from holdfast.agents.model import Agent, AutoRecall
from holdfast.llm.model import ModelCard
from holdfast.loop.rules import Allowed
from holdfast.prompt import systems
from holdfast.tools.model import Tool
from holdfast.tools.rules import ToolRule

LARGEST = 8.5
"""Billions of parameters: what is sold as 8B has up to 8.3 of them."""
MOST_TOOLS = 6
CHOICE = "small_model_mode"
"""The entry of an agent's metadata that decides for that agent."""

FIRST = ("send_message", "archival_memory_insert", "memory_insert", "core_memory_append")
"""Without these an agent cannot speak or remember."""
THEN = (
    "conversation_search",
    "archival_memory_search",
    "memory_replace",
    "core_memory_replace",
    "memory",
)


def is_on(setting: str, agent: Agent, card: ModelCard) -> bool:
    """Whether an agent's model is helped: the agent's own choice counts first, then the server's, then its size."""
    chosen = (agent.metadata or {}).get(CHOICE)
    mode = chosen if chosen in ("on", "off") else setting
    if mode != "auto":
        return mode == "on"
    return card.is_local and card.parameters is not None and card.parameters < LARGEST


def offered(tools: Sequence[Tool], now: Allowed, ruled: Sequence[ToolRule]) -> Collection[str]:
    """The names of the few tools that a small model is told of; what the rules force is never left out."""
    able = [tool for tool in tools if tool.name in now.names]
    if now.is_forced or len(able) <= MOST_TOOLS:
        return now.names
    bound = {rule.tool_name for rule in ruled}
    best = sorted(able, key=lambda tool: _rank(tool, bound))
    return {tool.name for tool in best[:MOST_TOOLS]}


def _rank(tool: Tool, bound: Collection[str]) -> int:
    if tool.name in bound or tool.name in FIRST:
        return 0
    if not tool.is_builtin:
        return 1
    return 2 + (THEN.index(tool.name) if tool.name in THEN else len(THEN))


def auto_recall(agent: Agent, *, is_small: bool) -> AutoRecall | None:
    """How an agent is reminded of what it knows: small models forget to look, so theirs are unless they chose."""
    return agent.auto_recall or (AutoRecall() if is_small else None)


def prompt(text: str, agent: Agent) -> str:
    """The compiled prompt with a shorter beginning, if nobody wrote the agent one of its own."""
    shorter = systems.SMALL.get(agent.system)
    if shorter is None or not text.startswith(agent.system):
        return text
    return shorter + text[len(agent.system) :]
