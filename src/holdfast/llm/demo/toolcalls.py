"""Which offered tool a message names, and the arguments that the message gives it."""

import json
import re
from collections.abc import Sequence
from typing import Any, cast

from holdfast.llm.demo.language import Language
from holdfast.llm.model import ToolSchema

Schema = dict[str, Any]
_EDGES = " \t\n,.;:!?，。！？：；-–—"
_QUOTED = re.compile(r"\"([^\"]+)\"|(?<![\w])'([^']+)'(?!\w)|“([^”]+)”|„([^“”]+)[“”]|「([^」]+)」|`([^`]+)`")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w])|(?<=[\u3400-\u9fff])-?\d+(?:\.\d+)?")
_FALSE = re.compile(r"\b(?:false|no|off|nein|falsch|aus)\b|否|不要", re.IGNORECASE)
_TRUE = re.compile(r"\b(?:true|yes|on|ja|wahr|an)\b|是", re.IGNORECASE)
_UNKNOWN = r"([a-z][a-z0-9]*(?:_[a-z0-9]+)+)"
_ARTICLE = r"(?:(?:the|your|my|a|an|den|dem|die|das|der|deinen|dein|deine) )?"
_OWN = {"request_heartbeat", "thinking"}


def named(text: str, tools: Sequence[ToolSchema], tongue: Language) -> ToolSchema | None:
    """The offered tool that the message names, the longest name first."""
    for tool in sorted(tools, key=lambda tool: -len(tool.name)):
        if _span(text, tool.name, tongue):
            return tool
    return None


def missing(text: str, tongue: Language) -> str | None:
    """The name of a tool that the message asks for and that is not offered."""
    words = tongue.tool_words
    match = re.search(
        rf"(?:{words['cue']})\W+(?:\w+ )??{_UNKNOWN}|{_UNKNOWN} ?(?:{words['noun']})", text, re.IGNORECASE
    )
    return (match[1] or match[2]) if match else None


def _span(text: str, name: str, tongue: Language) -> tuple[int, int] | None:
    """Where the message names the tool: exactly, or as words; one plain word needs a verb such as "use" beside it."""
    parts = [re.escape(part.lower()) for part in re.findall(r"[A-Za-z][a-z0-9]*|[A-Z]+|\d+", name)]
    loose = r"[\s_-]*".join(parts) or re.escape(name)
    match = re.search(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", text, re.IGNORECASE)
    if match and re.search(r"[_\d-]|[a-z][A-Z]", name):
        return match.span()
    match = match or (re.search(rf"(?<![A-Za-z0-9_]){loose}(?![A-Za-z0-9_])", text, re.IGNORECASE))
    if not match or name == "send_message":
        return None
    words = tongue.tool_words
    before, after = text[: match.start()], text[match.end() :]
    noun = re.match(rf"\W?(?:{words['noun']})", after, re.IGNORECASE)
    border = "" if tongue.spaceless else "(?<![a-zäöüß])"
    cue = re.search(rf"{border}(?:{words['cue']})\s*{_ARTICLE}[\"'`]?$", before, re.IGNORECASE)
    wordy = len(parts) > 1 and name != "memory"
    return match.span() if noun or (cue and name != "memory") or wordy else None


def arguments(tool: ToolSchema, text: str, tongue: Language, hints: dict[str, Any] | None = None) -> dict[str, Any]:
    """Arguments for the tool from the message, with every required one filled."""
    schema = tool.parameters
    span = _span(text, tool.name, tongue)
    before, after = (text[: span[0]], text[span[1] :]) if span else ("", text)
    source = _Source(before, after, text, tongue)
    given = source.given(_properties(schema))
    given.update({name: value for name, value in (hints or {}).items() if name not in given})
    return _filled(schema, given, source)


def _properties(schema: Schema) -> dict[str, Schema]:
    return {name: _object(part) for name, part in _object(schema.get("properties")).items()}


def _object(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return cast(list[Any], value) if isinstance(value, list) else []


def _filled(schema: Schema, given: dict[str, Any], source: "_Source") -> dict[str, Any]:
    properties = _properties(schema)
    required: list[str] = [name for name in _list(schema.get("required")) if isinstance(name, str)]
    wanted = [name for name in required if name not in given]
    own = [name for name in properties if name not in _OWN]
    if not given and not wanted and (first := next((n for n in own if _type(properties[n]) == "string"), None)):
        wanted = [first] if source.rest() else []
    filled = dict(given)
    for name in sorted(wanted, key=lambda name: _type(properties.get(name, {})) == "string"):
        filled[name] = source.value(name, properties.get(name, {}))
    ordered = [name for name in properties if name in filled]
    return {name: filled[name] for name in (*ordered, *(n for n in filled if n not in ordered))}


def _type(schema: Schema) -> str:
    kind: Any = schema.get("type")
    kinds = _list(kind) or [_type(_object(choice)) for choice in _list(schema.get("anyOf") or schema.get("oneOf"))]
    kind = next((item for item in kinds if item != "null"), kind)
    return kind if isinstance(kind, str) else "object" if "properties" in schema else "string"


class _Source:
    """The message as a supply of values; what was taken once is not given twice."""

    def __init__(self, before: str, after: str, text: str, tongue: Language) -> None:
        self.before = before
        self.after = after
        self.text = text
        self.tongue = tongue
        self.quoted = [
            next(group for group in match.groups() if group) for match in _QUOTED.finditer(f"{before} {after}")
        ]
        self.numbers = _NUMBER.findall(_QUOTED.sub(" ", f"{before} {after}"))

    def given(self, properties: dict[str, Schema]) -> dict[str, Any]:
        """The values that the message itself assigns: a JSON object, or `name=value`."""
        found = {name: value for name, value in _json_object(self.text).items() if name in properties}
        for name, schema in properties.items():
            if name not in found and (match := self._assigned(name)):
                value = match["value"].strip("\"'`,.;")
                found[name] = _typed(value, schema)
                self.numbers = [number for number in self.numbers if number != value]
                self.quoted = [quoted for quoted in self.quoted if quoted != value]
        return found

    def _assigned(self, name: str) -> re.Match[str] | None:
        label = re.escape(name).replace("_", "[ _]")
        value = r"(?P<value>\"[^\"]*\"|'[^']*'|[^\s,;，；]+)"
        return re.search(rf"(?<![A-Za-z0-9_]){label}\s*[=:：]\s*{value}", self.after, re.IGNORECASE) or re.search(
            rf"(?<![A-Za-z0-9_]){label}\s+(?P<value>\"[^\"]*\"|'[^']*'|-?\d[\d.]*)", self.after, re.IGNORECASE
        )

    def value(self, name: str, schema: Schema) -> Any:
        """A value of the schema's type for an argument that the message does not assign by name."""
        if name in _OWN:
            return name == "thinking" and ""
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            options: list[Any] = schema["enum"]
            return next((option for option in options if str(option).lower() in self.text.lower()), options[0])
        match _type(schema):
            case "integer" | "number":
                return (
                    _typed(self.numbers.pop(0), schema)
                    if self.numbers
                    else schema.get("default", schema.get("minimum", 1))
                )
            case "boolean":
                return bool(_TRUE.search(self.text)) and not _FALSE.search(self.text)
            case "array":
                return self._items(schema)
            case "object":
                return _filled(schema, {}, self)
            case _:
                return self.quoted.pop(0) if self.quoted else self.rest() or str(schema.get("default", self.text))

    def _items(self, schema: Schema) -> list[Any]:
        items = _object(schema.get("items"))
        if _type(items) in {"integer", "number"}:
            taken, self.numbers = self.numbers, []
            return [_typed(number, items) for number in taken]
        if _type(items) == "object":
            return [_filled(items, {}, self)]
        return self.quoted or [piece for piece in re.split(r"\s*,\s*|\s+(?:and|und)\s+|[、，和]", self.rest()) if piece]

    def rest(self) -> str:
        """What the message says beside the tool's name and the words that only lead to it."""
        return self._trimmed(_assignless(self.after)) or self._trimmed(_assignless(self.before), opening=True)

    def _trimmed(self, text: str, *, opening: bool = False) -> str:
        words = self.tongue.tool_words
        gap = "" if self.tongue.spaceless else r"(?=[\s,.:;!?]|$)"
        border = "" if self.tongue.spaceless else r"(?:^|(?<=[\s,.:;!?]))"
        start = re.compile(rf"(?:{'|'.join(words['lead'])}){gap}", re.IGNORECASE)
        end = re.compile(rf"{border}(?:{'|'.join(words['trail'])})$", re.IGNORECASE)
        text = text.strip(_EDGES.replace("-", "") + "\"'`")
        while match := start.match(text):
            text = text[match.end() :].strip(_EDGES.replace("-", ""))
        while (match := end.search(text)) and text:
            text = text[: match.start()].strip(_EDGES.replace("-", ""))
        if opening:
            text = re.sub(rf"(?:^|\b)(?:{words['cue']})$", "", text, flags=re.IGNORECASE).strip(_EDGES)
        return text.strip("\"'`")


def _assignless(text: str) -> str:
    return re.sub(r"\b\w+\s*=\s*(?:\"[^\"]*\"|'[^']*'|\S+)", " ", text)


def _typed(value: str, schema: Schema) -> Any:
    kind = _type(schema)
    try:
        if kind == "integer":
            return int(float(value))
        if kind == "number":
            return float(value) if "." in value else int(value)
        if kind in {"array", "object"}:
            return json.loads(value)
    except (ValueError, OverflowError):
        return [value] if kind == "array" else value
    return value.lower() in {"true", "yes", "1", "ja"} if kind == "boolean" else value


def _json_object(text: str) -> dict[str, Any]:
    start = text.find("{")
    if start < 0:
        return {}
    try:
        value, _ = json.JSONDecoder().raw_decode(text[start:])
    except (ValueError, RecursionError):
        return {}
    return _object(value)


def for_schema(schema: Schema, text: str, tongue: Language) -> dict[str, Any]:
    """An object of the schema whose strings are the text: an answer in a wanted response format."""
    return _filled(schema, {}, _Source("", text, text, tongue))
