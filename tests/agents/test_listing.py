"""Agents are listed, counted and found (CONTRACT §1.4, §2.1)."""

from typing import Any

import pytest

from tests.harness.tenants import Org
from tests.messages.talking import missing, say

MODERN = {"X-Stainless-Package-Version": "1.12.1"}


def make(org: Org, name: str, **fields: Any) -> str:
    return org.http.post("/v1/agents/", json={"name": name, "include_base_tools": False, **fields}).json()["id"]


def names(org: Org, **query: Any) -> list[str]:
    found = org.http.get("/v1/agents/", params=query)
    assert found.status_code == 200, found.text
    return [agent["name"] for agent in found.json()]


@pytest.mark.contract("agents.list")
def test_the_newest_is_first(org: Org) -> None:
    for name in ("one", "two", "three"):
        make(org, name)
    assert names(org) == ["three", "two", "one"]
    assert names(org, order="asc") == names(org, ascending=True) == ["one", "two", "three"]
    assert names(org, limit=2) == ["three", "two"]


@pytest.mark.contract("agents.list.cursors")
def test_pages_follow_the_requested_order(org: Org) -> None:
    ids = {name: make(org, name) for name in ("one", "two", "three", "four")}
    assert names(org, after=ids["three"]) == ["two", "one"]
    assert names(org, before=ids["two"]) == ["four", "three"]
    assert names(org, after=ids["two"], order="asc") == ["three", "four"]
    assert names(org, after=ids["four"], limit=1) == ["three"]
    assert names(org, before=ids["one"], limit=1) == ["two"]
    assert org.http.get("/v1/agents/", params={"after": missing("agent")}).status_code == 404
    assert sorted(agent.name for agent in org.client.agents.list(limit=1)) == sorted(ids)


@pytest.mark.contract("agents.list.sort")
def test_agents_can_be_sorted_by_their_last_run(org: Org) -> None:
    first, _, last = (make(org, name) for name in ("first", "never", "last"))
    for id in (last, first):
        say(org, f"agents/{id}", "REPLY hi")
    assert names(org, order_by="last_run_completion") == ["first", "last", "never"]
    assert names(org, sort_by="last_run_completion", ascending=True) == ["last", "first", "never"]
    org.http.patch(f"/v1/agents/{last}", json={"description": "changed"})
    assert names(org, order_by="updated_at")[0] == "last"
    assert org.http.get("/v1/agents/", params={"order_by": "colour"}).status_code == 400


@pytest.mark.contract("agents.list.filters")
def test_agents_can_be_found(org: Org) -> None:
    make(org, "Ada", tags=["a", "b"], project_id="proj-1")
    make(org, "Ada Lovelace", tags=["a"])
    make(org, "Bob", tags=["c"])
    assert names(org, name="Ada") == ["Ada"]
    assert names(org, query_text="ada") == ["Ada Lovelace", "Ada"]
    assert names(org, tags=["b", "c"]) == ["Bob", "Ada"]
    assert names(org, tags=["a", "b"], match_all_tags=True) == ["Ada"]
    assert names(org, project_id="proj-1") == ["Ada"]
    assert names(org, identity_id=missing("identity")) == []
    assert names(org, query_text="%") == []


@pytest.mark.contract("agents.list.stop-reason")
def test_agents_can_be_found_by_how_their_last_run_ended(org: Org) -> None:
    done = make(org, "done")
    make(org, "idle")
    say(org, f"agents/{done}", "REPLY hi")
    assert names(org, last_stop_reason="end_turn") == ["done"]
    state = org.http.get(f"/v1/agents/{done}").json()
    assert state["last_stop_reason"] == "end_turn"
    assert state["last_run_duration_ms"] >= 0


@pytest.mark.contract("agents.list.include")
def test_a_list_loads_what_is_asked_for(org: Org) -> None:
    make(org, "Ada", tags=["t"], memory_blocks=[{"label": "human", "value": "x"}])
    (bare,) = org.http.get("/v1/agents/", headers=MODERN).json()
    assert (bare["tags"], bare["blocks"]) == ([], [])
    (some,) = org.http.get("/v1/agents/", params={"include": "agent.blocks"}, headers=MODERN).json()
    assert (some["tags"], some["blocks"][0]["label"]) == ([], "human")
    (old,) = org.http.get("/v1/agents/").json()
    assert (old["tags"], old["blocks"][0]["label"]) == (["t"], "human")


@pytest.mark.contract("agents.count")
def test_a_count_knows_the_filters(org: Org) -> None:
    make(org, "Ada", tags=["a"])
    make(org, "Bob", tags=["a", "b"])
    count = "/v1/agents/count"
    assert org.http.get(count).json() == 2
    assert org.http.get(count, params={"name": "Ada"}).json() == 1
    assert org.http.get(count, params={"tags": ["a", "b"], "match_all_tags": True}).json() == 1


@pytest.mark.contract("agents.tags")
def test_all_tags_are_listed_by_name(org: Org) -> None:
    make(org, "Ada", tags=["pear", "apple"])
    make(org, "Bob", tags=["apple", "quince"])

    def tags(**query: Any) -> list[str]:
        return org.http.get("/v1/tags/", params=query).json()

    assert tags() == ["apple", "pear", "quince"]
    assert tags(order="desc") == ["quince", "pear", "apple"]
    assert tags(after="apple", limit=1) == ["pear"]
    assert tags(before="quince", limit=1) == ["pear"], "the page that ends there, not the first one"
    assert tags(before="apple", limit=1, order="desc") == ["pear"]
    assert tags(before="apple") == tags(before="quince", order="desc") == []
    assert tags(after="apple", before="quince") == ["pear"]
    assert tags(query_text="EA") == tags(name="ea") == ["pear"]
    assert list(org.client.tags.list()) == ["apple", "pear", "quince"]
