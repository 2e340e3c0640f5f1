"""The column of each field: plain scalars have their own, everything else is JSON."""

from datetime import UTC, datetime
from enum import EnumType
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import sqlalchemy as sa
from pydantic.fields import FieldInfo
from sqlalchemy.dialects.postgresql import JSONB

from holdfast.kit.entity import Encrypted, Unstored
from holdfast.store.cipher import EncryptedJson, EncryptedText
from holdfast.store.jsontext import from_json, to_json


class Json(sa.types.TypeDecorator[Any]):
    """A JSON value: JSONB on PostgreSQL, text on SQLite, where it is decoded without a detour."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else JSONB(none_as_null=True))

    def bind_processor(self, dialect: Any) -> Any:
        return _to_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        return _from_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def _to_text(value: Any) -> str | None:
    return None if value is None else to_json(value)


def _from_text(text: str | None) -> Any:
    return None if text is None else from_json(text)


class Moment(sa.types.TypeDecorator[datetime]):
    """A point in time: timestamptz on PostgreSQL, fixed-width ISO text in UTC on SQLite, so that it sorts."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        return dialect.type_descriptor(sa.String(32) if dialect.name == "sqlite" else sa.DateTime(timezone=True))

    def bind_processor(self, dialect: Any) -> Any:
        return _to_iso if dialect.name == "sqlite" else _to_utc

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        return _from_iso if dialect.name == "sqlite" else _to_utc


def _to_iso(value: datetime | None) -> str | None:
    return None if value is None else _in_utc(value).isoformat(timespec="microseconds")


def _from_iso(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _to_utc(value: datetime | None) -> datetime | None:
    return None if value is None else _in_utc(value)


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


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
        sealed = EncryptedText() if [_bare(kind) for kind in kinds] == [str] else EncryptedJson()
        return sa.Column(name, sealed, nullable=optional)
    kind = _scalar(kinds[0]) if len(kinds) == 1 else None
    return sa.Column(name, PLAIN.get(kind) or Json(), primary_key=name == "id", nullable=optional)


def _bare(kind: Any) -> Any:
    """The type without the rules that go with it."""
    return _bare(get_args(kind)[0]) if get_origin(kind) is Annotated else kind


def _kinds(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    return list(get_args(annotation)) if origin in (Union, UnionType) else [annotation]


def _scalar(kind: Any) -> Any:
    """`Literal["a"]` and string enums are text."""
    if get_origin(kind) is Literal:
        return str
    return str if _is_text_enum(kind) else kind


def _is_text_enum(kind: Any) -> bool:
    return isinstance(kind, EnumType) and issubclass(kind, str)
