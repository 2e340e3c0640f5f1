"""Brings a value to the type that a schema asks for, where there is only one way to."""

import json
from typing import Any, cast

from holdfast.llm.printed import values

MISFIT = object()
"""Stands for a value that cannot be brought to its type."""

YES, NO = ("true", "yes", "1", "on"), ("false", "no", "0", "off")
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def coerced(value: Any, schema: dict[str, Any]) -> Any:
    """The value, as it was or brought to its type, or `MISFIT`."""
    kinds = _kinds(schema)
    if value is None and "null" not in kinds:
        return MISFIT
    if choices := schema.get("enum"):
        return _chosen(value, cast(list[Any], choices))
    if not kinds or any(_is(value, kind) for kind in kinds):
        return _of_items(cast(list[Any], value), schema) if isinstance(value, list) else value
    return next((made for kind in kinds if (made := _made(value, kind, schema)) is not MISFIT), MISFIT)


def is_of_type(value: Any, schema: dict[str, Any]) -> bool:
    kinds = _kinds(schema)
    return not kinds or any(_is(value, kind) for kind in kinds)


def decoded(text: str) -> Any:
    """What a text means as JSON, read as freely as any; None when it is none."""
    stripped = text.strip()
    try:
        return json.loads(stripped, strict=False)
    except (ValueError, RecursionError):
        pass
    return next(values.values(stripped), None) if stripped[:1] in ("{", "[") else None


def _kinds(schema: dict[str, Any]) -> list[str]:
    kind = schema.get("type")
    if isinstance(kind, str):
        return [kind]
    if isinstance(kind, list):
        return [str(each) for each in cast(list[Any], kind)]
    options = cast(list[Any], schema.get("anyOf") or schema.get("oneOf") or [])
    return [kind for each in options if isinstance(each, dict) for kind in _kinds(cast(dict[str, Any], each))]


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, TYPES.get(kind, object))


def _chosen(value: Any, choices: list[Any]) -> Any:
    """The choice that is meant, however it is written."""
    if value in choices:
        return value
    written = str(value).strip().lower()
    return next((choice for choice in choices if str(choice).lower() == written), MISFIT)


def _made(value: Any, kind: str, schema: dict[str, Any]) -> Any:
    match kind:
        case "string":
            return _text(value)
        case "integer" | "number":
            return _number(value, kind)
        case "boolean":
            return _truth(value)
        case "array":
            return _list(value, schema)
        case "object":
            read = decoded(value) if isinstance(value, str) else None
            return cast(dict[str, Any], read) if isinstance(read, dict) else MISFIT
        case _:
            return MISFIT


def _text(value: Any) -> Any:
    """A text, also when it was put into something else that holds nothing but it."""
    held: list[Any] = []
    if isinstance(value, list):
        held = cast(list[Any], value)
    elif isinstance(value, dict):
        held = list(cast(dict[str, Any], value).values())
    if len(held) == 1 and isinstance(held[0], str):
        return held[0]
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False) if value else MISFIT
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: Any, kind: str) -> Any:
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return MISFIT
    if number is None or number != number or abs(number) == float("inf"):
        return MISFIT
    if kind == "number":
        return number
    return int(number) if number == int(number) else MISFIT


def _truth(value: Any) -> Any:
    said = str(value).strip().lower()
    return True if said in YES else False if said in NO else MISFIT


def _list(value: Any, schema: dict[str, Any]) -> Any:
    read = decoded(value) if isinstance(value, str) else value
    if isinstance(read, list):
        return _of_items(cast(list[Any], read), schema)
    items = cast(dict[str, Any], schema.get("items") or {})
    if isinstance(value, str) and items.get("type") in ("string", None):
        return [part.strip() for part in value.split(",") if part.strip()]
    return _of_items([value], schema)


def _of_items(value: list[Any], schema: dict[str, Any]) -> Any:
    items = cast(dict[str, Any], schema.get("items") or {})
    made = [coerced(each, items) for each in value]
    return MISFIT if any(each is MISFIT for each in made) else made
