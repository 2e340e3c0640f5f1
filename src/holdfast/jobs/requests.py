"""The body that starts a batch (CONTRACT §15)."""

from typing import Annotated

from pydantic import Field

from holdfast.kit.entity import Shape
from holdfast.kit.ids import pattern
from holdfast.turns.requests import SendMessage

MOST_REQUESTS = 5000
"""How many requests a batch has at most: they are stored in one go."""


class BatchRequest(SendMessage):
    """A request to one agent; nobody listens, so what it says of streaming is without effect."""

    agent_id: Annotated[str, Field(pattern=pattern("agent"))]


class CreateBatch(Shape):
    """Requests to be worked on in the background."""

    requests: Annotated[list[BatchRequest], Field(min_length=1, max_length=MOST_REQUESTS)]
    callback_url: Annotated[str | None, Field(max_length=2000)] = None
    """Where the batch's end is POSTed to."""
