"""An identity: a person or organization outside, whom agents and blocks belong to."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from holdfast.kit.clock import now
from holdfast.kit.entity import Entity, Hidden, Shape, Unstored

IdentityType = Literal["org", "user", "other"]


class IdentityProperty(Shape):
    key: str
    value: str | int | float | bool | dict[str, Any]
    type: Literal["string", "number", "boolean", "json"]


class NewIdentity(Shape):
    identifier_key: Annotated[str, Field(min_length=1, max_length=500)]
    name: Annotated[str, Field(min_length=1, max_length=500)]
    identity_type: IdentityType
    project_id: str | None = None
    properties: list[IdentityProperty] | None = None


class CreateIdentity(NewIdentity):
    """The body of a create, an upsert and a change: the links may come with it, and replace those there are."""

    agent_ids: list[str] | None = None
    block_ids: list[str] | None = None


class IdentityFilter(Shape):
    """What a list of identities can be narrowed to; the names are those of the query."""

    name: str | None = None
    project_id: str | None = None
    identifier_key: str | None = None
    identity_type: IdentityType | None = None


class Identity(NewIdentity, Entity):
    """The domain object, the JSON on the wire and the row; the links are loaded beside it."""

    properties: list[IdentityProperty] = Field(default_factory=list[IdentityProperty])  # pyright: ignore[reportIncompatibleVariableOverride] -- never null once stored
    agent_ids: Annotated[list[str], Unstored()] = Field(default_factory=list[str])
    block_ids: Annotated[list[str], Unstored()] = Field(default_factory=list[str])
    created_at: Annotated[datetime, Hidden] = Field(default_factory=now)
    updated_at: Annotated[datetime, Hidden] = Field(default_factory=now)
    created_by_id: Annotated[str | None, Hidden] = None
    last_updated_by_id: Annotated[str | None, Hidden] = None
