"""Tools by themselves: create, upsert, change and delete (CONTRACT §2.5, §8)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from letta_client import BadRequestError, NotFoundError

from tests.harness.tenants import Org

UNKNOWN = "tool-00000000-0000-4000-8000-000000000000"

WIRE_FIELDS = {
    *("id", "tool_type", "description", "source_type", "name", "tags", "source_code", "json_schema"),
    *("args_json_schema", "return_char_limit", "pip_requirements", "npm_requirements", "default_requires_approval"),
    *("enable_parallel_execution", "created_by_id", "last_updated_by_id", "metadata_", "project_id"),
}

ROLL = '''
def roll(sides: int, times: int = 1) -> str:
    """Roll dice.

    Args:
        sides (int): How many sides each die has.
        times: How often to roll.
    """
    return "4"
'''


def make(org: Org, source: str = ROLL, **fields: Any) -> dict[str, Any]:
    made = org.http.post("/v1/tools/", json={"source_code": source, **fields})
    assert made.status_code == 200, made.text
    return made.json()


def refused(org: Org, status: int = 400, source: str = ROLL, **fields: Any) -> str:
    answer = org.http.post("/v1/tools/", json={"source_code": source, **fields})
    assert answer.status_code == status, answer.text
    return answer.json()["detail"]


def named(name: str) -> dict[str, Any]:
    return {"name": name, "description": "d", "parameters": {"type": "object", "properties": {}, "required": []}}


def builtin(org: Org, name: str = "memory_insert") -> dict[str, Any]:
    return org.http.get("/v1/tools/", params={"name": name}).json()[0]


@pytest.mark.contract("tools.create")
def test_a_new_tool_has_the_defaults(org: Org) -> None:
    tool = make(org)
    assert set(tool) == WIRE_FIELDS
    assert tool["id"].startswith("tool-")
    assert (tool["name"], tool["description"], tool["source_code"]) == ("roll", "Roll dice.", ROLL)
    assert (tool["tool_type"], tool["source_type"], tool["tags"]) == ("custom", "python", [])
    assert (tool["return_char_limit"], tool["enable_parallel_execution"]) == (50_000, False)
    assert org.http.get(f"/v1/tools/{tool['id']}").json() == tool


@pytest.mark.contract("tools.create.json-schema")
def test_a_schema_that_is_sent_is_kept_and_names_the_tool(org: Org) -> None:
    schema = {**named("dice"), "parameters": {"type": "object", "properties": {"x": {"anyOf": [{"type": "null"}]}}}}
    tool = make(org, json_schema=schema)
    assert (tool["name"], tool["description"], tool["json_schema"]) == ("dice", "d", schema)


@pytest.mark.contract("tools.create.args-schema")
def test_a_schema_of_the_arguments_is_joined_with_the_function(org: Org) -> None:
    arguments = {"type": "object", "title": "Roll", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    tool = make(org, args_json_schema=arguments)
    expected = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    assert tool["json_schema"] == {"name": "roll", "description": "Roll dice.", "parameters": expected}
    assert tool["args_json_schema"] == arguments


@pytest.mark.contract("tools.upsert")
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_both_create_and_upsert_replace_the_tool_of_the_same_name(org: Org, method: str) -> None:
    first = make(org, tags=["a"], return_char_limit=7)
    body = {"source_code": "def roll(faces: int): ...", "description": "new"}
    second = org.http.request(method, "/v1/tools/", json=body).json()
    assert (second["id"], second["description"]) == (first["id"], "new")
    assert list(second["json_schema"]["parameters"]["properties"]) == ["faces"]
    assert (second["tags"], second["return_char_limit"]) == ([], 50_000)
    assert len(org.http.get("/v1/tools/", params={"name": "roll"}).json()) == 1


@pytest.mark.contract("tools.upsert.at-once")
def test_creating_one_name_many_times_at_once_makes_one_tool(org: Org) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = {tool["id"] for tool in pool.map(make, [org] * 16)}
    assert len(ids) == 1


def test_a_tool_that_others_delete_meanwhile_is_made_all_the_same(org: Org) -> None:
    def flip(number: int) -> int:
        if number % 2:
            return org.http.put("/v1/tools/", json={"source_code": ROLL}).status_code
        for there in org.http.get("/v1/tools/", params={"name": "roll"}).json():
            org.http.delete(f"/v1/tools/{there['id']}")
        return 200

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(flip, range(120))) == {200}


@pytest.mark.contract("tools.create.name")
def test_a_name_has_at_most_48_characters_and_is_that_of_the_schema(org: Org) -> None:
    assert make(org, json_schema=named("n" * 48), name="n" * 48)["name"] == "n" * 48
    assert "49" in refused(org, json_schema=named("n" * 49))
    assert "'other'" in refused(org, name="other")
    assert "name" in refused(org, json_schema={"description": "nameless"})
    assert "letters" in refused(org, json_schema=named("with space"))


@pytest.mark.contract("tools.create.typescript")
def test_other_languages_need_a_schema(org: Org) -> None:
    source = "export function roll(sides: number): string { return '4'; }"
    assert "json_schema" in refused(org, 422, source, source_type="typescript")
    tool = make(org, source, source_type="typescript", json_schema=named("roll"), npm_requirements=[{"name": "zod"}])
    assert (tool["name"], tool["source_type"]) == ("roll", "typescript")
    assert tool["npm_requirements"] == [{"name": "zod", "version": None}]


@pytest.mark.contract("tools.create.wrong-source")
@pytest.mark.parametrize(
    "source,said",
    [
        ("def roll(: pass", "line 1"),
        ("x = 1", "no function"),
        ("def roll(n): pass", "'n'"),
        ("def roll(n: Thing): pass", "Thing"),
        ("def roll(*names: str): pass", "*args"),
        ("(" * 100_000, "Python"),
    ],
)
def test_a_source_that_cannot_be_described_says_what_is_wrong(org: Org, source: str, said: str) -> None:
    assert said in refused(org, 400, source)


@pytest.mark.contract("tools.create.reserved")
def test_the_names_of_the_servers_own_tools_are_taken(org: Org) -> None:
    assert "'send_message'" in refused(org, 400, "def send_message(message: str): ...")
    assert org.http.get("/v1/tools/", params={"name": "send_message"}).json()[0]["tool_type"] == "letta_core"


@pytest.mark.contract("tools.update")
def test_new_source_brings_a_new_schema_and_name(org: Org) -> None:
    tool = make(org, tags=["a"])
    patch = {"source_code": "def throw(faces: int):\n    'Throw.'", "tags": None, "metadata_": {"k": 1}}
    changed = org.http.patch(f"/v1/tools/{tool['id']}", json=patch).json()
    assert (changed["id"], changed["name"], changed["description"]) == (tool["id"], "throw", "Throw.")
    assert list(changed["json_schema"]["parameters"]["properties"]) == ["faces"]
    assert (changed["tags"], changed["metadata_"]) == (["a"], {"k": 1})
    assert org.http.get(f"/v1/tools/{tool['id']}").json() == changed


@pytest.mark.contract("tools.update.rename-onto-existing")
def test_a_rename_onto_another_tool_is_refused(org: Org) -> None:
    make(org)
    other = make(org, "def throw(): ...")
    for patch in ({"source_code": ROLL}, {"json_schema": named("roll")}):
        answer = org.http.patch(f"/v1/tools/{other['id']}", json=patch)
        assert answer.status_code == 400
        assert "'roll'" in answer.json()["detail"]
    assert org.http.get(f"/v1/tools/{other['id']}").json() == other
    assert org.http.patch(f"/v1/tools/{other['id']}", json={"name": "toss"}).status_code == 400


def test_settings_of_a_builtin_tool_can_change_but_not_what_it_is(org: Org) -> None:
    tool = builtin(org)
    changed = org.http.patch(
        f"/v1/tools/{tool['id']}", json={"default_requires_approval": True, "return_char_limit": 9}
    )
    assert (changed.json()["default_requires_approval"], changed.json()["return_char_limit"]) == (True, 9)
    fixed = org.http.patch(f"/v1/tools/{tool['id']}", json={"source_code": ROLL})
    assert fixed.status_code == 400
    assert org.http.post("/v1/tools/add-base-tools").status_code == 200
    assert org.http.get(f"/v1/tools/{tool['id']}").json() == changed.json()


@pytest.mark.contract("tools.delete")
def test_a_deleted_tool_is_gone(org: Org) -> None:
    tool = make(org)
    deleted = org.http.delete(f"/v1/tools/{tool['id']}")
    assert (deleted.status_code, deleted.json()) == (200, None)
    assert org.http.get(f"/v1/tools/{tool['id']}").status_code == 404
    assert org.http.delete(f"/v1/tools/{tool['id']}").status_code == 404


@pytest.mark.contract("tools.unknown")
def test_unknown_and_malformed_ids(org: Org) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        body: dict[str, str] | None = {} if method == "PATCH" else None
        missing = org.http.request(method, f"/v1/tools/{UNKNOWN}", json=body)
        assert (missing.status_code, UNKNOWN in missing.json()["detail"]) == (404, True)
        assert org.http.request(method, "/v1/tools/tool-1", json=body).status_code == 422


@pytest.mark.parametrize(
    "field,value",
    [
        ("return_char_limit", 0),
        ("return_char_limit", 1_000_001),
        ("return_char_limit", "x"),
        ("tags", 1),
        ("json_schema", []),
        ("pip_requirements", [1]),
    ],
)
def test_what_a_field_cannot_be_is_named(org: Org, field: str, value: Any) -> None:
    assert f"body.{field}" in refused(org, 422, **{field: value})


def test_the_largest_return_is_a_million_characters(org: Org) -> None:
    tool = make(org, return_char_limit=1_000_000)
    assert tool["return_char_limit"] == 1_000_000
    changed = org.http.patch(f"/v1/tools/{tool['id']}", json={"return_char_limit": 1_000_001})
    assert (changed.status_code, "body.return_char_limit" in changed.json()["detail"]) == (422, True)


def test_the_source_is_required(org: Org) -> None:
    answer = org.http.post("/v1/tools/", json={"json_schema": named("roll")})
    assert (answer.status_code, "body.source_code" in answer.json()["detail"]) == (422, True)


@pytest.mark.contract("tools.sdk")
def test_the_client_manages_tools(org: Org) -> None:
    tools = org.client.tools
    made = tools.create(source_code=ROLL, tags=["dice"], default_requires_approval=True)
    assert (made.name, made.tags, made.default_requires_approval) == ("roll", ["dice"], True)
    assert tools.upsert(source_code=ROLL, description="Again.").id == made.id
    assert tools.update(made.id, description="Third.", return_char_limit=10).description == "Third."
    assert tools.retrieve(made.id).return_char_limit == 10
    assert made.id in [tool.id for tool in tools.list()]
    tools.delete(made.id)
    with pytest.raises(NotFoundError):
        tools.retrieve(made.id)
    with pytest.raises(BadRequestError):
        tools.create(source_code="no function")


def test_a_null_where_none_can_stand_counts_as_left_out(org: Org) -> None:
    assert make(org, return_char_limit=None, tags=None, source_type=None)["return_char_limit"] == 50_000
    ran = org.http.post("/v1/tools/run", json={"source_code": ROLL, "args": {"sides": 6}, "env_vars": None})
    assert ran.json()["tool_return"] == "4", ran.text
    for path in ("tools", "passages"):
        assert org.http.post(f"/v1/{path}/search", json={"query": None, "limit": None}).status_code == 200
