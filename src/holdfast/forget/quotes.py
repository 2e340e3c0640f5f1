"""Tool calls and returns that repeat what was forgotten, and what is left of them."""

import json
from collections.abc import Collection, Iterable
from typing import Any, cast

from holdfast.messages.model import Part, TextPart, ToolCallPart, ToolReturnPart

FORGOTTEN = "[forgotten]"

SHORTEST = 12
"""A text that is shorter is not looked for inside others: everybody says "yes"."""

MOST_INSIDE = 200
"""How many texts are looked for inside others; of more only those that a search found as they are."""


class Quotes:
    """Finds texts, and the arguments of calls, in the parts of messages."""

    def __init__(self, texts: Iterable[str], call_ids: Collection[str] = (), returns_of: Collection[str] = ()) -> None:
        found = {text.strip() for text in texts}
        self._whole = found - {""}
        inside = sorted((text for text in found if len(text) >= SHORTEST), key=len, reverse=True)
        self._inside = [form for text in inside[:MOST_INSIDE] for form in _forms(text)]
        self._calls = set(call_ids)
        self._returns = set(returns_of)
        """Calls of whose returns nothing stays."""

    def without(self, content: Iterable[Part]) -> list[Part] | None:
        """The parts without what is quoted; None when nothing is."""
        parts = list(content)
        left = [self._part(part) for part in parts]
        return None if left == parts else left

    def _part(self, part: Part) -> Part:
        match part:
            case ToolCallPart():
                left = self._json(part.arguments)
                if part.id in self._calls or left != part.arguments:
                    return part.model_copy(update={"arguments": _emptied(part.arguments), "signature": None})
                return part
            case ToolReturnPart():
                return self._returned(part)
            case _:
                return part

    def _returned(self, part: ToolReturnPart) -> ToolReturnPart:
        if part.call_id in self._returns:
            return ToolReturnPart(call_id=part.call_id, name=part.name, output=FORGOTTEN, status=part.status)
        further = [
            each.model_copy(update={"text": self._cut(each.text)}) if isinstance(each, TextPart) else each
            for each in part.parts or ()
        ]
        lines = {
            name: [self._cut(line) for line in kept] for name in ("stdout", "stderr") if (kept := getattr(part, name))
        }
        return part.model_copy(
            update={"output": self._json(part.output), **lines, **({"parts": further} if part.parts else {})}
        )

    def _json(self, text: str) -> str:
        """A text that is JSON or not; what is not was cut short, or never was."""
        try:
            value = json.loads(text)
        except ValueError:
            return self._cut(text)
        left = self._value(value)
        return text if left == value else json.dumps(left, ensure_ascii=False)

    def _value(self, value: Any) -> Any:
        match value:
            case str():
                return self._cut(value)
            case list():
                items = cast(list[Any], value)
                return [self._value(each) for each in items if not self._is_result(each)]
            case dict():
                return {key: self._value(each) for key, each in cast(dict[str, Any], value).items()}
            case _:
                return value

    def _is_result(self, value: Any) -> bool:
        """Is this one thing that a search found, and no more than what was forgotten?"""
        content: Any = cast(dict[str, Any], value).get("content") if isinstance(value, dict) else None
        return isinstance(content, str) and content.strip() in self._whole

    def _cut(self, text: str) -> str:
        for each in self._inside:
            if each in text:
                text = text.replace(each, FORGOTTEN)
        return text


def _forms(text: str) -> list[str]:
    """A text as it is, and as it is written inside JSON and in what tools say."""
    forms = (text, repr(text)[1:-1], *(json.dumps(text, ensure_ascii=way)[1:-1] for way in (False, True)))
    return list(dict.fromkeys(forms))


def _emptied(arguments: str) -> str:
    """Arguments of which only the names are left."""
    try:
        value: Any = json.loads(arguments)
    except ValueError:
        value = None
    names = cast(dict[str, Any], value) if isinstance(value, dict) else {}
    return json.dumps(dict.fromkeys(names, FORGOTTEN))
