"""One class per entity: the domain object, the JSON on the wire and the row in the table."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Generic, TypeVar, cast, get_args

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, create_model, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from holdfast.kit.clock import now


class Shape(BaseModel):
    """What a client may send. Unknown keys are ignored: clients newer than us send fields that we do not know."""

    model_config = ConfigDict(extra="ignore", defer_build=True)


class Sparse(Shape):
    """A shape in which a null where none can stand means that the field was left out."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, sent: Any) -> Any:
        if not isinstance(sent, dict):
            return sent
        fields = cast(dict[str, Any], sent)
        wrong = [name for name in _never_null(cls) if name in fields and fields[name] is None]
        return {name: value for name, value in fields.items() if name not in wrong} if wrong else fields


@cache
def _never_null(shape: type[BaseModel]) -> Sequence[str]:
    """The names of the fields that have a value of their own when they are left out, with every spelling."""
    found = {name: f for name, f in shape.model_fields.items() if f.default is not None and not f.is_required()}
    spelled = [other for field in found.values() for other in _spellings(field) if isinstance(other, str)]
    return (*found, *spelled)


def _spellings(field: FieldInfo) -> Sequence[object]:
    """What a field may be called besides."""
    alias = field.validation_alias
    return alias.choices if isinstance(alias, AliasChoices) else (alias,)


class Entity(Shape):
    """A row of an organization. Who and when is on every row; whether it is on the wire, the class says."""

    id: str
    organization_id: str = Field(exclude=True)
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)
    created_by_id: str | None = None
    last_updated_by_id: str | None = None


class Unstored:
    """Marks a field that is loaded from elsewhere: `Annotated[list[str], Unstored()]` has no column."""


class Encrypted:
    """Marks a field whose column is encrypted: `Annotated[str, Encrypted()]`."""


Hidden = Field(exclude=True)
"""`Annotated[datetime, Hidden]`: a column that V1's JSON does not show."""

S = TypeVar("S", bound=Shape)


class Patch(Generic[S]):
    """The PATCH form of a shape: any subset of its fields, each validated as in the shape; null means unchanged."""

    def __init__(self, sent: dict[str, Any]) -> None:
        self.sent = sent
        self.values = {name: value for name, value in sent.items() if value is not None}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        (shape,) = get_args(source)
        fields: dict[str, Any] = {name: _optional(field) for name, field in shape.model_fields.items()}
        partial: type[Shape] = create_model(f"{shape.__name__}Patch", __base__=Shape, **fields)

        def patch(sent: Shape) -> "Patch[Any]":
            return cls({name: getattr(sent, name) for name in sent.model_fields_set})

        return core_schema.no_info_after_validator_function(patch, handler(partial))


def _optional(field: FieldInfo) -> tuple[Any, Any]:
    """The field with its rules but without its default: what is not sent must not be set."""
    kind: Any = field.annotation
    for rule in field.metadata:
        kind = Annotated[kind, rule]
    return kind | None, Field(None, description=field.description)
