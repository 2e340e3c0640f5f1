"""Arguments that a tool rule fills in: do they suit the tool, and a call with them in the model's place."""

import json
from collections.abc import Mapping
from typing import Any, cast

from holdfast.messages.model import ToolCallPart
from holdfast.tools.model import Tool

KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def fault(tool: Tool, prefilled: Mapping[str, Any]) -> str | None:
    """Why the tool cannot take these arguments; None when it can."""
    for name, value in prefilled.items():
        if name not in tool.arguments:
            known = ", ".join(tool.arguments) or "none"
            return f"A tool rule fills in {name!r} for {tool.name}, which has no such argument (it has: {known})."
        if not _fits(value, tool.arguments[name]):
            return f"A tool rule fills in {name!r} for {tool.name} with {value!r:.80}, which does not fit its schema."
    return None


def filled(call: ToolCallPart, prefilled: Mapping[str, Any]) -> ToolCallPart:
    """The call with these arguments in the place of the model's; what is no JSON object stays as it is."""
    try:
        sent: Any = json.loads(call.arguments, strict=False)
    except (ValueError, RecursionError):
        return call
    if not isinstance(sent, dict):
        return call
    merged = {**cast(dict[str, Any], sent), **prefilled}
    return call.model_copy(update={"arguments": json.dumps(merged, ensure_ascii=False)})


def _fits(value: Any, schema: Any) -> bool:
    """As far as type and enumeration say; what they leave open the tool checks itself."""
    if not isinstance(schema, dict):
        return True
    node = cast(dict[str, Any], schema)
    branches: list[Any] = node.get("anyOf") or node.get("oneOf") or []
    if branches:
        return any(_fits(value, branch) for branch in branches)
    if "enum" in node and value not in node["enum"]:
        return False
    named: Any = node.get("type")
    kinds: list[Any] = cast(list[Any], named) if isinstance(named, list) else [named]
    return any(_is(value, kind) for kind in kinds)


def _is(value: Any, kind: Any) -> bool:
    wanted = KINDS.get(kind) if isinstance(kind, str) else None
    if wanted is None:
        return True
    return isinstance(value, wanted) and (bool in wanted or not isinstance(value, bool))
