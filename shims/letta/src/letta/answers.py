"""What calls answer with: the JSON of the server, with its fields as attributes."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

ROLES = {"user_message": "user", "assistant_message": "assistant", "system_message": "system"}
"""What somebody said; the other types are about tools and thoughts."""


class Thing:
    """A JSON object. Fields that are not there raise AttributeError; `to_dict` is the whole."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = dict(fields)

    def __getattr__(self, name: str) -> Any:
        try:
            return _seen(self.__dict__["_fields"][name])
        except KeyError:
            raise AttributeError(name) from None

    def __repr__(self) -> str:
        return f"Thing({self._fields.get('id', '')})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Thing) and other._fields == self._fields

    __hash__ = None  # pyright: ignore[reportAssignmentType] -- as for every class with __eq__ whose fields may change

    def to_dict(self) -> dict[str, Any]:
        return dict(self._fields)


class Listed:
    """A list in `.data`."""

    def __init__(self, found: list[Thing]) -> None:
        self.data = found

    def __iter__(self) -> Iterator[Thing]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


class Turn(Listed):
    """What came of a message: all that was said and done in `.data`, the answer in `.id` and `.content`."""

    def __init__(self, made: list[Thing]) -> None:
        super().__init__(made)
        said = [message for message in made if message.role == "assistant"]
        last = (said or made or [Thing({"id": ""})])[-1]
        self.id: str = last.id
        self.role = "assistant"
        self.content = "\n".join(message.content for message in said)


def message(sent: Mapping[str, Any]) -> Thing:
    """A message with role and plain content besides the server's own fields."""
    kind = str(sent.get("message_type", ""))
    return Thing({**sent, "role": ROLES.get(kind, "tool"), "content": _plain(sent)})


def was_said(one: Thing) -> bool:
    return one.role in ROLES.values()


def _seen(value: Any) -> Any:
    if isinstance(value, dict):
        return Thing(cast(dict[str, Any], value))
    return [_seen(each) for each in cast(list[Any], value)] if isinstance(value, list) else value


def _plain(sent: Mapping[str, Any]) -> str:
    content = sent.get("content", sent.get("reasoning", sent.get("tool_return", "")))
    if isinstance(content, list):
        parts = cast(list[dict[str, Any]], content)
        return "".join(str(part.get("text", "")) for part in parts)
    return str(content or "")
