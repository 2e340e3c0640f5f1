"""What functions return, as JSON."""

import dataclasses
import datetime
import decimal
import enum
import pathlib
import types
import uuid
from typing import Any

import numpy
import pydantic
import pytest

from holdfast.sandbox.inside.values import NotJson, as_json


class Colour(enum.Enum):
    RED = "red"


class Rank(enum.IntEnum):
    FIRST = 1


class Point(pydantic.BaseModel):
    x: int
    when: datetime.date


@dataclasses.dataclass
class Pair:
    left: Any
    right: Any


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        ((1, 2.5, "x"), [1, 2.5, "x"]),
        ({3}, [3]),
        ({1: 2, Colour.RED: 3, b"k": 4}, {"1": 2, "red": 3, "k": 4}),
        (Colour.RED, "red"),
        (Rank.FIRST, 1),
        (Point(x=1, when=datetime.date(2026, 1, 2)), {"x": 1, "when": "2026-01-02"}),
        (
            [Pair(Point(x=1, when=datetime.date(2026, 1, 2)), {"a"})],
            [{"left": {"x": 1, "when": "2026-01-02"}, "right": ["a"]}],
        ),
        (datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC), "2026-01-02T03:00:00+00:00"),
        (datetime.timedelta(seconds=90), "0:01:30"),
        (decimal.Decimal("1.10"), "1.10"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (pathlib.Path("/a/b"), "/a/b"),
        (types.SimpleNamespace(a=1), {"a": 1}),
        (b"text", "text"),
        (b"\xff\x00", "/wA="),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (2**70, str(2**70)),
        (range(3), [0, 1, 2]),
        ({"a": 1}.keys(), ["a"]),
        (numpy.arange(3), [0, 1, 2]),
        (numpy.float32(0.5), 0.5),
    ],
)
def test_what_has_a_plain_form_gets_it(value: Any, expected: Any) -> None:
    assert as_json(value) == expected


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (object(), "a object"),
        (lambda: 1, "a function"),
        (int, "the class int"),
        (Point, "the class Point"),
        ((n for n in range(3)), "a generator"),
        ([{"deep": [numpy]}], "a module"),
    ],
)
def test_what_has_none_is_named(value: Any, name: str) -> None:
    with pytest.raises(NotJson, match=f"It returned {name}, which is not JSON"):
        as_json(value)


def test_what_nests_without_end_is_told() -> None:
    made: list[Any] = []
    for _ in range(100_000):
        made = [made]
    with pytest.raises(NotJson, match="more than 100 levels deep"):
        as_json(made)
