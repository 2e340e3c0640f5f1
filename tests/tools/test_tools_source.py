"""Schemas that are read from Python source, which is never run (CONTRACT §8)."""

import sys
from typing import Any

import pytest

from tests.harness.tenants import Org

TYPES: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "list": {"type": "array", "items": {}},
    "list[str]": {"type": "array", "items": {"type": "string"}},
    "List[Dict[str, int]]": {
        "type": "array",
        "items": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
    "dict": {"type": "object"},
    "typing.Dict[str, typing.Any]": {"type": "object", "additionalProperties": {}},
    "Optional[int]": {"type": "integer"},
    "int | None": {"type": "integer"},
    "'int | None'": {"type": "integer"},
    "int | str": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    "Union[int, str, None]": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    "Literal['a', 'b']": {"type": "string", "enum": ["a", "b"]},
    "Annotated[int, 'How many.']": {"type": "integer", "description": "How many."},
    "Annotated[int, Field(description='How many.', ge=1, lt=9)]": {
        "type": "integer",
        "description": "How many.",
        "minimum": 1,
        "exclusiveMaximum": 9,
    },
    "Annotated[str, Field(min_length=2, pattern='^a')]": {"type": "string", "minLength": 2, "pattern": "^a"},
    "Annotated[int | None, 'How many.']": {"type": "integer", "description": "How many."},
    "tuple[int, ...]": {"type": "array", "items": {"type": "integer"}},
    "tuple[int, str]": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]}},
    "collections.abc.Sequence[float]": {"type": "array", "items": {"type": "number"}},
    "Any": {},
    "datetime": {"type": "string", "format": "date-time"},
    "datetime.date": {"type": "string", "format": "date"},
    "uuid.UUID": {"type": "string", "format": "uuid"},
    "Literal[1, Literal[2], -3]": {"type": "integer", "enum": [1, 2, -3]},
    "Literal['a', None]": {"enum": ["a", None]},
    "Literal[Size.SMALL]": {"type": "string", "enum": ["s"]},
    "Size": {"type": "string", "enum": ["s", "l"]},
    "Colour": {"type": "string", "enum": ["red", "blue"]},
    "Level": {"type": "integer", "enum": [1, 2]},
    "Units": {"type": "string", "enum": ["metric", "imperial"]},
    "UserId": {"type": "string"},
    "Number": {"anyOf": [{"type": "integer"}, {"type": "number"}]},
    "Pair": {
        "type": "object",
        "properties": {"left": {"type": "integer"}, "right": {"type": "integer"}},
        "required": ["left"],
    },
    "Wishes": {
        "type": "object",
        "properties": {"colour": {"type": "string"}, "size": {"type": "string"}},
        "required": ["size"],
    },
    "Box[int]": {
        "type": "object",
        "description": "What holds something.",
        "properties": {"name": {"type": "string"}, "held-by": {"type": "string", "maxLength": 9}},
        "required": ["name", "held-by"],
    },
}

NAMES = '''
from __future__ import annotations
import collections.abc, datetime, typing, uuid
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum, auto
from typing import *
from pydantic import BaseModel, ConfigDict, Field

Units = Literal["metric", "imperial"]
UserId = NewType("UserId", str)
Number = TypeVar("Number", int, float)
T = TypeVar("T")

class Size(str, Enum):
    SMALL = "s"
    LARGE = "l"

    @property
    def is_small(self): return self is Size.SMALL

class Colour(StrEnum):
    RED = auto()
    BLUE = auto()

class Level(IntEnum):
    LOW = auto()
    HIGH = auto()

@dataclass
class Pair:
    left: int
    right: int = 2
    kinds: ClassVar[int] = 3

class Wishes(TypedDict, total=False):
    colour: str
    size: Required[str]

class Named(BaseModel):
    model_config: ConfigDict = ConfigDict(frozen=True)
    name: str

class Box(Named, Generic[T]):
    """What holds something."""
    holder: str = Field(alias="held-by", max_length=9)
    _secret: int = 1

'''


def schema(org: Org, source: str) -> dict[str, Any]:
    made = org.http.post("/v1/tools/", json={"source_code": source})
    assert made.status_code == 200, made.text
    return made.json()["json_schema"]


@pytest.mark.contract("tools.source.types")
def test_annotations(org: Org) -> None:
    arguments = ", ".join(f"a{number}: {text}" for number, text in enumerate(TYPES))
    properties = schema(org, f"{NAMES}def f({arguments}): ...")["parameters"]["properties"]
    assert dict(zip(TYPES, properties.values(), strict=True)) == TYPES


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def f(a: int, b: Callable[[int], str]): ...", "'b' of f cannot be read: `Callable[[int], str]`"),
        ("from shop import Order\ndef f(order: Order): ...", "'order' of f cannot be read: `Order`"),
        ("def f(a: list[complex]): ...", "'a' of f cannot be read: `complex`"),
        ("class E(Enum):\n    A = open('x')\ndef f(e: E): ...", "`open('x')` is no plain value"),
        ("def f(a: 'int |'): ...", "'a' of f cannot be read"),
        ("def f(a: " + "list[" * 60 + "]" * 60 + "): ...", "not valid Python"),
        ("def f(a): ...", "'a' of f has no type"),
        ("def f(*words: str): ...", "f takes *args"),
        ("x = 1", "defines no function"),
    ],
)
def test_what_cannot_be_described_is_named(org: Org, source: str, says: str) -> None:
    answer = org.http.post("/v1/tools/", json={"source_code": source})
    assert answer.status_code == 400
    assert says in answer.json()["detail"]


def test_arguments_that_may_be_none_are_not_required(org: Org) -> None:
    optional = "a: Maybe, b: 'int | None', c: int, d: str = 'x', *, e: Annotated[str | None, 'E']"
    assert schema(org, f"Maybe = Optional[int]\n\ndef f({optional}): ...")["parameters"]["required"] == ["c"]


def test_newer_syntax_is_read_where_python_reads_it(org: Org) -> None:
    """The server's own Python reads the source, and runs it later: what one refuses, the other would."""
    answer = org.http.post("/v1/tools/", json={"source_code": "type Id = int\n\ndef f[T: str](a: Id, b: T): ..."})
    if sys.version_info < (3, 12):
        assert (answer.status_code, "line 1" in answer.json()["detail"]) == (400, True)
    else:
        properties = answer.json()["json_schema"]["parameters"]["properties"]
        assert properties == {"a": {"type": "integer"}, "b": {"type": "string"}}


@pytest.mark.contract("tools.source.docstring")
def test_a_google_style_docstring_describes_function_and_arguments(org: Org) -> None:
    source = '''
def search(query: str, limit: int = 5, *, exact: bool = False) -> list[str]:
    """Search the shop.

    It knows everything that is for sale.

    Args:
        query (str): What to look for:
            a name, or part of one.
        limit: How many.

    Returns:
        list[str]: The names.
    """
'''
    read = schema(org, source)
    assert read["description"] == "Search the shop.\n\nIt knows everything that is for sale."
    properties = read["parameters"]["properties"]
    assert properties["query"]["description"] == "What to look for: a name, or part of one."
    assert properties["limit"] == {"type": "integer", "description": "How many."}
    assert properties["exact"] == {"type": "boolean"}
    assert read["parameters"]["required"] == ["query"]


@pytest.mark.contract("tools.source.last-function")
def test_the_last_function_is_the_tool(org: Org) -> None:
    source = "import os\n\ndef helper(x):\n    return x\n\nasync def tool(a: int):\n    def inner(): ...\n\nX = 1\n"
    assert schema(org, source)["name"] == "tool"


@pytest.mark.contract("tools.source.reserved")
def test_reserved_arguments_are_never_told_to_the_model(org: Org) -> None:
    read = schema(org, "def f(self, a: int, agent_state: 'AgentState'): ...")
    assert list(read["parameters"]["properties"]) == ["a"]


def test_classes_of_the_source_are_objects(org: Org) -> None:
    source = '''
from enum import Enum
from pydantic import BaseModel, Field

class Size(Enum):
    SMALL = "s"
    LARGE = "l"

class Line(BaseModel):
    """One line of an order."""
    article: str = Field(..., description="The article's name.")
    size: Size = Size.SMALL
    count: int = Field(default=1)
    note: str | None

def order(lines: list[Line]): ...
'''
    line = schema(org, source)["parameters"]["properties"]["lines"]["items"]
    assert line["description"] == "One line of an order."
    assert line["required"] == ["article"]
    assert line["properties"] == {
        "article": {"type": "string", "description": "The article's name."},
        "size": {"type": "string", "enum": ["s", "l"]},
        "count": {"type": "integer"},
        "note": {"type": "string"},
    }


def test_a_class_that_contains_itself_is_refused_in_words(org: Org) -> None:
    source = "class Node(BaseModel):\n    next: 'Node'\n\ndef f(node: Node): ...\n"
    answer = org.http.post("/v1/tools/", json={"source_code": source})
    assert (answer.status_code, "Node" in answer.json()["detail"]) == (400, True)


@pytest.mark.contract("tools.source.never-run")
def test_the_source_is_not_run(org: Org, tmp_path: Any) -> None:
    trace = tmp_path / "trace"
    source = f"open({str(trace)!r}, 'w').close()\n\ndef f(a: int = open({str(trace)!r}, 'w').fileno()): ...\n"
    assert schema(org, source)["name"] == "f"
    assert not trace.exists()
