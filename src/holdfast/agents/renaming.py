"""Changes of tools that agents have: rules know a tool by its name, and go with it when it gets another."""

from collections.abc import Mapping
from typing import Any

from holdfast.agents import store
from holdfast.auth.model import Who
from holdfast.store.table import Tx
from holdfast.tools import store as tools
from holdfast.tools.model import Tool
from holdfast.tools.rules import renamed


def change(tx: Tx, who: Who, tool_id: str, values: Mapping[str, Any]) -> Tool:
    """Set fields of a tool; a call that a person must approve is still one under the tool's new name."""
    before = tools.get(tx, who, tool_id)
    after = tools.change(tx, who, tool_id, values)
    for agent_id in tools.holders(tx, who, tool_id) if after.name != before.name else ():
        agent = store.rows.update(tx, who, agent_id, {})  # touched first: changes of its rules wait for each other
        rules = [renamed(rule, before.name, after.name) for rule in agent.tool_rules]
        store.rows.update(tx, who, agent_id, {"tool_rules": rules})
    return after
