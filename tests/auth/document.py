"""The served OpenAPI document, read so that every operation can be called with anything in the place of an id."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

Json = dict[str, Any]
Place = tuple[str, ...]
"""Where in a request something is: `("path", name)`, `("query", name)`, or `("body", *keys)`."""

WORDS = "pineapple"
"""What free text is filled with, so that searches find something."""

SAME = {
    "memory": "passage",
    "folder": "source",
    "org": "organization",
    "tools": "tool",
    "config": "sandbox_config",
    "var": "variable",
}
NOT_IDS = {
    *("project", "template", "deployment", "entity", "by", "call", "trace", "client", "connection", "session"),
    *(
        "request",
        "external",
        "otid",
        "response",
        "log",
        "sender",
        "item",
        "token",
        "tag",
        "thread",
        "transaction",
        "version",
    ),
}
"""Last words of names that end in `_id` and name nothing that a tenant has."""

LISTED = {
    "identities": "identity",
    "archival-memory": "passage",
    "batches": "batch",
    "mcp-servers": "server",
    "forget": "forgetting",
    "audit": "entry",
    "active": "job",
}
"""What a list's cursors are ids of, where the last word of its path does not just lose its `s`."""


def kind_of(name: str, path: str = "") -> str | None:
    """What a field's value is the id of; None for what is no id of ours."""
    if name in ("before", "after"):
        words = [word for word in path.split("/") if word and not word.startswith("{")]
        return _kind(LISTED.get(words[-1], words[-1].removesuffix("s")))
    for ending in ("_ids", "_id"):
        if name.endswith(ending):
            return _kind(name.removesuffix(ending).rpartition("_")[2])
    return None


def _kind(word: str) -> str | None:
    return None if word in NOT_IDS else SAME.get(word, word)


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    spec: Json = field(repr=False)
    document: Json = field(repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def path_names(self) -> list[str]:
        return [word[1:-1] for word in self.path.split("/") if word.startswith("{")]

    @property
    def query(self) -> dict[str, Json]:
        listed: list[Json] = self.spec.get("parameters", [])
        return {each["name"]: each for each in listed if each["in"] == "query"}

    @property
    def body(self) -> Json | None:
        content: Json = self.spec.get("requestBody", {}).get("content", {})
        return content.get("application/json", {}).get("schema")

    @property
    def uploads(self) -> bool:
        return "multipart/form-data" in self.spec.get("requestBody", {}).get("content", {})

    def places(self) -> Iterator[tuple[Place, str]]:
        """Every place that takes an id of something, and of what."""
        for name in self.path_names:
            if kind := kind_of(name):
                yield ("path", name), kind
        for name in self.query:
            if kind := kind_of(name, self.path):
                yield ("query", name), kind
        for keys, kind in _places(self.document, self.body or {}):
            yield ("body", *keys), kind


def operations(document: Json) -> list[Operation]:
    """All of them; what destroys comes last, so that the others find something."""
    methods = ("get", "post", "put", "patch", "delete")
    found = [
        Operation(method.upper(), path, item[method], document)
        for method in methods
        for path, item in document["paths"].items()
        if method in item
    ]
    return sorted(found, key=lambda operation: methods.index(operation.method.lower()))


@dataclass(frozen=True)
class Request:
    """One call of an operation, filled with what a tenant has."""

    operation: Operation
    own: Mapping[str, str]
    body: Any = None

    def send(self, client: httpx.Client, changed: Mapping[Place, str] | None = None) -> httpx.Response:
        """Send it with other values in some places."""
        changed = changed or {}
        path = self.operation.path
        for name in self.operation.path_names:
            path = path.replace(f"{{{name}}}", changed.get(("path", name)) or self._named(name))
        query = {name: self._named(name) for name, each in self.operation.query.items() if each.get("required")}
        query |= {place[1]: value for place, value in changed.items() if place[0] == "query"}
        options: Json = {"params": query}
        if self.operation.uploads:
            options["files"] = {"file": ("notes.txt", b"nothing", "text/plain")}
        elif self.operation.body is not None:
            options["json"] = self._changed_body(changed)
        return client.request(self.operation.method, path, **options)

    def _changed_body(self, changed: Mapping[Place, str]) -> Any:
        body = minimal(self.operation.document, self.operation.body or {}, self.own) if self.body is None else self.body
        for place, value in changed.items():
            if place[0] == "body":
                body = _with(self.operation.document, self.operation.body or {}, body, place[1:], value, self.own)
        return body

    def _named(self, name: str) -> str:
        return self.own.get(kind_of(name) or name, WORDS)


def minimal(document: Json, schema: Json, own: Mapping[str, str], name: str = "") -> Any:
    """The smallest value of a schema: what is required, filled with what the tenant has."""
    schema = _resolved(document, schema)
    if (kind := kind_of(name)) and kind in own and schema.get("type") == "string":
        return own[kind]
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            fields: Json = schema.get("properties", {})
            return {
                key: minimal(document, fields[key], own, key) for key in schema.get("required", []) if key in fields
            }
        case "array":
            return [minimal(document, schema.get("items", {}), own, name)] if schema.get("minItems") else []
        case "integer" | "number":
            return max(schema.get("minimum", 1), 1)
        case "boolean":
            return False
        case "string" if schema.get("format") == "date-time":
            return "2026-01-01T00:00:00Z"
        case "string":
            return WORDS
        case _:
            return {}


def _resolved(document: Json, schema: Json) -> Json:
    """Without references; of several possibilities the first that is not null."""
    if "$ref" in schema:
        return _resolved(document, document["components"]["schemas"][str(schema["$ref"]).rpartition("/")[2]])
    options: list[Json] = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf") or []
    chosen = next((option for option in options if option.get("type") != "null"), None)
    return schema if chosen is None else _resolved(document, chosen)


def _places(document: Json, schema: Json, depth: int = 4) -> Iterator[tuple[Place, str]]:
    schema = _resolved(document, schema)
    if schema.get("type") == "array" and depth:
        yield from ((("0", *keys), kind) for keys, kind in _places(document, schema.get("items", {}), depth - 1))
    fields: Json = schema.get("properties", {})
    for name, inner in fields.items():
        if kind := kind_of(name):
            yield (name,), kind
        elif depth:
            yield from (((name, *keys), kind) for keys, kind in _places(document, inner, depth - 1))


def _with(document: Json, schema: Json, body: Any, keys: Sequence[str], value: str, own: Mapping[str, str]) -> Any:
    """The body with a value at a place; what is missing on the way there is filled in."""
    schema = _resolved(document, schema)
    if not keys:
        return [value] if schema.get("type") == "array" else value
    key, *rest = keys
    if schema.get("type") == "array":
        items: Json = schema.get("items", {})
        first = body[0] if body else minimal(document, items, own)
        return [_with(document, items, first, rest, value, own)]
    fields: Json = body or {}
    inner: Json = schema["properties"][key]
    filled: Any = minimal(document, inner, own, key) if fields.get(key) is None else fields[key]
    return {**fields, key: _with(document, inner, filled, rest, value, own)}
