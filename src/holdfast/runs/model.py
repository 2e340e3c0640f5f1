"""A run: one request worked on, from its input to its stop reason."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from holdfast.kit.entity import Entity, Hidden

RunStatus = Literal["created", "running", "completed", "failed", "cancelled"]
StopReason = Literal[
    "end_turn",
    "error",
    "llm_api_error",
    "invalid_llm_response",
    "invalid_tool_call",
    "max_steps",
    "max_tokens_exceeded",
    "no_tool_call",
    "tool_rule",
    "cancelled",
    "insufficient_credits",
    "requires_approval",
    "context_window_overflow_in_system_prompt",
]
NOBODY = "nobody"
"""The owner of a run that its process has let go of, for another to take over."""

COMPLETED: frozenset[str] = frozenset(("end_turn", "max_steps", "tool_rule", "requires_approval"))


def status_of(stop_reason: StopReason) -> RunStatus:
    if stop_reason == "cancelled":
        return "cancelled"
    return "completed" if stop_reason in COMPLETED else "failed"


class Run(Entity):
    """The domain object and the row; V1's JSON is `wire.run`."""

    agent_id: str
    thread_id: Annotated[str, Hidden]
    status: RunStatus = "created"
    completed_at: datetime | None = None
    background: bool = False
    base_template_id: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict[str, Any])
    request_config: dict[str, Any] | None = None
    stop_reason: StopReason | None = None
    callback_url: str | None = None
    callback_sent_at: datetime | None = None
    callback_status_code: int | None = None
    callback_error: str | None = None
    ttft_ns: int | None = None
    total_duration_ns: int | None = None
    memory_used: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    """What its model was shown of the agent's memory without having asked for it."""
    input: Annotated[list[Any], Hidden] = Field(default_factory=list[Any])
    """What was sent, until the first step's commit turns it into messages."""
    num_steps: Annotated[int, Hidden] = 0
    started_at: Annotated[datetime | None, Hidden] = None
    project_id: Annotated[str | None, Hidden] = None
    owner: Annotated[str | None, Hidden] = None
    """The server process that still has something to do for it: to work on it, or to tell how it ended."""
    epoch: Annotated[int, Hidden] = 1
    """Counts its owners, so that what an earlier one still writes is refused."""
    deaths: Annotated[int, Hidden] = 0
    """How many processes have died while they worked on it."""
    request: Annotated[dict[str, Any] | None, Hidden] = None
    """What was asked besides the messages, and by whom: all that another process needs to go on with it."""
    request_key: Annotated[str | None, Hidden] = None
    """The same for a request that is sent again, so that it finds this run."""

    @property
    def is_over(self) -> bool:
        return self.status in ("completed", "failed", "cancelled")
