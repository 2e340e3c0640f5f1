"""JSON answers, written once and sent as bytes."""

from typing import Any

import orjson
from fastapi import Response
from pydantic import BaseModel

OPTIONS = orjson.OPT_NON_STR_KEYS


def encode(value: Any) -> bytes:
    """The JSON of wire values: dicts, lists, pydantic models, datetimes."""
    return orjson.dumps(value, default=_plain, option=OPTIONS)


def reply(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(encode(value), status, headers, "application/json")


def indented(value: Any) -> Response:
    """JSON for people to read."""
    return Response(
        orjson.dumps(value, default=_plain, option=OPTIONS | orjson.OPT_INDENT_2), 200, None, "application/json"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, set | frozenset):
        return sorted(value)  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType] -- any set of scalars
    raise TypeError(f"{type(value).__name__} has no JSON form")
