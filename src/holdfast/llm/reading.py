"""How the pieces of an answer become deltas, and what a piece that cannot be read means."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol, cast

import orjson

from holdfast.errors import ModelError
from holdfast.llm import failures
from holdfast.llm.failures import Target
from holdfast.llm.model import Delta

Json = dict[str, Any]


class AnswerReader(Protocol):
    """The state of one answer."""

    def read(self, data: bytes) -> list[Delta]:
        """What one piece says."""
        ...

    def end(self) -> list[Delta]:
        """What is only known at the end, after a look at whether the answer was whole."""
        ...

    @property
    def started(self) -> bool:
        """Something of the answer was passed on, so that asking again would repeat it."""
        ...


async def deltas(
    target: Target, pieces: AsyncGenerator[bytes, None], reader: AnswerReader
) -> AsyncGenerator[Delta, None]:
    """What the model says. A failure after its first word is told as an answer that broke off."""
    async with aclosing(pieces):
        async for data in pieces:
            for delta in _read(target, reader, data):
                yield delta
    for delta in reader.end():
        yield delta


def _read(target: Target, reader: AnswerReader, data: bytes) -> list[Delta]:
    try:
        return reader.read(data)
    except ModelError as error:
        if not reader.started:
            raise
        raise failures.broken(target, error.explanation or error.detail) from error


def decoded(target: Target, data: bytes) -> Json:
    """The JSON object that a piece is."""
    try:
        found: Any = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise failures.unusable(target, "sent an answer that is not JSON", data) from error
    if not isinstance(found, dict):
        raise failures.unusable(target, "sent an answer that is no JSON object", data)
    return cast(Json, found)


def objects(found: Any) -> list[Json]:
    """The objects of what should be a list of them."""
    return (
        [cast(Json, each) for each in cast(list[Any], found) if isinstance(each, dict)]
        if isinstance(found, list)
        else []
    )


def object_of(found: Any) -> Json:
    """What should be an object; an empty one when it is none."""
    return cast(Json, found) if isinstance(found, dict) else {}


def count(body: Json, name: str) -> int | None:
    """A number of tokens, if that is what is there."""
    value: Any = body.get(name)
    return int(value) if isinstance(value, int | float) and 0 <= value < 2**31 else None
