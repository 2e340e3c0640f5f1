"""What a built-in tool knows about the call that it serves."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from holdfast.auth.model import Who
from holdfast.blocks.store import Cause
from holdfast.store.table import Tx


@dataclass(frozen=True, slots=True)
class ToolContext:
    """On whose behalf a tool runs, and in which transaction: the one that commits the step."""

    tx: Tx
    who: Who
    agent_id: str
    thread_id: str
    cause: Cause = field(default_factory=Cause)
    timezone: str | None = None
    isolated_block_ids: Sequence[str] = ()
    """The thread's own blocks, which take the place of the agent's of the same label."""
