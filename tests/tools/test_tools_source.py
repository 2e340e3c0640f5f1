"""Schemas that are read from Python source, which is never run (CONTRACT §8)."""

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
    "tuple[int, ...]": {"type": "array", "items": {"type": "integer"}},
}


def schema(org: Org, source: str) -> dict[str, Any]:
    made = org.http.post("/v1/tools/", json={"source_code": source})
    assert made.status_code == 200, made.text
    return made.json()["json_schema"]


@pytest.mark.contract("tools.source.types")
def test_annotations(org: Org) -> None:
    arguments = ", ".join(f"a{number}: {text}" for number, text in enumerate(TYPES))
    properties = schema(org, f"def f({arguments}): ...")["parameters"]["properties"]
    assert list(properties.values()) == list(TYPES.values())


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
