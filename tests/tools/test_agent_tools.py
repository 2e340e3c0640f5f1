"""The tools of an agent: which it starts with, attach, detach, approval (CONTRACT §2.5, §4, §5.2)."""

from typing import Any

import pytest
from letta_client import NotFoundError

from tests.harness.tenants import Org

UNKNOWN_AGENT = "agent-00000000-0000-4000-8000-000000000000"
UNKNOWN_TOOL = "tool-00000000-0000-4000-8000-000000000000"

NAMES = {
    "letta_v1_agent": {"conversation_search", "memory_insert", "memory_replace"},
    "memgpt_v2_agent": {"send_message", "conversation_search", "memory_insert", "memory_replace"},
    "sleeptime_agent": {"memory_replace", "memory_insert", "memory_rethink", "memory_finish_edits"},
    "react_agent": set[str](),
    "workflow_agent": set[str](),
}


def agent(org: Org, **fields: Any) -> dict[str, Any]:
    made = org.http.post("/v1/agents/", json=fields)
    assert made.status_code == 200, made.text
    return made.json()


def tool(org: Org, name: str = "roll", **fields: Any) -> str:
    made = org.http.post("/v1/tools/", json={"source_code": f"def {name}(): ...", **fields})
    assert made.status_code == 200, made.text
    return made.json()["id"]


def patch(org: Org, agent_id: str, path: str, **request: Any) -> Any:
    answer = org.http.patch(f"/v1/agents/{agent_id}/tools/{path}", **request)
    assert answer.status_code == 200, answer.text
    return answer.json()


def tools_of(org: Org, agent_id: str, **query: Any) -> list[str]:
    return [each["name"] for each in org.http.get(f"/v1/agents/{agent_id}/tools", params=query).json()]


def rules_of(org: Org, agent_id: str) -> list[tuple[str, str]]:
    rules = org.http.get(f"/v1/agents/{agent_id}").json()["tool_rules"]
    return [(rule["type"], rule["tool_name"]) for rule in rules]


@pytest.mark.contract("tools.defaults")
@pytest.mark.parametrize("agent_type", NAMES)
def test_the_tools_that_an_agent_starts_with(org: Org, agent_type: str) -> None:
    made = agent(org, agent_type=agent_type)
    assert {each["name"] for each in made["tools"]} == NAMES[agent_type]
    assert set(tools_of(org, made["id"])) == NAMES[agent_type]


@pytest.mark.contract("tools.defaults.off")
def test_an_agent_can_start_without_them(org: Org) -> None:
    made = agent(org, include_base_tools=False, tools=["memory_rethink"], tool_ids=[tool(org)])
    assert [each["name"] for each in made["tools"]] == ["memory_rethink", "roll"]


@pytest.mark.contract("tools.defaults.rules")
def test_the_rules_that_an_agent_starts_with(org: Org) -> None:
    assert agent(org)["tool_rules"] == []
    asked = agent(org, include_base_tool_rules=True)["tool_rules"]
    assert {(rule["type"], rule["tool_name"]) for rule in asked} == {
        ("continue_loop", name) for name in NAMES["letta_v1_agent"]
    }
    heartbeat = agent(org, agent_type="memgpt_v2_agent")["tool_rules"]
    assert {rule["tool_name"] for rule in heartbeat if rule["type"] == "exit_loop"} == {"send_message"}
    assert agent(org, agent_type="memgpt_v2_agent", include_base_tool_rules=False)["tool_rules"] == []
    sleeper = agent(org, agent_type="sleeptime_agent", include_base_tool_rules=False)["tool_rules"]
    assert ("exit_loop", "memory_finish_edits") in {(rule["type"], rule["tool_name"]) for rule in sleeper}


@pytest.mark.contract("tools.by-name")
def test_an_unknown_name_is_answered_with_names_that_are_close(org: Org) -> None:
    answer = org.http.post("/v1/agents/", json={"tools": ["memory_replce"]})
    assert answer.status_code == 400
    assert "'memory_replce'" in answer.json()["detail"]
    assert "'memory_replace'" in answer.json()["detail"]


@pytest.mark.contract("tools.agent.list")
def test_an_agents_tools_are_listed_newest_first_and_whole(org: Org) -> None:
    made = agent(org, include_base_tools=False)["id"]
    ids = [tool(org, f"t{number}") for number in range(12)]
    for tool_id in ids:
        patch(org, made, f"attach/{tool_id}")
    assert tools_of(org, made) == [f"t{number}" for number in range(11, -1, -1)]
    assert tools_of(org, made, after=ids[2]) == ["t1", "t0"]
    assert tools_of(org, made, limit=1, order="asc") == ["t0"]
    assert tools_of(org, made, after=UNKNOWN_TOOL, limit=1) == ["t11"]


@pytest.mark.contract("tools.attach")
def test_attach_and_detach(org: Org) -> None:
    made, tool_id = agent(org, include_base_tools=False)["id"], tool(org)
    attached = patch(org, made, f"attach/{tool_id}")
    assert [each["name"] for each in attached["tools"]] == ["roll"]
    assert [each["name"] for each in patch(org, made, f"attach/{tool_id}")["tools"]] == ["roll"]
    assert patch(org, made, f"detach/{tool_id}")["tools"] == []
    again = org.http.patch(f"/v1/agents/{made}/tools/detach/{tool_id}")
    assert (again.status_code, tool_id in again.json()["detail"]) == (404, True)


@pytest.mark.contract("tools.attach.sdk")
def test_the_1x_client_gets_null(org: Org) -> None:
    made, tool_id = agent(org, include_base_tools=False)["id"], tool(org)
    tools = org.client.agents.tools
    assert tools.attach(tool_id, agent_id=made) is None
    assert [each.name for each in tools.list(made)] == ["roll"]
    assert tools.update_approval("roll", agent_id=made, body_requires_approval=True) is None
    assert ("requires_approval", "roll") in rules_of(org, made)
    assert tools.detach(tool_id, agent_id=made) is None
    assert list(tools.list(made)) == []
    with pytest.raises(NotFoundError):
        tools.detach(tool_id, agent_id=made)


@pytest.mark.contract("tools.attach.unknown")
def test_unknown_agents_and_tools(org: Org) -> None:
    made, tool_id = agent(org)["id"], tool(org)
    for path in (f"attach/{tool_id}", f"detach/{tool_id}"):
        assert org.http.patch(f"/v1/agents/{UNKNOWN_AGENT}/tools/{path}").status_code == 404
    assert org.http.patch(f"/v1/agents/{made}/tools/attach/{UNKNOWN_TOOL}").status_code == 404
    assert org.http.patch(f"/v1/agents/{made}/tools/attach/roll").status_code == 422
    assert org.http.get(f"/v1/agents/{UNKNOWN_AGENT}/tools").status_code == 404


@pytest.mark.contract("tools.delete.detaches")
def test_a_deleted_tool_is_detached_everywhere(org: Org) -> None:
    tool_id = tool(org)
    made = agent(org, include_base_tools=False, tool_ids=[tool_id])["id"]
    org.http.delete(f"/v1/tools/{tool_id}")
    assert tools_of(org, made) == []


@pytest.mark.contract("tools.approval")
def test_approval_is_a_rule_of_the_agent(org: Org) -> None:
    made = agent(org)["id"]
    for body, expected in ((True, 1), (True, 1), (False, 0), (False, 0)):
        state = patch(org, made, "approval/memory_insert", json={"requires_approval": body})
        rules = [rule for rule in state["tool_rules"] if rule["type"] == "requires_approval"]
        assert [rule["tool_name"] for rule in rules] == ["memory_insert"] * expected


@pytest.mark.contract("tools.approval.body")
def test_the_approval_body_is_strict(org: Org) -> None:
    made = agent(org)["id"]
    url = f"/v1/agents/{made}/tools/approval/memory_insert"
    assert org.http.patch(url).status_code == 422
    assert org.http.patch(url, json={}).status_code == 422
    assert org.http.patch(url, json={"requires_approval": True, "aproval": 1}).status_code == 422
    assert org.http.patch(url, json={"requires_approval": "perhaps"}).status_code == 422
    assert rules_of(org, made) == []
    assert org.http.patch(url, params={"requires_approval": True}).status_code == 200
    assert rules_of(org, made) == [("requires_approval", "memory_insert")]
    assert org.http.patch(url, params={"requires_approval": True}, json={"requires_approval": False}).status_code == 200
    assert rules_of(org, made) == []


@pytest.mark.contract("tools.approval.not-attached")
def test_approval_needs_a_tool_that_the_agent_has(org: Org) -> None:
    made = agent(org)["id"]
    answer = org.http.patch(f"/v1/agents/{made}/tools/approval/roll", json={"requires_approval": True})
    assert (answer.status_code, "'roll'" in answer.json()["detail"]) == (404, True)


@pytest.mark.contract("tools.approval.default")
def test_a_tool_can_ask_for_approval_by_itself(org: Org) -> None:
    tool_id = tool(org, default_requires_approval=True)
    by_create = agent(org, include_base_tools=False, tool_ids=[tool_id])["id"]
    by_attach = agent(org, include_base_tools=False)["id"]
    patch(org, by_attach, f"attach/{tool_id}")
    patch(org, by_attach, f"attach/{tool_id}")
    for made in (by_create, by_attach):
        assert rules_of(org, made) == [("requires_approval", "roll")]


RULES: list[dict[str, Any]] = [
    {"type": "run_first", "tool_name": "a", "args": {"x": 1}},
    {
        "type": "constrain_child_tools",
        "tool_name": "a",
        "children": ["b"],
        "child_arg_nodes": [{"name": "b", "args": None}],
    },
    {"type": "parent_last_tool", "tool_name": "a", "children": ["b"]},
    {"type": "conditional", "tool_name": "a", "child_output_mapping": {"1": "b"}, "require_output_mapping": True},
    {"type": "max_count_per_step", "tool_name": "a", "max_count_limit": 2},
    {"type": "continue_loop", "tool_name": "a"},
    {"type": "exit_loop", "tool_name": "a"},
    {"type": "required_before_exit", "tool_name": "a"},
    {"type": "requires_approval", "tool_name": "a", "prompt_template": "ignored"},
]

WRONG_RULES: list[dict[str, Any]] = [
    {"type": "constrain_child_tools", "tool_name": "a", "children": ["b"], "child_arg_nodes": [{"name": "c"}]},
    {"type": "conditional", "tool_name": "a", "child_output_mapping": {}},
    {"type": "max_count_per_step", "tool_name": "a"},
    {"type": "exit_loop"},
    {"type": "magic", "tool_name": "a"},
]


@pytest.mark.contract("tools.rules")
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["type"])
def test_every_kind_of_rule_is_kept_as_sent(org: Org, rule: dict[str, Any]) -> None:
    kept = agent(org, tool_rules=[rule])["tool_rules"][0]
    assert kept["prompt_template"] == rule.get("prompt_template")
    assert {field: kept[field] for field in rule} == rule


@pytest.mark.contract("tools.rules.wrong")
@pytest.mark.parametrize("rule", WRONG_RULES, ids=lambda rule: rule["type"])
def test_rules_that_cannot_hold_are_refused(org: Org, rule: dict[str, Any]) -> None:
    answer = org.http.post("/v1/agents/", json={"tool_rules": [rule]})
    assert (answer.status_code, "tool_rules" in answer.json()["detail"]) == (422, True)


@pytest.mark.contract("tools.approval")
def test_rules_go_with_a_tool_that_is_renamed(org: Org) -> None:
    old, other = tool(org, "old_name", default_requires_approval=True), tool(org, "other")
    rules: list[dict[str, Any]] = [
        {"type": "constrain_child_tools", "tool_name": "other", "children": ["old_name", "other"]},
        {"type": "conditional", "tool_name": "old_name", "child_output_mapping": {"a": "old_name", "b": "other"}},
        {"type": "max_count_per_step", "tool_name": "other", "max_count_limit": 2},
    ]
    made = agent(org, include_base_tools=False, tool_ids=[old, other], tool_rules=rules)["id"]
    beside = agent(org, include_base_tools=False, tool_ids=[other], tool_rules=rules[:1])["id"]

    changed = org.http.patch(f"/v1/tools/{old}", json={"source_code": "def new_name(): ..."})

    assert changed.json()["name"] == "new_name", changed.text
    after = {rule["type"]: rule for rule in org.http.get(f"/v1/agents/{made}").json()["tool_rules"]}
    assert after["requires_approval"]["tool_name"] == "new_name"
    assert after["constrain_child_tools"]["children"] == ["new_name", "other"]
    assert after["conditional"]["tool_name"] == "new_name"
    assert after["conditional"]["child_output_mapping"] == {"a": "new_name", "b": "other"}
    assert after["max_count_per_step"]["tool_name"] == "other"
    [kept] = org.http.get(f"/v1/agents/{beside}").json()["tool_rules"]
    assert kept["children"] == ["old_name", "other"]
