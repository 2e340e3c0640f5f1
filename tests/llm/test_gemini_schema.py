"""Schemas as Gemini takes them, made of whatever a tool declares."""

import json
from typing import Any

import pytest

from holdfast.llm.gemini_schema import cleaned
from tests.fakes.openai_script import Json

CASES: list[tuple[Any, Json]] = [
    ({"type": ["string", "null"], "pattern": "x", "format": "uri", "examples": []}, {"type": ["string", "null"]}),
    ({"oneOf": [{"type": "string", "minLength": 1}, True]}, {"anyOf": [{"type": "string"}, {}]}),
    (
        {"$ref": "#/$defs/Node", "$defs": {"Node": {"properties": {"next": {"$ref": "#/$defs/Node"}}}}},
        {"properties": {"next": {}}},
    ),
    ({"$ref": "#/nowhere/at/all"}, {}),
    ({"$ref": "https://example.com/schema.json", "type": "object"}, {"type": "object"}),
    (
        {"allOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"b": {}}}]},
        {"properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]},
    ),
    (
        {"type": "object", "properties": {"a": {}}, "required": ["a", "ghost"]},
        {"type": "object", "properties": {"a": {}}, "required": ["a"]},
    ),
    (
        {"properties": {"$defs": {"type": "string"}, "definitions": {"type": "integer"}}},
        {"properties": {"$defs": {"type": "string"}, "definitions": {"type": "integer"}}},
    ),
    (
        {"type": "object", "additionalProperties": {"type": "string", "not": {}}},
        {"type": "object", "additionalProperties": {"type": "string"}},
    ),
    ({"properties": None, "required": "x", "anyOf": "y", "allOf": 3, "items": [1]}, {"anyOf": [], "items": [1]}),
    (None, {}),
]


@pytest.mark.parametrize(
    ("schema", "clean"),
    CASES,
)
def test_schemas_are_cleaned(schema: Any, clean: Json) -> None:
    assert cleaned(schema) == clean


def test_schemas_without_end_or_bottom() -> None:
    nested: Json = {}
    for _ in range(5000):
        nested = {"type": "array", "items": nested}
    assert cleaned(nested)["type"] == "array"
    laughs: Json = {f"n{level}": {"anyOf": [{"$ref": f"#/$defs/n{level + 1}"}] * 10} for level in range(30)}
    assert len(json.dumps(cleaned({"$ref": "#/$defs/n0", "$defs": laughs}))) < 2_000_000
