"""A block: a named piece of text that is always in the prompt of the agents that hold it."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from holdfast.history.model import Replaced, Tracked
from holdfast.kit.entity import Hidden, Shape, Sparse

DEFAULT_LIMIT = 100_000
LARGEST = 2**31 - 1

DESCRIPTIONS = {
    "persona": "Who you are: your name, character, manner of speaking and what you have learned about yourself. "
    "Keep it current, so that you stay the same person in every conversation.",
    "human": "What you know about the person you talk with: name, facts, preferences, plans. "
    "Update it when you learn something, so that you recognise them next time.",
}
"""What a block with one of these labels is for, when nobody said."""

LINE_NUMBERS_WARNING = (
    "The numbers before the arrows are for reading only; leave them out of what you pass to memory tools."
)
"""Beside blocks that are shown with numbered lines; memory tools refuse text that holds it."""


def _text(value: Any) -> Any:
    return "" if value is None else value


class NewBlock(Sparse):
    """What a client may set."""

    value: Annotated[str, BeforeValidator(_text)]
    limit: Annotated[int, Field(ge=0, le=LARGEST)] = DEFAULT_LIMIT
    project_id: str | None = None
    template_name: str | None = None
    is_template: bool = False
    template_id: str | None = None
    base_template_id: str | None = None
    deployment_id: str | None = None
    entity_id: str | None = None
    preserve_on_migration: bool | None = False
    label: Annotated[str | None, Field(max_length=500)] = None
    read_only: bool = False
    description: str | None = None
    metadata: dict[str, Any] | None = Field(default_factory=dict[str, Any])
    hidden: bool | None = None
    tags: Annotated[list[str], BeforeValidator(lambda tags: tags or [])] = Field(default_factory=list[str])


class CreateBlock(NewBlock):
    """The body of a create: a block needs a label there."""

    label: Annotated[str, Field(min_length=1, max_length=500)]  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues] -- narrower on purpose


Count = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]


class BlockFilter(Shape):
    """What a list of blocks can be narrowed to; the names are those of the query."""

    label: str | None = None
    name: str | None = None
    tags: list[str] = []
    match_all_tags: bool = False
    templates_only: bool = False
    project_id: str | None = None
    identity_id: str | None = None
    identifier_keys: list[str] = []
    label_search: str | None = None
    description_search: str | None = None
    value_search: str | None = None
    connected_to_agents_count_gt: Count | None = None
    connected_to_agents_count_lt: Count | None = None
    connected_to_agents_count_eq: list[Count] = []


class Block(NewBlock, Tracked):
    """The domain object, the JSON on the wire and the row."""

    created_at: Annotated[datetime, Hidden]  # pyright: ignore[reportGeneralTypeIssues] -- V1 does not show it
    updated_at: Annotated[datetime, Hidden]  # pyright: ignore[reportGeneralTypeIssues] -- V1 does not show it


class BlockVersion(Replaced):
    """A state that a block had until someone replaced it."""

    block_id: str
    value: str
    label: str | None
    description: str | None
    limit: int
    read_only: bool
    metadata: dict[str, Any] | None
    tags: list[str]
