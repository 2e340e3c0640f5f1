"""A batch: requests to many agents that are worked on a few at a time, each as a background run."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from holdfast.kit.entity import Entity, Hidden

BatchStatus = Literal["running", "completed", "failed", "cancelled"]
ItemStatus = Literal["waiting", "running", "completed", "failed", "cancelled"]


class Batch(Entity):
    """The row of a batch; V1's JSON is that of a job."""

    status: BatchStatus = "running"
    completed_at: datetime | None = None
    callback_url: str | None = None
    callback_sent_at: datetime | None = None
    callback_status_code: int | None = None
    callback_error: str | None = None
    sender: Annotated[dict[str, Any], Hidden] = Field(default_factory=dict[str, Any])
    """The rights of whoever sent it, with which its requests are worked on."""
    owner: Annotated[str | None, Hidden] = None
    """The server process that works on it, as long as its lease runs."""
    leased_until: Annotated[datetime | None, Hidden] = None
    is_settled: Annotated[bool, Hidden] = False
    """It is over, and whoever wanted to know has been told."""


class BatchItem(Entity):
    """One request of a batch, and the run that works on it."""

    batch_id: str
    position: int
    agent_id: str
    status: ItemStatus = "waiting"
    run_id: str | None = None
    request: dict[str, Any] | None = None
    """What was sent, until its run begins."""
    problem: str | None = None
    """Why it failed."""
