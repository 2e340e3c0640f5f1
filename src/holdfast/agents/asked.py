"""What the routes around agents ask for: which relations the client wants to see."""

from typing import Annotated, Literal

from fastapi import Depends, Query

from holdfast.agents.load import ALL
from holdfast.auth.caller import Modern

Include = Literal[
    "agent.blocks",
    "agent.identities",
    "agent.managed_group",
    "agent.pending_approval",
    "agent.secrets",
    "agent.sources",
    "agent.tags",
    "agent.tools",
]

OLD_NAMES = {"memory": "blocks", "tool_exec_environment_variables": "secrets", "multi_agent_group": "managed_group"}
"""What `include_relationships`, the generation before, calls some relations."""


async def _relations(
    modern: Modern,
    include: Annotated[list[Include] | None, Query(description="Relations to load.")] = None,
    include_relationships: Annotated[list[str] | None, Query(deprecated=True)] = None,
) -> frozenset[str]:
    """1.x clients get what they ask for, the generations before get everything (CONTRACT §1.2)."""
    asked = {name.removeprefix("agent.") for name in include or ()}
    asked |= {OLD_NAMES.get(name, name) for name in include_relationships or ()}
    return frozenset(asked) if modern or asked else ALL


Relations = Annotated[frozenset[str], Depends(_relations)]
