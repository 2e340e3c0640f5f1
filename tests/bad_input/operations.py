"""The operations of the served OpenAPI document, with what a request to each is made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

Schema = Mapping[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    """One operation: what its path, query and body are made of."""

    method: str
    path: str
    in_path: tuple[str, ...]
    in_query: tuple[str, ...]
    needed_query: tuple[str, ...]
    body: Schema | None
    """The schema of its JSON body, without references."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def fields(self) -> dict[str, Schema]:
        return _fields(self.body or {})

    @property
    def required(self) -> list[str]:
        return [name for variant in _variants(self.body or {}) for name in variant.get("required", ())]

    def url(self, ids: Mapping[str, str], query: Mapping[str, str] | None = None) -> str:
        """Its address for these ids; `query` is sent as it is, besides what the operation cannot do without."""
        path = self.path.format_map({name: ids[name] for name in self.in_path})
        asked = {**{name: ids.get(name, "x") for name in self.needed_query}, **(query or {})}
        return f"{path}?{'&'.join(f'{name}={value}' for name, value in asked.items())}" if asked else path


def operations(document: Schema) -> list[Operation]:
    """All of them; those that delete come last, so that what they delete is not missed."""
    found = [
        _operation(document, method, path, item[method])
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]
    return sorted(found, key=lambda operation: operation.method == "DELETE")


def _operation(document: Schema, method: str, path: str, description: Schema) -> Operation:
    parameters: list[Schema] = description.get("parameters", [])
    content: Schema = description.get("requestBody", {}).get("content", {})
    return Operation(
        method.upper(),
        path,
        tuple(p["name"] for p in parameters if p["in"] == "path"),
        tuple(p["name"] for p in parameters if p["in"] == "query"),
        tuple(p["name"] for p in parameters if p["in"] == "query" and p.get("required")),
        _resolved(document, content["application/json"]["schema"]) if "application/json" in content else None,
    )


def _resolved(document: Schema, schema: Schema, depth: int = 6) -> Schema:
    """The schema with its references replaced, a few levels deep: schemas refer to themselves."""
    if "$ref" in schema:
        return _resolved(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], depth)
    if depth == 0:
        return {}
    return {key: _resolved_value(document, value, depth) for key, value in schema.items()}


def _resolved_value(document: Schema, value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        return _resolved(document, cast(Schema, value), depth - 1)
    if isinstance(value, list):
        return [_resolved_value(document, item, depth) for item in cast(list[Any], value)]
    return value


def _variants(schema: Schema) -> Iterator[Schema]:
    """The first alternative of a union stands for it."""
    yield schema
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            yield from _variants(schema[key][0])


def _fields(schema: Schema) -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    for variant in _variants(schema):
        found.update(variant.get("properties", {}))
    return found


SOURCE = 'def shout(text: str) -> str:\n    """Shout.\n\n    Args:\n        text: What.\n    """\n    return text'

SAMPLES: dict[str, Any] = {
    "messages": [{"role": "user", "content": "REPLY ok"}],
    "source_code": SOURCE,
    "model": "openai/gpt-4o-mini",
    "identity_type": "user",
    "base_url": "http://127.0.0.1:9/v1",
}
"""Values for fields that must make sense for anything to happen."""


def sample(operation: Operation) -> dict[str, Any]:
    """A body that the operation accepts, or nearly."""
    fields = operation.fields
    wanted = {*operation.required, *(SAMPLES.keys() & fields.keys())}
    return {name: SAMPLES.get(name, _plain(fields.get(name, {}))) for name in sorted(wanted)}


def _plain(schema: Schema) -> Any:
    for variant in _variants(schema):
        if "enum" in variant or "const" in variant:
            return variant.get("const", variant.get("enum", [None])[0])
        if variant.get("type") in _PLAIN:
            return _PLAIN[variant["type"]]
    return "x"


_PLAIN: dict[str, Any] = {"string": "x", "integer": 1, "number": 1.0, "boolean": True, "array": [], "object": {}}
