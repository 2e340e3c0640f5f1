"""What a list of runs can be narrowed to; the names are those of the query."""

from holdfast.kit.entity import Shape
from holdfast.runs.model import RunStatus, StopReason


class ActiveFilter(Shape):
    agent_id: str | None = None
    background: bool | None = None


class RunFilter(ActiveFilter):
    agent_ids: list[str] | None = None
    statuses: list[RunStatus] | None = None
    active: bool = False
    """Only runs that are not over."""
    stop_reason: StopReason | None = None
    conversation_id: str | None = None
