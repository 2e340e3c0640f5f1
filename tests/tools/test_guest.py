"""What calls a tool in the sandbox: arguments in the types that a function names."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import pytest
from pydantic import BaseModel

from holdfast.tools.guest import HoldfastRecord, holdfast_copy, holdfast_fit, holdfast_hint


class Size(enum.Enum):
    SMALL = "s"


class Point(NamedTuple):
    x: int
    at: date


@dataclass
class Line:
    sizes: list[Size]
    note: str = ""


class Order(BaseModel):
    lines: list[Line]


class Wish(TypedDict):
    text: str


DAY = date(2026, 2, 3)
ID = UUID(int=1)
FITTING: list[tuple[Any, Any, Any]] = [
    (5, int, 5),
    (5, float, 5.0),
    ("x", Any, "x"),
    (None, int | None, None),
    ("s", Size | None, Size.SMALL),
    ("s", Literal["s"], "s"),
    (["s"], list[Size], [Size.SMALL]),
    (["s"], Sequence[Size], [Size.SMALL]),
    ([1, "2026-02-03"], tuple[int, date], (1, DAY)),
    (["a", "a"], set[str], {"a"}),
    ({"a": "s"}, dict[str, Size], {"a": Size.SMALL}),
    ("2026-02-03", date, DAY),
    ("2026-02-03T04:05:06Z", datetime, datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)),
    (90, timedelta, timedelta(seconds=90)),
    ("1.10", Decimal, Decimal("1.10")),
    (str(ID), UUID, ID),
    ("/a", PurePath, PurePath("/a")),
    ({"x": 1, "at": "2026-02-03"}, Point, Point(1, DAY)),
    ({"sizes": ["s"]}, Line, Line([Size.SMALL])),
    ({"lines": [{"sizes": ["s"], "note": "n"}]}, Order, Order(lines=[Line([Size.SMALL], "n")])),
    ({"text": "t"}, Wish, {"text": "t"}),
    ("s", Annotated[Size, "which"], Size.SMALL),
    ("5", int | Size, ValueError),
    ("big", Size, ValueError),
    ("yesterday", date, ValueError),
]


@pytest.mark.parametrize(("value", "hint", "fitting"), FITTING)
def test_values_become_what_a_function_names(value: Any, hint: Any, fitting: Any) -> None:
    if fitting is ValueError:
        with pytest.raises(ValueError, match=r"big|yesterday|5"):
            holdfast_fit(value, hint)
    else:
        made = holdfast_fit(value, hint)
        assert made == fitting
        assert type(made) is type(fitting)


def test_an_annotation_that_means_nothing_makes_a_record() -> None:
    def function(order: Any, size: "Size") -> None:
        """Take both."""

    function.__annotations__["order"] = "Nowhere"
    assert holdfast_hint(function, "size") is Size
    assert holdfast_hint(function, "order") is HoldfastRecord
    made = holdfast_fit({"lines": [{"count": 1}]}, HoldfastRecord)
    assert made.lines[0].count == 1
    made.total = 5
    assert made.model_dump() == {"lines": [{"count": 1}], "total": 5}
    with pytest.raises(AttributeError, match="no field 'price'"):
        _ = made.price


def test_a_copy_of_an_agent_is_read_and_not_written() -> None:
    blocks = [{"label": "human", "value": "Ada"}]
    copy = holdfast_copy({"name": "a", "memory": {"blocks": blocks, "file_blocks": []}, "metadata": {"a": [1]}})
    assert (copy.name, copy.metadata.a, copy.memory.get_block("human").value) == ("a", [1], "Ada")
    assert copy.memory.list_block_labels() == ["human"]
    with pytest.raises(KeyError, match="no block 'persona'; it has human"):
        copy.memory.get_block("persona")
    with pytest.raises(AttributeError, match="has no 'nothing'"):
        _ = copy.nothing
    for write in (
        lambda: setattr(copy, "name", "b"),
        lambda: copy.memory.update_block_value("human", "Eve"),
        lambda: setattr(copy.memory.get_block("human"), "value", "Eve"),
        lambda: copy.memory.get_block("human").__setitem__("value", "Eve"),
    ):
        with pytest.raises(PermissionError, match="is a copy"):
            write()
    assert copy.memory.get_block("human").value == "Ada"
