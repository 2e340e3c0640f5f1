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


class HoldfastRecord(dict[str, Any]):
    """An argument of a type that the source does not have: its fields are also attributes, as of a model."""

    def __getattr__(self, name: str) -> Any:
        if name not in self:
            raise AttributeError(f"There is no field {name!r}; there are {', '.join(self)}.")
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def model_dump(self, **_: Any) -> dict[str, Any]:
        return dict(self)


def holdfast_record(value: Any) -> Any:
    import typing

    if isinstance(value, list):
        return [holdfast_record(each) for each in typing.cast(list[Any], value)]
    if not isinstance(value, dict):
        return value
    fields = typing.cast(dict[str, Any], value)
    return HoldfastRecord({key: holdfast_record(each) for key, each in fields.items()})


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
    """The type that an argument is to have; HoldfastRecord where its annotation means nothing here."""
    import typing

    class Holder:
        __annotations__ = {name: function.__annotations__.get(name, Any)}

    try:
        return typing.get_type_hints(Holder, function.__globals__, include_extras=True).get(name, Any)
    except Exception:  # it may do anything when it is looked at
        return HoldfastRecord


def holdfast_fit(value: Any, hint: Any) -> Any:
    """A JSON value as the type that a function asks for."""
    import typing

    if hint is HoldfastRecord:
        return holdfast_record(value)
    kind, options = typing.get_origin(hint) or hint, typing.get_args(hint)
    if kind is typing.Annotated or kind is typing.Required or kind is typing.NotRequired:
        return holdfast_fit(value, options[0])
    if kind is typing.Union or kind is type(int | None):
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
        if option in (str, int, bool, type(None)):
            continue
        try:
            return holdfast_fit(value, option)
        except Exception as failed:
            wrong = failed
    if wrong is not None:
        raise wrong
    return value


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
    """By what the type can do: whatever defines it is loaded already, and importing more would cost every call."""
    if hasattr(kind, "__members__"):
        return kind(value)
    if hasattr(kind, "fromisoformat") and isinstance(value, str):
        return kind.fromisoformat(value)
    if kind.__module__ == "datetime" and kind.__name__ == "timedelta":
        return kind(seconds=value)
    if kind.__module__ in ("decimal", "uuid") or hasattr(kind, "__fspath__"):
        return kind(str(value))
    return float(value) if kind is float and isinstance(value, int) else value


def holdfast_call(name: str, arguments: dict[str, Any], agent: dict[str, Any] | None) -> Any:
    """Call the tool with what was asked, each argument in the type that it names."""
    globals().setdefault("client", HoldfastClient())
    called = function = globals()[name]
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    given: dict[str, Any] = {}
    for key, value in arguments.items():
        try:
            given[key] = holdfast_fit(value, holdfast_hint(function, key))
        except Exception as wrong:
            raise ValueError(f"The argument `{key}` of {name} cannot be used: {wrong}") from None
    takes = function.__code__.co_varnames[: function.__code__.co_argcount + function.__code__.co_kwonlyargcount]
    if "agent_state" in takes:
        given["agent_state"] = holdfast_copy({**(agent or {}), "tools": [], "secrets": []})
    if "self" in takes:
        given["self"] = None
    return called(**given)


holdfast_call.__code__ = holdfast_call.__code__.replace(co_filename="<holdfast>")  # no line of a failure is ours
