"""The column of each field: plain scalars have their own, everything else is JSON."""

from datetime import UTC, datetime
from enum import Enum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import sqlalchemy as sa
from pydantic.fields import FieldInfo
from sqlalchemy.dialects.postgresql import JSONB

from holdfast.kit.entity import Encrypted, Unstored
from holdfast.store.cipher import EncryptedText

Json = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class Moment(sa.types.TypeDecorator[datetime]):
    """A point in time: timestamptz on PostgreSQL, fixed-width ISO text in UTC on SQLite, so that it sorts."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        return dialect.type_descriptor(sa.String(32) if dialect.name == "sqlite" else sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Any) -> Any:
        if value is None:
            return None
        utc = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        return utc.isoformat(timespec="microseconds") if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return datetime.fromisoformat(value) if dialect.name == "sqlite" else value.astimezone(UTC)


PLAIN: dict[Any, Any] = {
    str: sa.Text(),
    int: sa.BigInteger(),
    bool: sa.Boolean(),
    float: sa.Float(),
    datetime: Moment(),
}


def column(name: str, field: FieldInfo) -> "sa.Column[Any] | None":
    """The column of a field; None when the field is loaded from elsewhere."""
    if any(isinstance(mark, Unstored) or mark is Unstored for mark in field.metadata):
        return None
    kinds = _kinds(field.annotation)
    optional = type(None) in kinds
    kinds = [kind for kind in kinds if kind is not type(None)]
    if any(isinstance(mark, Encrypted) or mark is Encrypted for mark in field.metadata):
        return sa.Column(name, EncryptedText(), nullable=optional)
    kind = _scalar(kinds[0]) if len(kinds) == 1 else None
    return sa.Column(name, PLAIN.get(kind, Json), primary_key=name == "id", nullable=optional)


def _kinds(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    return list(get_args(annotation)) if origin in (Union, UnionType) else [annotation]


def _scalar(kind: Any) -> Any:
    """`Literal["a"]` and string enums are text."""
    if get_origin(kind) is Literal:
        return type(get_args(kind)[0])
    if isinstance(kind, type) and issubclass(kind, Enum) and issubclass(kind, str):
        return str
    return kind
