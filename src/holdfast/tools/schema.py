"""A tool's name and schema, from whichever of schema and source the client sent."""

import re
from dataclasses import dataclass
from typing import Any

from holdfast.errors import BadRequest, Invalid
from holdfast.tools import source
from holdfast.tools.model import LONGEST_NAME, NewTool

NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Described:
    """What a model is told of a tool."""

    name: str
    description: str | None
    json_schema: dict[str, Any]


def described(tool: NewTool, name: str | None = None) -> Described:
    """The description of a custom tool; `name` may only repeat what schema or source say."""
    schema = _schema(tool)
    own = schema["name"]
    if name is not None and name != own:
        raise BadRequest(
            f"The tool's name {name!r} differs from {own!r}, which its schema or function says; use one name."
        )
    if len(own) > LONGEST_NAME:
        raise BadRequest(f"The tool name {own!r} has {len(own)} characters; {LONGEST_NAME} are allowed.")
    if not NAME.fullmatch(own):
        raise BadRequest(
            f"The tool name {own!r} may only hold letters, digits, `_` and `-`: models accept nothing else."
        )
    text = schema.get("description")
    return Described(own, text if isinstance(text, str) and text else None, schema)


def _schema(tool: NewTool) -> dict[str, Any]:
    if tool.is_python and tool.source_code is not None:
        source.parsed_module(tool.source_code)
    if tool.json_schema is not None:
        return _given(tool.json_schema)
    if not tool.is_python:
        raise Invalid(f"A tool with source_type {tool.source_type!r} needs `json_schema`: only Python source is read.")
    read = source.read(tool.source_code or "")
    arguments = tool.args_json_schema
    said = read.docs.description or tool.description or (arguments or {}).get("description") or ""
    return {
        "name": read.name,
        "description": said,
        "parameters": source.parameters(read) if arguments is None else source.parameters_from(arguments),
    }


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("name")
    if not isinstance(name, str) or not name:
        raise BadRequest("`json_schema` must hold the tool's `name`, beside `description` and `parameters`.")
    if not isinstance(schema.get("parameters", {}), dict):
        raise BadRequest("`json_schema.parameters` must be the JSON schema of an object.")
    return schema
