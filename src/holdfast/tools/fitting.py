"""Arguments of a call made to fit the tool's JSON schema, or refused in a sentence that a model can act on."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

Schema = Mapping[str, Any]

IGNORED = frozenset(("request_heartbeat", "thinking", "inner_thoughts"))
"""What models add that have seen the other dialect of the loop."""
DEEPEST = 60
LIMITS: Mapping[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minimum": ("at least", lambda value, limit: value >= limit),
    "exclusiveMinimum": ("more than", lambda value, limit: value > limit),
    "maximum": ("at most", lambda value, limit: value <= limit),
    "exclusiveMaximum": ("less than", lambda value, limit: value < limit),
}
SIZES: Mapping[str, tuple[str, str]] = {
    "minLength": ("at least", "characters"),
    "maxLength": ("at most", "characters"),
    "minItems": ("at least", "entries"),
    "maxItems": ("at most", "entries"),
}


class Misfit(Exception):
    """Arguments that a tool cannot be called with; the sentence is for whoever called it."""


class _Fault(Exception):
    """What is wrong with the value at a place."""

    def __init__(self, place: str, said: str) -> None:
        super().__init__(said)
        self.place = place
        self.said = said


def fitted(name: str, parameters: Schema, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments in the types that the schema names; small models write "5" for 5 and one value for a list."""
    properties = _mapping(parameters.get("properties"))
    given = {key: value for key, value in sent.items() if key in properties or key not in IGNORED}
    fitting = _Fitting(parameters)
    faults: list[str] = []
    try:
        made = fitting.members(parameters, given, "", faults, is_open=not properties)
    except RecursionError:
        made, faults = {}, ["they go too deep"]
    if faults:
        raise Misfit(f"{name} was not run: {'; '.join(faults)}. It takes {_expected(parameters)}.")
    return made


@dataclass(frozen=True, slots=True)
class _Fitting:
    root: Schema

    def members(
        self, schema: Schema, given: Mapping[str, Any], place: str, faults: list[str], *, is_open: bool
    ) -> dict[str, Any]:
        """The values of an object; what is wrong with them is added to the faults."""
        properties = _mapping(schema.get("properties"))
        required = _names(schema.get("required"))
        others: Any = schema.get("additionalProperties", is_open)
        made: dict[str, Any] = {}
        faults += [f"the argument `{_at(place, key)}` is missing" for key in required if given.get(key, ...) is ...]
        for key, value in given.items():
            if key not in properties and others is False:
                faults.append(f"there is no argument `{_at(place, key)}`")
                continue
            expected = _mapping(properties.get(key, others))
            if value is None and key not in required and not self._fits(None, expected):
                continue
            try:
                made[key] = self.value(value, expected, _at(place, key))
            except _Fault as wrong:
                faults.append(f"the argument `{wrong.place}` {wrong.said}")
        return made

    def value(self, value: Any, schema: Schema, place: str) -> Any:
        schema = self._resolved(schema, place)
        if place.count(".") > DEEPEST:
            raise _Fault(place, "goes too deep")
        options = _options(schema)
        if options:
            return self._one_of(value, options, place)
        for part in _sequence(schema.get("allOf")):
            value = self.value(value, _mapping(part), place)
        if "enum" in schema or "const" in schema:
            return _chosen(value, schema.get("enum", [schema.get("const")]), place)
        made = self._typed(value, schema, place)
        _check_limits(made, schema, place)
        return made

    def _one_of(self, value: Any, options: Sequence[Schema], place: str) -> Any:
        """The value as the first option takes it; one that takes it as it is goes before one that changes it."""
        faults: list[_Fault] = []
        made: list[Any] = []
        for option in options:
            try:
                fitting = self.value(value, option, place)
            except _Fault as wrong:
                faults.append(wrong)
                continue
            if _is_same(fitting, value):
                return fitting
            made.append(fitting)
        if made:
            return made[0]
        raise max(faults, key=lambda fault: len(fault.place))

    def _fits(self, value: Any, schema: Schema) -> bool:
        try:
            return _is_same(self.value(value, schema, ""), value)
        except _Fault:
            return False

    def _typed(self, value: Any, schema: Schema, place: str) -> Any:
        match schema.get("type"):
            case "object":
                return self._object(value, schema, place)
            case "array":
                items = _mapping(schema.get("items"))
                return [self.value(each, items, f"{place}.{at}") for at, each in enumerate(_list(value))]
            case str(kind) if kind in SCALARS:
                fitting, made = SCALARS[kind](value)
                if not fitting:
                    raise _Fault(place, f"is {_shown(value)}, but must be {KINDS[kind]}")
                return made
            case _:
                return value

    def _object(self, value: Any, schema: Schema, place: str) -> Any:
        given = _decoded(value)
        if not isinstance(given, dict):
            raise _Fault(place, f"is {_shown(value)}, but must be an object")
        faults: list[str] = []
        made = self.members(schema, cast(dict[str, Any], given), place, faults, is_open=True)
        if faults:
            raise _Fault(place, f"is not as it should be: {'; '.join(faults)}")
        return made

    def _resolved(self, schema: Schema, place: str) -> Schema:
        """What `$ref` refers to, beside what is said with it."""
        seen = 0
        while isinstance(reference := schema.get("$ref"), str):
            target: Any = self.root
            for step in reference.removeprefix("#").strip("/").split("/"):
                target = _mapping(target).get(step)
            seen += 1
            if not isinstance(target, dict) or seen > DEEPEST:
                raise _Fault(place, f"cannot be checked: the tool's schema refers to {reference!r}, which is not there")
            schema = {**cast(dict[str, Any], target), **{key: schema[key] for key in schema if key != "$ref"}}
        return schema


def _text(value: Any) -> tuple[bool, Any]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return True, str(value)
    return isinstance(value, str), value


def _integer(value: Any) -> tuple[bool, Any]:
    number = _number(value)[1]
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    return isinstance(number, int) and not isinstance(number, bool), number


def _number(value: Any) -> tuple[bool, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return False, value
    return isinstance(value, int | float) and not isinstance(value, bool), value


def _boolean(value: Any) -> tuple[bool, Any]:
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return True, value.strip().lower() == "true"
    return isinstance(value, bool), value


def _null(value: Any) -> tuple[bool, Any]:
    return value is None, None


SCALARS: Mapping[str, Callable[[Any], tuple[bool, Any]]] = {
    "string": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "null": _null,
}
KINDS: Mapping[str, str] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def _list(value: Any) -> list[Any]:
    """A list, also when it was written as text or as its only entry."""
    decoded = _decoded(value)
    return cast(list[Any], decoded) if isinstance(decoded, list) else [value]


def _decoded(value: Any) -> Any:
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value, strict=False)
    except (ValueError, RecursionError):
        return value


def _chosen(value: Any, allowed: Any, place: str) -> Any:
    """The allowed value that is meant; its case, and a number written as text, do not matter."""
    values = _sequence(allowed)
    for choice in values:
        if _is_same(choice, value):
            return choice
    alike = [choice for choice in values if str(choice).casefold() == str(value).strip().casefold()]
    if len(alike) == 1:
        return alike[0]
    raise _Fault(place, f"is {_shown(value)}, but must be one of {', '.join(map(_shown, values))}")


def _check_limits(value: Any, schema: Schema, place: str) -> None:
    if isinstance(value, int | float):
        for key, (words, holds) in LIMITS.items():
            limit = schema.get(key)
            if isinstance(limit, int | float) and not isinstance(limit, bool) and not holds(value, limit):
                raise _Fault(place, f"is {value}, but must be {words} {limit}")
    if isinstance(value, str | list):
        count = len(cast(Sequence[Any], value))
        for key, (words, what) in SIZES.items():
            limit = schema.get(key)
            if isinstance(limit, int) and (count < limit if key.startswith("min") else count > limit):
                raise _Fault(place, f"has {count} {what}, but must have {words} {limit}")


def _options(schema: Schema) -> list[Schema]:
    for key in ("anyOf", "oneOf"):
        if options := _sequence(schema.get(key)):
            return [_mapping(option) for option in options]
    kinds = schema.get("type")
    return [{**schema, "type": kind} for kind in _sequence(kinds)] if isinstance(kinds, list) else []


def _is_same(one: Any, other: Any) -> bool:
    """`True == 1` in Python, not in JSON."""
    return type(one) is type(other) and one == other


def _expected(parameters: Schema) -> str:
    required = _names(parameters.get("required"))
    named = [
        f"`{name}` ({_kind(_mapping(schema))}{'' if name in required else ', optional'})"
        for name, schema in _mapping(parameters.get("properties")).items()
    ]
    return ", ".join(named) or "no arguments"


def _kind(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, str):
        return kind
    kinds = [str(option.get("type", "any")) for option in _options(schema)]
    return " or ".join(dict.fromkeys(kinds)) or "any"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _at(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _mapping(value: Any) -> Schema:
    return cast(Schema, value) if isinstance(value, dict) else {}


def _sequence(value: Any) -> Sequence[Any]:
    return cast(Sequence[Any], value) if isinstance(value, list) else ()


def _names(value: Any) -> list[str]:
    return [each for each in _sequence(value) if isinstance(each, str)]
