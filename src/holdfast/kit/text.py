"""Text from outside, made storable: no NUL bytes, no lone surrogates."""

from typing import Any


def clean(text: str) -> str:
    """The text without what neither database nor JSON can hold; everything else is kept as sent."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def clean_tree(value: Any) -> Any:
    """`clean` for every string in a decoded JSON document, keys included."""
    match value:
        case str():
            return clean(value)
        case list():
            return [clean_tree(item) for item in value]  # pyright: ignore[reportUnknownVariableType] -- decoded JSON
        case dict():
            return {clean(str(k)): clean_tree(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType] -- decoded JSON
        case _:
            return value
