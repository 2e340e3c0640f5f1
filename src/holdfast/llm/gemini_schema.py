"""JSON schemas cleaned to the words that Gemini takes: one that it does not know makes it refuse the whole request."""

from typing import Any, cast

from holdfast.llm import schemas
from holdfast.llm.reading import object_of, objects
from holdfast.llm.schemas import Json

KEPT = frozenset(
    (
        "type",
        "title",
        "description",
        "enum",
        "format",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "anyOf",
        "properties",
        "additionalProperties",
        "required",
    )
)
FORMATS = frozenset(("date-time", "date", "time", "int32", "int64", "float", "double"))
INNER = ("items", "additionalProperties")


def cleaned(schema: Any) -> Json:
    """The schema without references and without words that Gemini does not know."""
    return _clean(schemas.inlined(schema))


def parameters(schema: Any) -> Json | None:
    """A tool's parameters; None for a tool that takes nothing, as an object without properties is refused."""
    found = cleaned(schema)
    if not found.get("properties") and not found.get("additionalProperties"):
        return None
    return {**found, "type": "object"}


def _clean(node: Any) -> Json:
    if not isinstance(node, dict):
        return {}
    body = _united(cast(Json, node))
    found: Json = {name: value for name, value in body.items() if name in KEPT and value is not None}
    if found.get("format") not in FORMATS:
        found.pop("format", None)
    for name in INNER:
        if isinstance(found.get(name), dict):
            found[name] = _clean(found[name])
    for name in ("anyOf", "prefixItems"):
        if name in found:
            branches: Any = found[name]
            found[name] = [_clean(each) for each in cast(list[Any], branches)] if isinstance(branches, list) else []
    return _with_properties(found)


def _with_properties(found: Json) -> Json:
    """The object's properties, cleaned, and of the required names only those that are among them."""
    properties: Any = found.get("properties")
    if not isinstance(properties, dict):
        found.pop("properties", None)
        found.pop("required", None)
        return found
    found["properties"] = {name: _clean(inner) for name, inner in cast(Json, properties).items()}
    required: Any = found.pop("required", None)
    known = [name for name in cast(list[Any], required) if name in properties] if isinstance(required, list) else []
    return {**found, "required": known} if known else found


def _united(body: Json) -> Json:
    """The schema with `const`, `oneOf` and `allOf` said in the words that are known."""
    united = dict(body)
    if "const" in united:
        united["enum"] = [united.pop("const")]
    if isinstance(united.get("oneOf"), list):
        united.setdefault("anyOf", united.pop("oneOf"))
    for branch in objects(united.pop("allOf", None)):
        united = _joined(united, _united(branch))
    return united


def _joined(one: Json, other: Json) -> Json:
    """Both schemas at once, as far as that can be said."""
    joined = {**other, **one}
    if properties := {**object_of(other.get("properties")), **object_of(one.get("properties"))}:
        joined["properties"] = properties
    lists: list[Any] = [each for each in (other.get("required"), one.get("required")) if isinstance(each, list)]
    if len(lists) > 1:
        joined["required"] = [*lists[0], *lists[1]]
    return joined
