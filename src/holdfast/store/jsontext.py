"""JSON columns, by orjson."""

from typing import Any

import orjson

from holdfast.kit.reply import encode


def to_json(value: Any) -> str:
    return encode(value).decode()


def from_json(text: str | bytes) -> Any:
    return orjson.loads(text)
