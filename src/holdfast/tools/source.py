"""Python source of a tool: its last function is the tool. Read from the syntax tree; nothing is imported or run."""

import ast
import builtins
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.errors import BadRequest
from holdfast.tools.annotations import Names, Schema, is_optional, schema_of, without_null
from holdfast.tools.docstring import Docstring, parsed

PLAIN = frozenset(
    ("str", "int", "float", "bool", "list", "List", "dict", "Dict", "Optional", "Union", "Literal", "Any", "object")
)
"""Types of arguments that are in JSON already what the function expects."""
FUTURE = "from __future__ import annotations"
RESERVED = frozenset(("self", "agent_state"))
"""Parameters that the server fills in; the model never hears of them."""

ANYTHING = ast.Name("Any")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class PythonSource:
    """What can be said of a source without running it."""

    module: ast.Module
    function: Function
    names: Names

    @property
    def name(self) -> str:
        return self.function.name

    @property
    def imports(self) -> set[str]:
        """The packages that are imported anywhere in the source."""
        found: set[str] = set()
        for node in ast.walk(self.module):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
        return found

    @property
    def is_plain(self) -> bool:
        """Whether its function can be called with JSON as it is, and asks for nothing else."""
        args = self.function.args
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs]
        named = {name for arg in every if arg.annotation for name in _names_in(arg.annotation)}
        return named <= PLAIN - self.names.classes.keys() and not RESERVED & {arg.arg for arg in every}

    @property
    def uses_client(self) -> bool:
        """Whether it uses a global `client` that it does not have itself."""
        used = (isinstance(node, ast.Name) and node.id == "client" for node in ast.walk(self.module))
        return any(used) and "client" not in _bound(self.module)

    @property
    def names_unknown_types(self) -> bool:
        """Whether the signature names what the source does not have, as of a function that was cut out of a module."""
        args = self.function.args
        notes = [arg.annotation for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
        named = {
            node.id
            for note in (*notes, self.function.returns)
            for node in (ast.walk(note) if note else ())
            if isinstance(node, ast.Name)
        }
        return not named <= {*_bound(self.module), *vars(builtins)}

    @property
    def docs(self) -> Docstring:
        return parsed(ast.get_docstring(self.function))


def read(text: str, name: str | None = None) -> PythonSource:
    """What a source says; its tool is the function of this name, if there is one, else the last."""
    module = parsed_module(text)
    functions = [line for line in module.body if isinstance(line, Function)]
    if not functions:
        raise BadRequest("The tool's source code defines no function; the last function at its top level is the tool.")
    classes = {line.name: line for line in module.body if isinstance(line, ast.ClassDef)}
    [tool] = [each for each in functions if each.name == name][-1:] or functions[-1:]
    return PythonSource(module, tool, Names(classes, dict(_aliases(module, tool))))


def parsed_module(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as wrong:
        where = f" in line {wrong.lineno}" if wrong.lineno else ""
        raise BadRequest(f"The tool's source code is not valid Python: {wrong.msg}{where}.") from wrong
    except (ValueError, RecursionError, MemoryError) as wrong:
        raise BadRequest(f"The tool's source code cannot be read as Python: {wrong}.") from wrong


def parameters(source: PythonSource) -> Schema:
    """The schema of the function's parameters, from its signature and docstring."""
    docs = source.docs.parameters
    properties: Schema = {}
    required: list[str] = []
    for parameter, has_default in _parameters(source.function):
        schema = _parameter(source, parameter)
        text = docs.get(parameter.arg)
        properties[parameter.arg] = {**schema, "description": text} if text else schema
        if not has_default and not (parameter.annotation and is_optional(parameter.annotation, source.names)):
            required.append(parameter.arg)
    return {"type": "object", "properties": properties, "required": required}


def runnable(source: PythonSource, text: str) -> str:
    """The text in a form in which unknown types in the signature do no harm, with its line numbers where possible."""
    if not source.names_unknown_types or FUTURE in text:
        return text
    first, _, rest = text.partition("\n")
    return f"{FUTURE}\n{rest if not first.strip() or first.startswith('#') else text}"


def completed(source: PythonSource, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, and None for those that may be left out although the function gives them no default."""
    left_out = {
        parameter.arg: None
        for parameter, has_default in _named(source.function)
        if not has_default and parameter.annotation and is_optional(parameter.annotation, source.names)
    }
    return {**left_out, **arguments}


def parameters_from(args_schema: Mapping[str, Any]) -> Schema:
    """The same from a JSON schema that the client sent, such as a pydantic model's."""
    properties = args_schema.get("properties", {})
    required = args_schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        raise BadRequest(
            "`args_json_schema` must be the JSON schema of an object: `properties` a map, `required` a list."
        )
    definitions = {key: args_schema[key] for key in ("$defs", "definitions") if key in args_schema}
    return {"type": "object", "properties": properties, "required": required, **definitions}


def _parameter(source: PythonSource, parameter: ast.arg) -> Schema:
    if parameter.annotation is None:
        raise BadRequest(
            f"The argument {parameter.arg!r} of {source.name} has no type: annotate it (`{parameter.arg}: str`), "
            "or send `args_json_schema`."
        )
    try:
        return without_null(schema_of(parameter.annotation, source.names))
    except (SyntaxError, ValueError, RecursionError) as wrong:
        raise BadRequest(
            f"The type of the argument {parameter.arg!r} of {source.name} cannot be read: {_reason(wrong)}. "
            "Or send `args_json_schema`."
        ) from wrong


def _reason(wrong: Exception) -> str:
    return "it goes too deep" if isinstance(wrong, RecursionError) else str(wrong)


def _parameters(function: Function) -> Iterator[tuple[ast.arg, bool]]:
    """The parameters that the model fills in, and whether each has a default."""
    if function.args.vararg or function.args.kwarg:
        raise BadRequest(
            f"{function.name} takes *args or **kwargs, which cannot be described to a model; name each argument."
        )
    return _named(function)


def _named(function: Function) -> Iterator[tuple[ast.arg, bool]]:
    args = function.args
    plain = [*args.posonlyargs, *args.args]
    first_default = len(plain) - len(args.defaults)
    every = [(arg, at >= first_default) for at, arg in enumerate(plain)]
    every += [(arg, default is not None) for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)]
    return ((arg, has_default) for arg, has_default in every if arg.arg not in RESERVED)


def _aliases(module: ast.Module, function: Function) -> Iterator[tuple[str, ast.expr]]:
    """The other names that types have in a source, and what its type variables stand for."""
    for line in module.body:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, _behind(value)
            case ast.AnnAssign(
                target=ast.Name(id=name), annotation=ast.Name(id="TypeAlias"), value=ast.expr() as value
            ):
                yield name, value
            case _ if type(line).__name__ == "TypeAlias":
                yield from _declared(line)
            case _:
                pass
    for variable in getattr(function, "type_params", ()):
        yield variable.name, variable.bound or ANYTHING


def _declared(line: Any) -> Iterator[tuple[str, ast.expr]]:
    """`type Size = …`, which only newer Pythons can read."""
    yield line.name.id, line.value


def _behind(value: ast.expr) -> ast.expr:
    """What a value means as a type: `NewType("Id", str)` is str, `TypeVar("T", bound=int)` is int."""
    match value:
        case ast.Call(func=ast.Name(id="NewType") | ast.Attribute(attr="NewType"), args=[_, kind]):
            return kind
        case ast.Call(func=ast.Name(id="TypeVar") | ast.Attribute(attr="TypeVar"), args=[_, *kinds], keywords=said):
            bounds = [keyword.value for keyword in said if keyword.arg == "bound"]
            return _either(bounds or kinds)
        case _:
            return value


def _either(kinds: list[ast.expr]) -> ast.expr:
    if not kinds:
        return ANYTHING
    union, *others = kinds
    for other in others:
        union = ast.BinOp(union, ast.BitOr(), other)
    return union


def _names_in(note: ast.expr) -> Iterator[str]:
    """What an annotation names, also one that is written as text; a text in a Literal counts too, to no harm."""
    for node in ast.walk(note):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.Constant(value=str(text)):
                yield from re.findall(r"\w+", text)
            case _:
                pass


def _bound(module: ast.Module) -> Iterator[str]:
    """The names that a module gives to something."""
    for node in ast.walk(module):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name.partition(".")[0]
            case _:
                pass
