"""Why something that is remembered is as it is: what made it, and what replaced each of its states."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from holdfast.kit.entity import Entity, Hidden, Shape

Action = Literal["create", "edit", "delete", "supersede", "detach", "restore", "undo"]


@dataclass(frozen=True, slots=True)
class Cause:
    """What led to a change: nothing of this for a plain edit through the API."""

    run_id: str | None = None
    step_id: str | None = None
    tool_call_id: str | None = None
    reason: str | None = None
    action: Action = "edit"
    back_to: int | None = None
    """The version whose state the change puts back, or leaves as it is."""
    agent_id: str | None = None
    """The agent that loses a block, when one is detached."""


NOTHING = Cause()


class Tracked(Entity):
    """What has a history: how many states it had, and what made it; none of it is in V1's JSON."""

    version: Annotated[int, Hidden] = 1
    origin_run_id: Annotated[str | None, Hidden] = None
    origin_step_id: Annotated[str | None, Hidden] = None
    origin_call_id: Annotated[str | None, Hidden] = None
    origin_key_id: Annotated[str | None, Hidden] = None

    @property
    def made_at(self) -> datetime:
        """When it was stored first."""
        return self.created_at


class Replaced(Entity):
    """A state that something had until it was changed, and what led to that; `created_at` is when."""

    version: int
    action: Action = "edit"
    back_to: int | None = None
    run_id: str | None = None
    step_id: str | None = None
    tool_call_id: str | None = None
    agent_id: str | None = None
    key_id: str | None = None
    reason: str | None = None


class Change(Shape):
    """One change as the API shows it: the version it made, by whom and why, and the states around it."""

    version: int
    action: Action
    at: datetime
    run_id: str | None
    step_id: str | None
    tool_call_id: str | None
    key_id: str | None
    user_id: str | None
    reason: str | None
    before: dict[str, Any] | None
    """The state before; null for the first version."""
    after: dict[str, Any]


Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
Reason = Annotated[str | None, Field(max_length=2000)]


class Undo(Shape):
    """The body of an undo; nothing of it is needed."""

    reason: Reason = None


class Restore(Undo):
    """The body of a restore."""

    version: Version


class Difference(Shape):
    """How one version differs from another."""

    from_version: int
    to_version: int
    diff: str
    """The difference of the texts, as a unified diff; empty when they are the same."""
    changed: dict[str, list[Any]]
    """Whatever else differs: each field with its value before and after."""
