"""From values to calls: in which of many forms a model has named a tool and its arguments."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from holdfast.llm.printed import values

NAMES = ("name", "tool_name", "tool", "function_name", "function", "action", "recipient_name", "api")
ARGUMENTS = (
    "arguments",
    "parameters",
    "args",
    "params",
    "tool_input",
    "action_input",
    "function_args",
    "function_arg",
    "tool_args",
    "kwargs",
    "inputs",
    "input",
)
WRAPPERS = ("tool_calls", "tool_call", "function_calls", "function_call", "calls", "tool_code", "function", "tool_uses")
BESIDES = ("type", "id", "index")
"""What stands beside name and arguments and belongs to neither."""
MOST = 16
"""So many calls of one answer are read."""

_PYTHON = re.compile(r"(?:\w+\s*=\s*)?(?:await\s+)?(?:print\s*\(\s*)?([A-Za-z_][\w.]*)\s*\(")
_NAMED = re.compile(
    r"\s*(?:call:)?([A-Za-z_][\w.\-]*)(?::\d+)?\s*(?:\[CALL_ID\]\w+)?\s*"
    r"(?:\[ARGS\]|<\|tool_sep\|>|:|=|with(?: arguments)?)?\s*(?=\{)"
)
_PAIR = re.compile(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)(?:</arg_value>|\Z)", re.DOTALL)
_ELEMENT = re.compile(r"<([A-Za-z_]\w*)>(.*?)(?:</\1>|\Z)", re.DOTALL)
_PARAMETER = re.compile(
    r"""<parameter(?:=|\s+name\s*=\s*)["']?(\w+)["']?\s*>\n?(.*?)\n?(?:</parameter>|(?=<parameter)|\Z)""", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Written:
    """A call as it was written. The name may be wrong, and the arguments may be anything."""

    name: str
    arguments: Any
    is_formal: bool = True
    """Name and arguments stand under words for them, which little else does than a call."""


def calls_in(body: str) -> list[Written]:
    """The calls in what stands between the marks of a call."""
    for read in (_pairs, _elements, _named, _objects, _python):
        if found := list(read(body)):
            return found[:MOST]
    return []


def calls_of(value: Any, known: Sequence[str] = (), depth: int = 0) -> Iterator[Written]:
    """The calls that a value is, or is wrapped around."""
    if depth > 4:
        return
    if isinstance(value, list):
        for each in cast(list[Any], value)[:MOST]:
            yield from calls_of(each, known, depth + 1)
    elif isinstance(value, str) and depth:
        yield from calls_in(value)
    elif isinstance(value, dict):
        yield from _of_object(cast(dict[str, Any], value), known, depth)


def arguments_in(body: str) -> Any:
    """The arguments of a call whose name stands elsewhere."""
    stripped = body.strip()
    if parameters := dict(_PARAMETER.findall(stripped)):
        return parameters
    if stripped.startswith(("{", "[")):
        return next(values.values(stripped), None)
    elements = {name: text.strip() for name, text in _ELEMENT.findall(stripped)}
    return elements or stripped


def python_call(text: str, at: int = 0) -> tuple[Written | None, int]:
    """A call in the manner of Python that begins here, and where it ends."""
    found = _PYTHON.match(text, at)
    if found is None:
        return None, at
    positional, named, end = list[Any](), dict[str, Any](), found.end()
    while end < len(text):
        end = _over(text, end, " \n\t\r,")
        if text[end : end + 1] in (")", ""):
            break
        key = re.compile(r"([A-Za-z_]\w*)\s*=\s*").match(text, end)
        value, after = values.value_at(text, key.end() if key else end)
        if value is values.NOTHING or after <= end:
            return None, at
        if key:
            named[key[1]] = value
        else:
            positional.append(value)
        end = after
    name = re.sub(r"\.call$", "", found[1])
    is_only = len(positional) == 1 and isinstance(positional[0], dict) and not named
    placed: dict[str, Any] = {**dict(_numbered(positional)), **named}
    arguments = cast(Any, positional[0]) if is_only else placed
    return Written(name, arguments), _over(text, end, ") \t")


def _numbered(positional: list[Any]) -> Iterator[tuple[str, Any]]:
    """Arguments that are told apart by their places, under names that say so."""
    return ((f"#{number}", value) for number, value in enumerate(positional))


def _of_object(value: dict[str, Any], known: Sequence[str], depth: int) -> Iterator[Written]:
    name = next((key for key in NAMES if isinstance(value.get(key), str)), None)
    wrapped = next((key for key in WRAPPERS if isinstance(value.get(key), dict | list)), None)
    if name is None and wrapped is None and isinstance(value.get("tool_code"), str):
        wrapped = "tool_code"
    if name is not None and wrapped is None:
        yield _formal(value, name)
    elif wrapped is not None:
        yield from calls_of(value[wrapped], known, depth + 1)
    elif len(value) == 1 and next(iter(value)) in known:
        yield Written(*next(iter(value.items())))


def _formal(value: dict[str, Any], name: str) -> Written:
    arguments = next((key for key in ARGUMENTS if key in value and key != name), None)
    if arguments is not None:
        return Written(value[name], value[arguments])
    rest = {key: each for key, each in value.items() if key != name and key not in BESIDES}
    return Written(value[name], rest, is_formal=False)


def _pairs(body: str) -> Iterator[Written]:
    if pairs := _PAIR.findall(body):
        yield Written(body.split("<", 1)[0].strip(), {key.strip(): text.strip() for key, text in pairs})


def _elements(body: str) -> Iterator[Written]:
    elements: dict[str, str] = dict(_ELEMENT.findall(body))
    if name := next((elements[key].strip() for key in NAMES if key in elements), ""):
        arguments = next((elements[key] for key in ARGUMENTS if key in elements), "")
        yield Written(name, arguments_in(arguments))


def _named(body: str) -> Iterator[Written]:
    at = 0
    while found := _NAMED.match(body, at):
        value, end = values.value_at(body, found.end())
        if not isinstance(value, dict) or end <= at:
            return
        yield Written(found[1], value)
        at = _over(body, end, ",; \n\r\t)]")


def _objects(body: str) -> Iterator[Written]:
    for value in values.values(body):
        yield from calls_of(value)


def _python(body: str) -> Iterator[Written]:
    at, tried = 0, 0
    while at < len(body) and tried < MOST * 4:
        at, tried = _over(body, at, " \n\t\r,;[]"), tried + 1
        call, end = python_call(body, at)
        if call is not None:
            yield call
        following = body.find("\n", end)
        at = end if end > at else len(body) if following < 0 else following


def _over(text: str, at: int, letters: str) -> int:
    while at < len(text) and text[at] in letters:
        at += 1
    return at
