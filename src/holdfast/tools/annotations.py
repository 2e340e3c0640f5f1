"""Annotations in Python source as JSON schemas, read from the syntax tree; nothing is imported or run."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Schema = dict[str, Any]

SCALARS: Mapping[str, Schema] = {
    "str": {"type": "string"},
    "AnyStr": {"type": "string"},
    "LiteralString": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "Decimal": {"type": "number"},
    "bool": {"type": "boolean"},
    "None": {"type": "null"},
    "Any": {},
    "object": {},
    "datetime": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "time"},
    "timedelta": {"type": "number", "description": "In seconds."},
    "UUID": {"type": "string", "format": "uuid"},
    "Path": {"type": "string"},
}
LISTS = frozenset(
    (
        *("list", "List", "Sequence", "MutableSequence", "Iterable", "Collection", "tuple", "Tuple", "deque"),
        *("set", "Set", "frozenset", "FrozenSet", "AbstractSet", "MutableSet"),
    )
)
MAPPINGS = frozenset(("dict", "Dict", "Mapping", "MutableMapping", "OrderedDict", "defaultdict", "DefaultDict"))
ENUMS = frozenset(("Enum", "StrEnum", "IntEnum", "Flag", "IntFlag"))
TRANSPARENT = frozenset(("Required", "NotRequired", "ReadOnly", "Final", "ClassVar"))
"""What wraps the type of a field without changing it."""
CONSTRAINTS: Mapping[str, str] = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
}
NULL: Schema = {"type": "null"}


class Indescribable(ValueError):
    """An annotation that cannot be described to a model; the sentence says what can."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the names of a source stand for."""

    classes: Mapping[str, ast.ClassDef] = field(default_factory=dict[str, ast.ClassDef])
    aliases: Mapping[str, ast.expr] = field(default_factory=dict[str, ast.expr])
    """What else types are called: `Size = Literal["s", "l"]`, `type Size = …`, `def f[T: int](…)`."""

    def without(self, name: str) -> "Names":
        """The same without a name, so that nothing contains itself."""
        return replace(
            self,
            classes={key: node for key, node in self.classes.items() if key != name},
            aliases={key: node for key, node in self.aliases.items() if key != name},
        )


def schema_of(node: ast.expr, names: Names) -> Schema:
    """The schema of an annotation; one that cannot be described is an error that says what can."""
    match node:
        case ast.Constant(value=None):
            return dict(NULL)
        case ast.Constant(value=str(text)):
            return schema_of(ast.parse(text.strip(), mode="eval").body, names)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _named(name, node, names)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union([schema_of(left, names), schema_of(right, names)])
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name)):
            return _generic(name, options_of(node), node, names)
        case _:
            raise _indescribable(node)


def options_of(node: ast.Subscript) -> list[ast.expr]:
    """What stands between the brackets."""
    return node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]


def is_optional(node: ast.expr, names: Names) -> bool:
    """Whether the annotation allows None."""
    match node:
        case ast.Constant(value=None):
            return True
        case ast.Constant(value=str(text)):
            return is_optional(ast.parse(text.strip(), mode="eval").body, names)
        case ast.Name(id=name) if name in names.aliases:
            return is_optional(names.aliases[name], names.without(name))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return is_optional(left, names) or is_optional(right, names)
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name)):
            return _allows_none(name, options_of(node), names)
        case _:
            return False


def _allows_none(name: str, options: Sequence[ast.expr], names: Names) -> bool:
    if name in ("Optional", "NotRequired"):
        return True
    if name == "Annotated" or name in TRANSPARENT:
        return is_optional(options[0], names)
    return name == "Union" and any(is_optional(option, names) for option in options)


def without_null(schema: Schema) -> Schema:
    """The same without the option null: that an argument may be left out is said by `required`."""
    options = [option for option in schema.get("anyOf", ()) if option != NULL]
    if not options:
        return schema
    return _union(options) | {key: value for key, value in schema.items() if key != "anyOf"}


def _named(name: str, node: ast.expr, names: Names) -> Schema:
    if name in names.classes:
        return _class(names.classes[name], names)
    if name in names.aliases:
        return schema_of(names.aliases[name], names.without(name))
    if name in SCALARS:
        return dict(SCALARS[name])
    if name in LISTS:
        return {"type": "array", "items": {}}
    if name in MAPPINGS:
        return {"type": "object"}
    raise _indescribable(node)


def _generic(name: str, options: Sequence[ast.expr], node: ast.expr, names: Names) -> Schema:
    if name == "Literal":
        return _enum([value for option in options for value in _literals(option, names)])
    if name == "Annotated":
        return _annotated(options, names)
    if name in ("Optional", "Union"):
        nullable = [dict(NULL)] if name == "Optional" else []
        return _union([*(schema_of(option, names) for option in options), *nullable])
    if name in TRANSPARENT:
        return schema_of(options[0], names)
    if name in LISTS:
        kinds = [o for o in options if not (isinstance(o, ast.Constant) and o.value is ...)]
        return {"type": "array", "items": _union([schema_of(kind, names) for kind in kinds])}
    if name in MAPPINGS:
        return {"type": "object", "additionalProperties": schema_of(options[-1], names)}
    if name in names.classes:
        return _class(names.classes[name], names)
    raise _indescribable(node)


def _literals(option: ast.expr, names: Names) -> list[Any]:
    """The values of one option of `Literal[…]`, which may be a member of an enum or another Literal."""
    match option:
        case ast.Attribute(value=ast.Name(id=made), attr=member) if made in names.classes:
            return [value for name, value in _members(names.classes[made]) if name == member]
        case ast.Subscript():
            return [value for inner in options_of(option) for value in _literals(inner, names)]
        case _:
            return [_value(option)]


def _annotated(options: Sequence[ast.expr], names: Names) -> Schema:
    kind, *notes = options
    schema = schema_of(kind, names)
    for note in notes:
        if isinstance(note, ast.Constant) and isinstance(note.value, str):
            schema["description"] = note.value
        schema |= said_of(note, schema)
    return schema


def _class(made: ast.ClassDef, names: Names) -> Schema:
    """A pydantic model, a dataclass, a TypedDict, a NamedTuple or an enum of the same source."""
    if _bases(made) & ENUMS:
        return _enum([value for _, value in _members(made)])
    properties: Schema = {}
    required: list[str] = []
    for line in _fields(made, names):
        name = _alias(line) or line.name
        schema = without_null(schema_of(line.annotation, names.without(made.name)))
        properties[name] = schema | said_of(line.value, schema)
        if line.is_required(names):
            required.append(name)
    described: Schema = {"description": text} if (text := ast.get_docstring(made)) else {}
    return {"type": "object", **described, "properties": properties, "required": required}


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    annotation: ast.expr
    value: ast.expr | None
    is_total: bool
    """Whether fields of its class must be given when nothing else is said; not so in `TypedDict(total=False)`."""

    def is_required(self, names: Names) -> bool:
        match self.annotation:
            case ast.Subscript(value=ast.Name(id="Required") | ast.Attribute(attr="Required")):
                return True
            case _:
                pass
        if not isinstance(self.value, ast.Call):
            return self.is_total and self.value is None and not is_optional(self.annotation, names)
        first = self.value.args[0] if self.value.args else None
        given = {keyword.arg for keyword in self.value.keywords}
        dots = isinstance(first, ast.Constant) and first.value is ...
        return dots or (first is None and not given & {"default", "default_factory"})


def _fields(made: ast.ClassDef, names: Names) -> Iterator[_Field]:
    """The fields of a class, those of its bases first; a field that is declared again takes the new form."""
    found: dict[str, _Field] = {}
    inner = names.without(made.name)
    for base in _bases(made):
        if base in inner.classes:
            found |= {each.name: each for each in _fields(inner.classes[base], inner)}
    is_total = not any(
        keyword.arg == "total" and isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        for keyword in made.keywords
    )
    for line in made.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and _is_field(line):
            found[line.target.id] = _Field(line.target.id, line.annotation, line.value, is_total)
    yield from found.values()


def _is_field(line: ast.AnnAssign) -> bool:
    match line.target, line.annotation:
        case ast.Name(id=name), _ if name.startswith("_") or name == "model_config":
            return False
        case _, ast.Subscript(value=ast.Name(id="ClassVar") | ast.Attribute(attr="ClassVar")):
            return False
        case _:
            return True


def _bases(made: ast.ClassDef) -> set[str]:
    return {_name_of(base) for base in made.bases}


def _name_of(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript():
            return _name_of(node.value)
        case _:
            return ""


def _members(made: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    """The members of an enum; `auto()` counts, or is the name in lower case where members are text."""
    is_text = bool(_bases(made) & {"StrEnum", "str"})
    for line in made.body:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if not name.startswith("_"):
                yield name, _member(made, line, name.lower() if is_text else None, value)
            case _:
                pass


def _member(made: ast.ClassDef, line: ast.Assign, text: str | None, value: ast.expr) -> Any:
    if isinstance(value, ast.Call) and _name_of(value.func) == "auto":
        return text or [each for each in made.body if isinstance(each, ast.Assign)].index(line) + 1
    return _value(value)


def _alias(line: _Field) -> str | None:
    """The name under which pydantic takes the field, if it is another one."""
    for keyword in line.value.keywords if isinstance(line.value, ast.Call) else ():
        if keyword.arg in ("alias", "validation_alias") and isinstance(keyword.value, ast.Constant):
            return str(keyword.value.value)
    return None


def said_of(value: ast.expr | None, schema: Schema) -> Schema:
    """The description and the limits in `Field(…, description="…", ge=1)`."""
    said: Schema = {}
    for keyword in value.keywords if isinstance(value, ast.Call) else ():
        if keyword.arg == "description":
            said["description"] = str(_value(keyword.value))
        elif keyword.arg is not None and keyword.arg in CONSTRAINTS:
            said[CONSTRAINTS[keyword.arg]] = _value(keyword.value)
        elif keyword.arg in ("min_length", "max_length") and (what := _counted(schema)):
            said[f"{keyword.arg[:3]}{what}"] = _value(keyword.value)
    return said


def _counted(schema: Schema) -> str | None:
    return {"array": "Items", "string": "Length"}.get(schema.get("type", ""))


def _value(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as wrong:
        raise Indescribable(
            f"`{ast.unparse(node)}` is no plain value, and source code is read without running it"
        ) from wrong


def _enum(values: Sequence[Any]) -> Schema:
    kinds = {type(value).__name__ for value in values}
    kind = SCALARS.get(kinds.pop(), {}) if len(kinds) == 1 else {}
    return {**kind, "enum": list(values)}


def _union(options: Sequence[Schema]) -> Schema:
    distinct: list[Schema] = []
    for option in options:
        parts = option["anyOf"] if option.keys() == {"anyOf"} else [option]
        distinct += [part for part in parts if part not in distinct]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _indescribable(node: ast.expr) -> Indescribable:
    return Indescribable(
        f"`{ast.unparse(node)}` cannot be described to a model; use str, int, float, bool, list, dict, Optional, "
        "Union, Literal, datetime, or an Enum, dataclass, TypedDict or pydantic model of the same source"
    )
