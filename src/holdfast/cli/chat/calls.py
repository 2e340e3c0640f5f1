"""Tool calls and their returns as text: put together from fragments, on one line, or at full length."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast


@dataclass
class CallText:
    """A call, as far as it has arrived."""

    name: str = ""
    arguments: str = ""

    def add(self, fragment: Mapping[str, Any]) -> None:
        self.name = fragment.get("name") or self.name
        self.arguments += fragment.get("arguments") or ""

    @property
    def is_whole(self) -> bool:
        return _decoded(self.arguments) is not None

    @property
    def line(self) -> str:
        found = _decoded(self.arguments or "{}")
        if found is None:
            return f"{self.name}({self.arguments})"
        return f"{self.name}({', '.join(f'{name}={_json(value)}' for name, value in found.items())})"

    @property
    def full(self) -> str:
        """An argument to a line; text as it is, in as many lines as it has."""
        found = _decoded(self.arguments or "{}")
        if found is None:
            return self.arguments
        return "\n".join(
            f"{name}: {value if isinstance(value, str) else _json(value)}" for name, value in found.items()
        )


def fragments(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The calls of a message, or the pieces of calls."""
    found: Any = data.get("tool_calls") or data.get("tool_call") or []
    return [cast(dict[str, Any], found)] if isinstance(found, dict) else found


def returns(data: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    """What calls returned: whether it is an error, and the text."""
    found: list[Mapping[str, Any]] = data.get("tool_returns") or [data]
    for each in found:
        yield each.get("status") == "error", text_of(each.get("tool_return") or each.get("func_response"))


def text_of(content: Any) -> str:
    """The text of a content: a string, or parts of which some are text."""
    if isinstance(content, str):
        return content
    parts: list[dict[str, Any]] = content or []
    return "".join(part.get("text") or "" for part in parts)


def _decoded(text: str) -> dict[str, Any] | None:
    try:
        found: Any = json.loads(text)
    except ValueError:
        return None
    return cast(dict[str, Any], found) if isinstance(found, dict) else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
