"""Text from outside, made storable: no NUL bytes, no lone surrogates."""

from json import JSONDecodeError
from typing import Any

DEEPEST = 200
"""How many levels a JSON document may have; what writes JSON for us stops at 254, and we put documents into others."""
TOO_DEEP = f"the document nests more than {DEEPEST} levels deep"


def clean(text: str) -> str:
    """The text without what neither database nor JSON can hold; everything else is kept as sent."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def clean_tree(value: Any, levels: int = DEEPEST) -> Any:
    """A decoded JSON document of what databases and JSON writers can hold; `JSONDecodeError` when it nests too deep."""
    if levels < 0:
        raise JSONDecodeError(TOO_DEEP, "", 0)
    match value:
        case str():
            return clean(value)
        case int():
            return value if -(2**63) <= value < 2**63 else str(value)
        case list():
            return [clean_tree(item, levels - 1) for item in value]  # pyright: ignore[reportUnknownVariableType] -- decoded JSON
        case dict():
            return {clean(str(k)): clean_tree(v, levels - 1) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType] -- decoded JSON
        case _:
            return value
