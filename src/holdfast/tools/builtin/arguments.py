"""The arguments of a call as a model wrote them: read, made to fit, or refused in a sentence it can act on."""

import json
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from holdfast.kit.text import clean_tree
from holdfast.tools.builtin.tool import Builtin, ToolError

IGNORED = frozenset(("request_heartbeat", "thinking", "inner_thoughts"))
"""What models add that have seen the other dialect of the loop; it never belongs to a built-in tool."""


def read(builtin: Builtin, text: str) -> dict[str, Any]:
    """The arguments for the function, defaults included."""
    sent = _object(builtin, text)
    fields = builtin.arguments.model_fields
    given = {
        name: _unpacked(value) if name in fields and _takes_list(builtin, name) else value
        for name, value in sent.items()
        if name in fields or name not in IGNORED
        if value is not None or (name in fields and fields[name].is_required())
    }
    try:
        fitting = builtin.arguments.model_validate(given)
    except ValidationError as wrong:
        raise ToolError(_complaint(builtin, wrong)) from wrong
    return {name: getattr(fitting, name) for name in fields}


def _object(builtin: Builtin, text: str) -> dict[str, Any]:
    try:
        decoded: Any = json.loads(text, strict=False) if text.strip() else {}
    except (ValueError, RecursionError) as wrong:
        raise ToolError(
            f"The arguments of {builtin.name} are not valid JSON ({wrong}); send one JSON object."
        ) from wrong
    if not isinstance(decoded, dict):
        raise ToolError(f"The arguments of {builtin.name} must be a JSON object with {_expected(builtin)}.")
    return clean_tree(decoded)


def _takes_list(builtin: Builtin, name: str) -> bool:
    return "array" in _kinds(builtin.json_schema["parameters"]["properties"][name])


def _kinds(schema: dict[str, Any]) -> list[str]:
    """The types of what may be given."""
    kinds: str | list[str] = schema.get("type", "any")
    return [kinds] if isinstance(kinds, str) else kinds


def _unpacked(value: Any) -> Any:
    """A list, also when it was written as text or as its only element."""
    if not isinstance(value, str):
        return value
    try:
        decoded: Any = json.loads(value, strict=False)
    except (ValueError, RecursionError):
        decoded = value
    return decoded if isinstance(decoded, list) else [value]  # pyright: ignore[reportUnknownVariableType] -- decoded JSON


def _complaint(builtin: Builtin, wrong: ValidationError) -> str:
    faults = "; ".join(_fault(error) for error in wrong.errors(include_url=False))
    return f"{builtin.name} was not run: {faults}. It takes {_expected(builtin)}."


def _fault(error: ErrorDetails) -> str:
    name = ".".join(map(str, error["loc"]))
    match error["type"]:
        case "missing":
            return f"the argument `{name}` is missing"
        case "extra_forbidden":
            return f"there is no argument `{name}`"
        case _:
            said = f"{error['msg'][:1].lower()}{error['msg'][1:]}"
            return f"the argument `{name}` is {str(error['input'])[:80]!r}, but {said}"


def _expected(builtin: Builtin) -> str:
    parameters = builtin.json_schema["parameters"]
    named = [
        f"`{name}` ({' or '.join(_kinds(schema))}{'' if name in parameters['required'] else ', optional'})"
        for name, schema in parameters["properties"].items()
    ]
    return ", ".join(named) or "no arguments"
