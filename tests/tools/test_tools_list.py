"""Listing and counting tools, and the tools that the server brings (CONTRACT §1.4, §2.5, §8)."""

from typing import Any

import pytest

from tests.harness.tenants import Org, new_org

BUILTIN = {
    "send_message": "letta_core",
    "conversation_search": "letta_core",
    "core_memory_append": "letta_memory_core",
    "core_memory_replace": "letta_memory_core",
    "memory_replace": "letta_sleeptime_core",
    "memory_insert": "letta_sleeptime_core",
    "memory_rethink": "letta_sleeptime_core",
    "memory_finish_edits": "letta_sleeptime_core",
    "memory": "letta_memory_core",
    "archival_memory_supersede": "letta_core",
}
LATER = {
    "archival_memory_insert": "letta_core",
    "archival_memory_search": "letta_core",
    "memory_apply_patch": "letta_memory_core",
    "open_files": "letta_files_core",
    "grep_files": "letta_files_core",
    "semantic_search_files": "letta_files_core",
    "run_code": "letta_builtin",
    "run_code_with_tools": "letta_builtin",
    "web_search": "letta_builtin",
    "fetch_webpage": "letta_builtin",
    "send_message_to_agent_and_wait_for_reply": "letta_multi_agent_core",
    "send_message_to_agents_matching_tags": "letta_multi_agent_core",
    "send_message_to_agent_async": "letta_multi_agent_core",
    "search_memory": "letta_voice_sleeptime_core",
    "store_memories": "letta_voice_sleeptime_core",
    "rethink_user_memory": "letta_voice_sleeptime_core",
    "finish_rethinking_memory": "letta_voice_sleeptime_core",
}
"""Tools that are known and shown, and not run."""

ARGUMENTS: dict[str, tuple[dict[str, str], list[str]]] = {
    "send_message": ({"message": "string"}, ["message"]),
    "conversation_search": (
        {"query": "string", "roles": "array", "limit": "integer", "start_date": "string", "end_date": "string"},
        [],
    ),
    "core_memory_append": ({"label": "string", "content": "string"}, ["label", "content"]),
    "core_memory_replace": (
        {"label": "string", "old_content": "string", "new_content": "string"},
        ["label", "old_content", "new_content"],
    ),
    "memory_replace": (
        {"label": "string", "old_string": "string", "new_string": "string"},
        ["label", "old_string", "new_string"],
    ),
    "memory_insert": ({"label": "string", "new_string": "string", "insert_line": "integer"}, ["label", "new_string"]),
    "memory_rethink": ({"label": "string", "new_memory": "string"}, ["label", "new_memory"]),
    "memory_finish_edits": ({}, []),
    "memory": (
        {
            "command": "string",
            "path": "string",
            "file_text": "string",
            "description": "string",
            "old_string": "string",
            "new_string": "string",
            "insert_line": "integer",
            "insert_text": "string",
            "old_path": "string",
            "new_path": "string",
        },
        ["command"],
    ),
    "archival_memory_insert": ({"content": "string", "tags": "array"}, ["content"]),
    "archival_memory_supersede": (
        {"passage_id": "string", "content": "string", "tags": "array"},
        ["passage_id", "content"],
    ),
    "archival_memory_search": (
        {
            "query": "string",
            "tags": "array",
            "tag_match_mode": "string",
            "top_k": "integer",
            "start_datetime": "string",
            "end_datetime": "string",
        },
        ["query"],
    ),
    "memory_apply_patch": ({"label": "string", "patch": "string"}, ["label", "patch"]),
    "open_files": ({"file_requests": "array", "close_all_others": "boolean"}, ["file_requests"]),
    "grep_files": (
        {"pattern": "string", "include": "string", "context_lines": "integer", "offset": "integer"},
        ["pattern"],
    ),
    "semantic_search_files": ({"query": "string", "limit": "integer"}, ["query"]),
    "run_code": ({"code": "string", "language": "string"}, ["code", "language"]),
    "run_code_with_tools": ({"code": "string"}, ["code"]),
    "fetch_webpage": ({"url": "string"}, ["url"]),
    "send_message_to_agent_and_wait_for_reply": (
        {"message": "string", "other_agent_id": "string"},
        ["message", "other_agent_id"],
    ),
    "send_message_to_agents_matching_tags": (
        {"message": "string", "match_all": "array", "match_some": "array"},
        ["message", "match_all", "match_some"],
    ),
    "send_message_to_agent_async": (
        {"message": "string", "other_agent_id": "string"},
        ["message", "other_agent_id"],
    ),
    "store_memories": ({"chunks": "array"}, ["chunks"]),
    "rethink_user_memory": ({"new_memory": "string"}, ["new_memory"]),
    "finish_rethinking_memory": ({}, []),
}


def make(org: Org, *names: str) -> list[str]:
    made = [org.http.post("/v1/tools/", json={"source_code": f"def {name}(): ..."}) for name in names]
    return [answer.json()["id"] for answer in made]


def listed(org: Org, **query: Any) -> list[dict[str, Any]]:
    answer = org.http.get("/v1/tools/", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(org: Org, **query: Any) -> set[str]:
    return {tool["name"] for tool in listed(org, **query)}


def count(org: Org, **query: Any) -> int:
    answer = org.http.get("/v1/tools/count", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.contract("tools.builtin.listed")
def test_a_fresh_organization_has_the_servers_tools(org: Org) -> None:
    tools = {tool["name"]: tool for tool in listed(org)}
    assert {name: tool["tool_type"] for name, tool in tools.items()} == BUILTIN | LATER
    for tool in tools.values():
        assert (tool["source_code"], tool["tags"]) == (None, [tool["tool_type"]])
        assert len(tool["description"]) > 20


@pytest.mark.contract("tools.builtin.arguments")
@pytest.mark.parametrize("name", BUILTIN)
def test_a_builtin_tool_takes_exactly_these_arguments(org: Org, name: str) -> None:
    schema = listed(org, name=name)[0]["json_schema"]
    parameters = schema["parameters"]
    types = {argument: said["type"] for argument, said in parameters["properties"].items()}
    assert (schema["name"], parameters["type"]) == (name, "object")
    assert (types, parameters["required"]) == ARGUMENTS[name]
    assert all(said["description"] for said in parameters["properties"].values())


@pytest.mark.contract("tools.builtin.again")
def test_a_deleted_builtin_tool_comes_back_with_the_next_list(org: Org) -> None:
    before = listed(org, name="memory_insert")[0]["id"]
    org.http.delete(f"/v1/tools/{before}")
    assert listed(org, name="memory_insert")[0]["id"] != before


@pytest.mark.contract("tools.add-base-tools")
def test_adding_the_base_tools_answers_with_them(org: Org) -> None:
    make(org, "mine")
    added = org.http.post("/v1/tools/add-base-tools").json()
    assert BUILTIN.items() <= {tool["name"]: tool["tool_type"] for tool in added}.items()
    assert "mine" not in {tool["name"] for tool in added}
    assert org.http.post("/v1/tools/add-base-tools").json() == added
    assert len(listed(org)) == len(added) + 1


@pytest.mark.contract("tools.list")
def test_the_newest_tools_come_first_and_all_in_one_page(org: Org) -> None:
    ids = make(org, *(f"t{number}" for number in range(60)))
    assert [tool["id"] for tool in listed(org)][:60] == ids[::-1]
    assert [tool["id"] for tool in listed(org, order="asc")][-60:] == ids
    assert [tool["id"] for tool in listed(org, limit=2, after=ids[9])] == [ids[8], ids[7]]
    assert [tool["id"] for tool in listed(org, limit=2, before=ids[9])] == [ids[11], ids[10]]


@pytest.mark.contract("tools.list.unknown-cursor")
def test_an_unknown_cursor_is_ignored(org: Org) -> None:
    newest = make(org, "one")[0]
    assert listed(org, after="tool-00000000-0000-4000-8000-000000000000", limit=1)[0]["id"] == newest


@pytest.mark.contract("tools.list.filters")
def test_filters(org: Org) -> None:
    one, two, _ = make(org, "apple_one", "apple_two", "pear")
    assert names(org, name="pear") == {"pear"}
    assert names(org, names=["pear", "apple_one", "nothing"]) == {"pear", "apple_one"}
    assert names(org, tool_ids=[one, two]) == names(org, tool_ids=f"{one},{two}") == {"apple_one", "apple_two"}
    assert names(org, search="APPLE") == {"apple_one", "apple_two"}
    assert names(org, search="%") == set()
    assert names(org, tool_types="custom") == {"apple_one", "apple_two", "pear"}
    core = {name for name, kind in (BUILTIN | LATER).items() if kind == "letta_core"}
    assert core <= names(org, tool_types="letta_core,letta_memory_core")
    assert names(org, tool_types=["custom", "letta_core"]) == {"apple_one", "apple_two", "pear", *core}
    assert not names(org, exclude_tool_types="custom,letta_core") & {"pear", *core}
    assert not names(org, return_only_letta_tools=True) & {"apple_one", "apple_two", "pear"}


@pytest.mark.contract("tools.list.unknown-type")
@pytest.mark.parametrize("parameter", ["tool_types", "exclude_tool_types"])
def test_an_unknown_type_is_named(org: Org, parameter: str) -> None:
    answer = org.http.get("/v1/tools/", params={parameter: "custom,magic"})
    assert (answer.status_code, "'magic'" in answer.json()["detail"]) == (400, True)


@pytest.mark.contract("tools.count")
def test_counts_follow_the_filters(org: Org) -> None:
    own = count(org)
    assert own >= len(BUILTIN)
    make(org, "apple", "pear")
    assert count(org) == own + 2
    assert (count(org, name="pear"), count(org, search="PEA"), count(org, names=["pear", "x"])) == (1, 1, 1)
    assert (count(org, exclude_letta_tools=True), count(org, tool_types="custom")) == (2, 2)
    assert count(org, return_only_letta_tools=True) == count(org, exclude_tool_types="custom") == own


@pytest.mark.contract("tools.list.projects")
def test_a_project_sees_its_own_tools_and_those_of_no_project(org: Org) -> None:
    make(org, "shared")
    for project in ("p1", "p2"):
        body = {"source_code": f"def of_{project}(): ..."}
        made = org.http.post("/v1/tools/", json=body, headers={"X-Project-Id": project})
        assert made.json()["project_id"] == project
    seen = org.http.get("/v1/tools/", params={"tool_types": "custom"}, headers={"X-Project-Id": "p1"}).json()
    assert {tool["name"] for tool in seen} == {"shared", "of_p1"}
    assert names(org, tool_types="custom") == {"shared", "of_p1", "of_p2"}


def test_the_client_pages_through_every_tool(org: Org) -> None:
    make(org, *(f"t{number}" for number in range(5)))
    every = [tool.id for tool in org.client.tools.list(limit=3)]
    assert len(every) == len(set(every)) == len(listed(org))


def test_another_organization_sees_none_of_it(org: Org) -> None:
    (mine,) = make(org, "mine")
    other = new_org(org.server)
    assert "mine" not in names(other)
    assert other.http.get(f"/v1/tools/{mine}").status_code == 404
    assert other.http.patch(f"/v1/tools/{mine}", json={"description": "x"}).status_code == 404
    assert other.http.delete(f"/v1/tools/{mine}").status_code == 404
    assert make(other, "mine") != [mine]
