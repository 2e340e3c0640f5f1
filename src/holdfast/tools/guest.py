"""What is put behind a tool's own source, to run beside it in the sandbox: it calls the tool with what was asked.

Only Python's own library is there. All names begin with `holdfast`, so that none takes the place of one of the tool's.
"""

from typing import Any


class HoldfastCopy(dict[str, Any]):
    """A part of the agent: its fields are also attributes, and none can be set."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"The agent has no {name!r}; it has {', '.join(self)}.") from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise PermissionError(
            f"agent_state is a copy: setting {name!r} would change nothing. Let the agent use its memory tools, or "
            "change its memory through the API."
        )

    def __setitem__(self, name: str, value: Any) -> None:
        self.__setattr__(name, value)


class HoldfastMemory(HoldfastCopy):
    """The agent's blocks, by label."""

    def get_block(self, label: str) -> Any:
        for block in self["blocks"]:
            if block["label"] == label:
                return block
        raise KeyError(f"The agent has no block {label!r}; it has {', '.join(self.list_block_labels()) or 'none'}.")

    def get_blocks(self) -> list[Any]:
        return list(self["blocks"])

    def list_block_labels(self) -> list[str]:
        return [block["label"] for block in self["blocks"]]

    def update_block_value(self, label: str, value: str) -> None:
        self.__setattr__(label, value)

    def set_block(self, block: Any) -> None:
        self.__setattr__("blocks", block)

    def __contains__(self, label: object) -> bool:
        return label in self.list_block_labels() or super().__contains__(label)


def holdfast_copy(value: Any) -> Any:
    import typing

    if isinstance(value, list):
        return [holdfast_copy(each) for each in typing.cast(list[Any], value)]
    if not isinstance(value, dict):
        return value
    fields = {key: holdfast_copy(each) for key, each in typing.cast(dict[str, Any], value).items()}
    return HoldfastMemory(fields) if "file_blocks" in fields else HoldfastCopy(fields)


class HoldfastClient:
    """`client`: the SDK's, made when it is first used; it talks to the server on behalf of this call."""

    def __getattr__(self, name: str) -> Any:
        import importlib
        import os

        if (made := self.__dict__.get("made")) is not None:
            return getattr(made, name)
        socket = os.environ.get("HOLDFAST_SOCKET")
        if socket is None:
            raise RuntimeError("`client` needs the variable LETTA_API_KEY in the tool's environment or secrets.")
        try:
            sdk, http = importlib.import_module("letta_client"), importlib.import_module("httpx")
        except ImportError:
            raise RuntimeError("`client` needs the package letta-client in the tool's `pip_requirements`.") from None
        made = self.__dict__["made"] = sdk.Letta(
            base_url="http://localhost",
            api_key=os.environ["LETTA_API_KEY"],
            http_client=http.Client(transport=http.HTTPTransport(uds=socket)),
        )
        return getattr(made, name)


def holdfast_hint(function: Any, name: str) -> Any:
    """The type that an argument is to have; Any where its annotation means nothing here."""
    import types
    import typing

    note = function.__annotations__.get(name, Any)
    holder: Any = types.SimpleNamespace(__annotations__={name: note})
    try:
        return typing.get_type_hints(holder, function.__globals__, include_extras=True).get(name, Any)
    except Exception:  # it may do anything when it is looked at
        return Any


def holdfast_fit(value: Any, hint: Any) -> Any:
    """A JSON value as the type that a function asks for."""
    import types
    import typing

    kind, options = typing.get_origin(hint) or hint, typing.get_args(hint)
    if kind is typing.Annotated or kind is typing.Required or kind is typing.NotRequired:
        return holdfast_fit(value, options[0])
    if kind is typing.Union or kind is types.UnionType:
        return holdfast_one_of(value, options)
    if isinstance(kind, typing.TypeVar):
        return value if kind.__bound__ is None else holdfast_fit(value, kind.__bound__)
    if not isinstance(kind, type):
        return value
    if type(value) in (list, dict):
        shape: Any = holdfast_row if isinstance(value, list) else holdfast_object
        return shape(value, kind, options)
    return holdfast_scalar(value, kind)


def holdfast_one_of(value: Any, options: Any) -> Any:
    if any(type(value) is option for option in options):
        return value
    wrong: Exception | None = None
    for option in options:
        try:
            return holdfast_fit(value, option)
        except Exception as failed:
            wrong = failed
    raise wrong or TypeError(f"{value!r} fits none of its types")


def holdfast_row(values: list[Any], kind: type, options: Any) -> Any:
    hints = [each for each in options if each is not ...]
    if kind is tuple and len(hints) == len(values):
        return tuple(holdfast_fit(each, hint) for each, hint in zip(values, hints, strict=True))
    fitting = [holdfast_fit(each, hints[0] if hints else Any) for each in values]
    made: Any = kind
    return fitting if kind.__module__ == "collections.abc" or kind is object else made(fitting)


def holdfast_object(values: dict[str, Any], kind: Any, options: Any) -> Any:
    import typing

    if hasattr(kind, "model_validate"):
        return kind.model_validate(values)
    if hasattr(kind, "__dataclass_fields__") or hasattr(kind, "_fields"):
        hints = typing.get_type_hints(kind, include_extras=True)
        return kind(**{name: holdfast_fit(value, hints.get(name, Any)) for name, value in values.items()})
    if len(options) == 2:
        return {name: holdfast_fit(value, options[1]) for name, value in values.items()}
    return values


def holdfast_scalar(value: Any, kind: Any) -> Any:
    import datetime
    import decimal
    import enum
    import pathlib
    import uuid

    if issubclass(kind, enum.Enum):
        return kind(value)
    if issubclass(kind, datetime.date | datetime.time) and isinstance(value, str):
        return kind.fromisoformat(value)
    if kind is datetime.timedelta:
        return datetime.timedelta(seconds=value)
    if issubclass(kind, decimal.Decimal | uuid.UUID | pathlib.PurePath):
        return kind(str(value))
    return float(value) if kind is float and isinstance(value, int) else value


def holdfast_call(name: str, arguments: dict[str, Any], agent: dict[str, Any] | None) -> Any:
    """Call the tool with what was asked, each argument in the type that it names."""
    import inspect

    globals().setdefault("client", HoldfastClient())
    function = globals()[name]
    given: dict[str, Any] = {}
    for key, value in arguments.items():
        try:
            given[key] = holdfast_fit(value, holdfast_hint(function, key))
        except Exception as wrong:
            raise ValueError(f"The argument `{key}` of {name} cannot be used: {wrong}") from None
    takes = inspect.signature(function).parameters
    if "agent_state" in takes:
        given["agent_state"] = holdfast_copy({**(agent or {}), "tools": [], "secrets": []})
    if "self" in takes:
        given["self"] = None
    return function(**given)
