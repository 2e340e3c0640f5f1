"""What a list of steps can be narrowed to; the names are those of the query."""

from datetime import datetime
from typing import Literal

from holdfast.kit.entity import Shape

Feedback = Literal["positive", "negative"]


class StepFilter(Shape):
    agent_id: str | None = None
    model: str | None = None
    """The name of the model, or its handle."""
    project_id: str | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    feedback: Feedback | None = None
    has_feedback: bool | None = None
    tags: list[str] | None = None
    trace_ids: list[str] | None = None


class StepFeedback(Shape):
    """The body of a feedback: null takes it back."""

    feedback: Feedback | None = None
    tags: list[str] | None = None
