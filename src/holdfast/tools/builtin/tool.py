"""A built-in tool: one function, whose signature and docstring are also its description for the model."""

import hashlib
import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Concatenate, ParamSpec, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from holdfast.kit.reply import encode
from holdfast.tools.builtin.context import LookContext, ToolContext
from holdfast.tools.docstring import parsed
from holdfast.tools.model import ToolType

P = ParamSpec("P")


class ToolError(Exception):
    """A call that cannot be done as asked; the sentence is for the model, so that it can do better."""


class Arguments(BaseModel):
    """What all models of arguments have in common: small models write "5" for 5 and 5 for "5"."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True, defer_build=True)


@dataclass(frozen=True)
class Builtin:
    """A function that takes the context and then what the model chose.

    One that changes something here is synchronous and part of the step's transaction; one that only looks, or has its
    effect outside, is asynchronous.
    """

    function: Callable[..., Any]
    tool_type: ToolType
    first: Callable[..., Coroutine[Any, Any, Any]] | None = None
    """What one that changes something has to find out before that; it gets the result as `ctx.seen`."""
    reaches_out: bool = False
    """Whether one that only looks has an effect elsewhere, or takes long: the step is stored before it is run."""

    @property
    def name(self) -> str:
        return self.function.__name__

    @cached_property
    def looks(self) -> bool:
        """Whether it changes nothing in the transaction, and is run before that."""
        return inspect.iscoroutinefunction(self.function)

    @cached_property
    def arguments(self) -> type[Arguments]:
        """The model that the arguments of a call must fit."""
        docs = parsed(inspect.getdoc(self.function)).parameters
        signature = inspect.signature(self.function, eval_str=True)
        _, *parameters = signature.parameters.values()
        if parameters and parameters[-1].kind is inspect.Parameter.VAR_KEYWORD:
            parameters = [*parameters[:-1], *_optional(parameters[-1])]
        fields: dict[str, Any] = {
            parameter.name: (
                parameter.annotation,
                Field(
                    ... if parameter.default is inspect.Parameter.empty else parameter.default,
                    description=docs[parameter.name],
                ),
            )
            for parameter in parameters
        }
        return create_model(self.name, __base__=Arguments, **fields)

    @cached_property
    def json_schema(self) -> dict[str, Any]:
        """What the model is told."""
        schema = self.arguments.model_json_schema()
        properties = _inlined(schema.get("properties", {}), schema.get("$defs", {}))
        required = [name for name, field in self.arguments.model_fields.items() if field.is_required()]
        return {
            "name": self.name,
            "description": parsed(inspect.getdoc(self.function)).description,
            "parameters": {
                "type": "object",
                "properties": {
                    name: _nullable(_plain(schema), schema, name in required) for name, schema in properties.items()
                },
                "required": required,
            },
        }

    @cached_property
    def revision(self) -> str:
        """Changes whenever the wording of the schema does."""
        return hashlib.sha256(encode(self.json_schema)).hexdigest()[:16]


Function = Callable[Concatenate[ToolContext, P], Any] | Callable[Concatenate[LookContext, P], Coroutine[Any, Any, Any]]


def tool(
    tool_type: ToolType,
    first: Callable[..., Coroutine[Any, Any, Any]] | None = None,
    *,
    reaches_out: bool = False,
) -> Callable[[Function[P]], Builtin]:
    """Make a function a built-in tool; `first` takes its arguments, and looks before it changes anything."""

    def make(function: Function[P]) -> Builtin:
        return Builtin(function, tool_type, first, reaches_out)

    return make


def _optional(given: inspect.Parameter) -> list[inspect.Parameter]:
    """The arguments that `**given: Unpack[…]` stands for; each may be left out."""
    (shape,) = get_args(given.annotation)
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in get_type_hints(shape).items()
    ]


def _inlined(schema: Any, shapes: Mapping[str, Any]) -> Any:
    """The schema with the shapes that it refers to in their places, as every provider understands it."""
    match schema:
        case {"$ref": str(name)}:
            shape = shapes[name.rpartition("/")[2]]
            properties = {each: _plain(about) for each, about in shape["properties"].items()}
            return {"type": "object", "properties": properties, "required": shape["required"]}
        case dict():
            return {key: _inlined(value, shapes) for key, value in schema.items()}  # pyright: ignore[reportUnknownVariableType] -- JSON
        case _:
            return schema


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Without titles, and with "may be left out" said by `required` alone, as every provider understands it."""
    plain = {key: value for key, value in schema.items() if key not in ("title", "anyOf", "default")}
    real = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    if len(real) == 1:
        plain = {**real[0], **plain}
    return plain


def _nullable(plain: dict[str, Any], schema: Mapping[str, Any], is_required: bool) -> dict[str, Any]:
    """What must be given may be null all the same, where the schema says so."""
    if is_required and any(option.get("type") == "null" for option in schema.get("anyOf", ())):
        plain["type"] = [plain["type"], "null"]
    return plain
