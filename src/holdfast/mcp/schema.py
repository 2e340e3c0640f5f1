"""Tools of MCP servers in the form that models are told of tools: a name of theirs, and an object of arguments."""

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Any, cast

import orjson

from holdfast.mcp.rpc import Json
from holdfast.tools.model import LONGEST_NAME

LONGEST_DESCRIPTION = 8000
LARGEST_SCHEMA = 200_000
_UNIONS = ("anyOf", "oneOf", "allOf")
_ODD = re.compile(r"[^A-Za-z0-9_-]")
_MARK = 8


def json_schema(name: str, listed: Mapping[str, Any]) -> Json:
    """What a model is told about a tool that its server describes so."""
    said = listed.get("description") or listed.get("title")
    description = said[:LONGEST_DESCRIPTION] if isinstance(said, str) else ""
    return {"name": name, "description": description, "parameters": parameters(listed.get("inputSchema"))}


def parameters(sent: Any) -> Json:
    """Any schema as one of an object, which every model server asks for; all below its first level stays as it is."""
    if not isinstance(sent, dict) or len(orjson.dumps(sent)) > LARGEST_SCHEMA:
        return {"type": "object", "properties": {}, "additionalProperties": True}
    schema = cast(Json, sent)
    kept = {name: value for name, value in schema.items() if name not in (*_UNIONS, "$schema", "$id", "not", "enum")}
    properties = dict(_object(schema.get("properties")))
    required = _words(schema.get("required"))
    for branch in _branches(schema):
        properties = {**_object(branch.get("properties")), **properties}
    for branch in cast(list[Any], schema["allOf"]) if isinstance(schema.get("allOf"), list) else []:
        required += _words(_object(branch).get("required"))
    usable = {name: _object(value) for name, value in properties.items()}
    required = [name for name in dict.fromkeys(required) if name in usable]
    whole = {**kept, "type": "object", "properties": usable}
    whole.pop("required", None)
    return {**whole, "required": required} if required else whole


def free_name(wanted: str, server: str, taken: Collection[str]) -> str:
    """A name for a tool that models accept and no other tool has: its own where that is possible."""
    tidy = _ODD.sub("_", wanted)
    plain = tidy if tidy == wanted and len(tidy) <= LONGEST_NAME else _marked(tidy, wanted)
    if plain not in taken:
        return plain
    beside = f"{plain}_{_ODD.sub('_', server)}"
    beside = beside if len(beside) <= LONGEST_NAME else _marked(plain, f"{server}/{wanted}")
    return beside if beside not in taken else _marked(plain, f"{server}/{wanted}/{len(taken)}")


def _marked(name: str, of: str) -> str:
    """A name cut to size, with a mark that tells it from others that begin alike."""
    mark = hashlib.sha256(of.encode()).hexdigest()[:_MARK]
    return f"{name[: LONGEST_NAME - _MARK - 1]}_{mark}"


def _branches(schema: Json) -> list[Json]:
    found = [each for word in _UNIONS for each in cast(list[Any], schema.get(word) or [])]
    return [_object(each) for each in found]


def _object(value: Any) -> Json:
    return cast(Json, value) if isinstance(value, dict) else {}


def _words(value: Any) -> list[str]:
    return [each for each in cast(list[Any], value) if isinstance(each, str)] if isinstance(value, list) else []
