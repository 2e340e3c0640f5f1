"""What a function returned, as JSON."""

import binascii
import collections.abc
import dataclasses
import datetime
import enum
import math
import types
from typing import Any, cast

DEEPEST = 100
AS_TEXT = ("decimal", "fractions", "uuid", "ipaddress")
"""Modules whose things are told as text; loading them for that would cost every program."""
MOMENTS = (datetime.datetime, datetime.date, datetime.time)
ROWS = (list, tuple, set, frozenset, collections.deque, collections.abc.KeysView, collections.abc.ValuesView, range)


class NotJson(Exception):
    """The value has no sensible JSON; the sentence says why."""


def as_json(value: Any, levels: int = DEEPEST) -> Any:
    """The value in terms of JSON: models, dataclasses, enums, moments, sets and bytes included."""
    if levels < 0:
        raise NotJson(f"It returned something that nests more than {DEEPEST} levels deep, or contains itself.")
    if value is None or type(value) in (bool, str):
        return value
    if isinstance(value, enum.Enum):
        return as_json(value.value, levels - 1)
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, collections.abc.Mapping):
        pairs = cast(collections.abc.Mapping[Any, Any], value).items()
        return {_key(key): as_json(item, levels - 1) for key, item in pairs}
    if isinstance(value, ROWS):
        return [as_json(item, levels - 1) for item in cast(list[Any], value)]
    return _other(value, levels)


def _number(value: float) -> Any:
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    return int(value) if -(2**63) <= value < 2**63 else str(int(value))


def _key(key: Any) -> str:
    if isinstance(key, enum.Enum):
        return _key(key.value)
    if isinstance(key, bytes):
        return _text(key)
    return str(key)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return binascii.b2a_base64(value, newline=False).decode()


def _other(value: Any, levels: int) -> Any:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _text(bytes(cast(bytes, value)))
    if isinstance(value, MOMENTS):
        return value.isoformat()
    if type(value).__module__ in AS_TEXT or isinstance(value, datetime.timedelta) or hasattr(value, "__fspath__"):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return as_json(named, levels)
    if isinstance(value, types.SimpleNamespace):
        return as_json(vars(value), levels)
    return _by_its_methods(value, levels)


def _by_its_methods(value: Any, levels: int) -> Any:
    """Models of pydantic, arrays and numbers of numpy: whatever knows its own plain form."""
    for method in () if isinstance(value, type) else ("model_dump", "tolist", "to_dict"):
        made = getattr(value, method, None)
        if callable(made):
            return as_json(made(), levels - 1)
    raise NotJson(
        f"It returned {_named(value)}, which is not JSON. Return text, numbers, lists or dicts, or a dataclass or "
        "pydantic model of these."
    )


def _named(value: Any) -> str:
    return f"the class {value.__qualname__}" if isinstance(value, type) else f"a {type(value).__qualname__}"
