"""Annotations in Python source as JSON schemas, read from the syntax tree; nothing is imported or run."""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.errors import BadRequest

Schema = dict[str, Any]
Classes = Mapping[str, ast.ClassDef]
"""The classes of the same source, by name."""

SCALARS: Mapping[str, Schema] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "None": {"type": "null"},
    "Any": {},
    "object": {},
}
LISTS = frozenset(("list", "List", "Sequence", "Iterable", "set", "Set", "frozenset", "FrozenSet", "tuple", "Tuple"))
MAPPINGS = frozenset(("dict", "Dict", "Mapping", "MutableMapping"))
ENUMS = frozenset(("Enum", "StrEnum", "IntEnum"))
NULL: Schema = {"type": "null"}


def schema_of(node: ast.expr, classes: Classes) -> Schema:
    """The schema of an annotation; one that cannot be described is an error that says what can."""
    match node:
        case ast.Constant(value=None):
            return dict(NULL)
        case ast.Constant(value=str(text)):
            return schema_of(ast.parse(text, mode="eval").body, classes)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _named(name, node, classes)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union([schema_of(left, classes), schema_of(right, classes)])
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=ast.Tuple(elts=options)):
            return _generic(name, options, node, classes)
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=option):
            return _generic(name, [option], node, classes)
        case _:
            raise _indescribable(node)


def is_optional(node: ast.expr) -> bool:
    """Whether the annotation allows None."""
    match node:
        case ast.Constant(value=None):
            return True
        case ast.Constant(value=str(text)):
            return is_optional(ast.parse(text, mode="eval").body)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return is_optional(left) or is_optional(right)
        case ast.Subscript(value=ast.Name(id="Optional") | ast.Attribute(attr="Optional")):
            return True
        case ast.Subscript(value=ast.Name(id="Union") | ast.Attribute(attr="Union"), slice=ast.Tuple(elts=options)):
            return any(is_optional(option) for option in options)
        case _:
            return False


def without_null(schema: Schema) -> Schema:
    """The same without the option null: that an argument may be left out is said by `required`."""
    options = [option for option in schema.get("anyOf", ()) if option != NULL]
    return _union(options) if options else schema


def _named(name: str, node: ast.expr, classes: Classes) -> Schema:
    if name in classes:
        return _class(classes[name], classes)
    if name in SCALARS:
        return dict(SCALARS[name])
    if name in LISTS:
        return {"type": "array", "items": {}}
    if name in MAPPINGS:
        return {"type": "object"}
    raise _indescribable(node)


def _generic(name: str, options: Sequence[ast.expr], node: ast.expr, classes: Classes) -> Schema:
    if name == "Literal":
        return _enum([ast.literal_eval(option) for option in options])
    if name == "Annotated":
        return _annotated(options, classes)
    if name in ("Optional", "Union"):
        nullable = [dict(NULL)] if name == "Optional" else []
        return _union([*(schema_of(option, classes) for option in options), *nullable])
    if name in LISTS:
        kinds = [o for o in options if not (isinstance(o, ast.Constant) and o.value is ...)]
        return {"type": "array", "items": _union([schema_of(kind, classes) for kind in kinds])}
    if name in MAPPINGS:
        return {"type": "object", "additionalProperties": schema_of(options[-1], classes)}
    raise _indescribable(node)


def _annotated(options: Sequence[ast.expr], classes: Classes) -> Schema:
    kind, *notes = options
    schema = schema_of(kind, classes)
    for note in notes:
        if isinstance(note, ast.Constant) and isinstance(note.value, str):
            schema["description"] = note.value
    return schema


def _class(made: ast.ClassDef, classes: Classes) -> Schema:
    """A pydantic model, a dataclass, a TypedDict or an enum of the same source."""
    bases = {base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in made.bases}
    if bases & ENUMS:
        return _enum([ast.literal_eval(line.value) for line in made.body if isinstance(line, ast.Assign)])
    inner = {name: other for name, other in classes.items() if name != made.name}  # so that no class contains itself
    properties: Schema = {}
    required: list[str] = []
    for line in made.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            properties[line.target.id] = without_null(schema_of(line.annotation, inner)) | _said_of(line.value)
            if _is_required(line):
                required.append(line.target.id)
    described: Schema = {"description": text} if (text := ast.get_docstring(made)) else {}
    return {"type": "object", **described, "properties": properties, "required": required}


def _said_of(value: ast.expr | None) -> Schema:
    """The description in `Field(…, description="…")`."""
    if isinstance(value, ast.Call):
        for keyword in value.keywords:
            if keyword.arg == "description" and isinstance(keyword.value, ast.Constant):
                return {"description": str(keyword.value.value)}
    return {}


def _is_required(line: ast.AnnAssign) -> bool:
    if not isinstance(line.value, ast.Call):
        return line.value is None and not is_optional(line.annotation)
    first = line.value.args[0] if line.value.args else None
    given = {keyword.arg for keyword in line.value.keywords}
    dots = isinstance(first, ast.Constant) and first.value is ...
    return dots or (first is None and not given & {"default", "default_factory"})


def _enum(values: Sequence[Any]) -> Schema:
    kinds = {type(value).__name__ for value in values}
    kind = SCALARS.get(kinds.pop(), {}) if len(kinds) == 1 else {}
    return {**kind, "enum": list(values)}


def _union(options: Sequence[Schema]) -> Schema:
    distinct: list[Schema] = []
    for option in options:
        for part in option.get("anyOf", [option]):
            if part not in distinct:
                distinct.append(part)
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _indescribable(node: ast.expr) -> BadRequest:
    return BadRequest(
        f"The annotation `{ast.unparse(node)}` cannot be described to a model: use str, int, float, bool, list, dict, "
        "Optional, Union, Literal or a pydantic model of the same source, or send `args_json_schema`."
    )
