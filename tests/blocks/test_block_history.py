"""The history of blocks: versions, differences, going back; the prompt follows."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.tools.test_builtin_tools import talk


def block(org: Org, *later: dict[str, Any], **fields: Any) -> str:
    """A block that was changed, once for each."""
    made = org.http.post("/v1/blocks/", json={"label": "notes", "value": "v1", **fields}).raise_for_status()
    id: str = made.json()["id"]
    for values in later:
        org.http.patch(f"/v1/blocks/{id}", json=values).raise_for_status()
    return id


def changes(org: Org, block_id: str, **query: Any) -> list[dict[str, Any]]:
    return org.http.get(f"/v1/blocks/{block_id}/versions", params=query).raise_for_status().json()


def test_changes_say_what_when_and_who(org: Org) -> None:
    made = block(org, {"value": "v2"}, {"description": "d", "tags": ["t"]})
    newest, middle, first = changes(org, made)
    assert (newest["version"], newest["action"], newest["before"]["description"]) == (3, "edit", None)
    assert (newest["after"]["description"], newest["after"]["tags"]) == ("d", ["t"])
    assert (middle["before"]["value"], middle["after"]["value"]) == ("v1", "v2")
    assert (first["version"], first["action"], first["before"]) == (1, "create", None)
    assert newest["key_id"] == first["key_id"]
    assert newest["run_id"] is None
    assert org.http.get(f"/v1/blocks/{made}/versions/2").json() == middle
    diff = org.http.get(f"/v1/blocks/{made}/diff").json()
    assert (diff["diff"], diff["changed"]) == ("", {"description": [None, "d"], "tags": [[], ["t"]]})


def test_a_change_by_a_tool_names_run_step_and_call(org: Org, models: OpenAIServer) -> None:
    owner = talk(org)
    owner.call("memory_insert", label="notes", new_string="four")
    id = org.http.get(f"/v1/agents/{owner.id}/core-memory/blocks/notes").json()["id"]
    newest = changes(org, id)[0]
    run = org.http.get("/v1/runs/", params={"agent_id": owner.id}).json()[0]
    assert newest["run_id"] == run["id"]
    assert newest["step_id"].startswith("step-")
    assert newest["tool_call_id"]
    assert newest["after"]["value"].endswith("four")


def test_going_back_refreshes_the_prompt(org: Org, models: OpenAIServer) -> None:
    owner = talk(org)
    id = org.http.get(f"/v1/agents/{owner.id}/core-memory/blocks/notes").json()["id"]
    org.http.patch(f"/v1/blocks/{id}", json={"value": "pineapple"}).raise_for_status()
    owner.send("REPLY hi")
    assert "pineapple" in json.dumps(models.requests[-1].body["messages"][0])
    undone = org.http.post(f"/v1/blocks/{id}/undo").raise_for_status().json()
    assert undone["value"] == "one\ntwo\nthree"
    owner.send("REPLY hi")
    assert "pineapple" not in json.dumps(models.requests[-1].body["messages"][0])
    restored = org.http.post(f"/v1/blocks/{id}/restore", json={"version": 2, "reason": "it was right"})
    assert restored.json()["value"] == "pineapple"
    assert changes(org, id)[0]["reason"] == "it was right"


def test_undoing_again_goes_further_back(org: Org) -> None:
    made = block(org, {"value": "v2"}, {"value": "v3"})
    assert [org.http.post(f"/v1/blocks/{made}/undo").json()["value"] for _ in range(2)] == ["v2", "v1"]
    assert org.http.post(f"/v1/blocks/{made}/undo").status_code == 409


def test_a_label_that_is_taken_since_is_not_put_back(org: Org) -> None:
    made = block(org, {"label": "other"})
    taken = block(org)
    agent = org.http.post("/v1/agents/", json={"memory_blocks": [], "block_ids": [made, taken]})
    assert agent.status_code == 200, agent.text
    refused = org.http.post(f"/v1/blocks/{made}/undo")
    assert refused.status_code == 409
    assert "'notes'" in refused.json()["detail"]


def test_undoing_at_the_same_time_keeps_every_version(org: Org) -> None:
    made = block(org, *({"value": f"v{number}"} for number in range(2, 10)))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(org.http.post, [f"/v1/blocks/{made}/undo"] * 8))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["value"] for answer in answers) == [f"v{number}" for number in range(1, 9)]
    assert [each["version"] for each in changes(org, made, limit=100)] == list(range(17, 0, -1))


def test_large_texts_are_compared_in_bounded_time(org: Org) -> None:
    before = "\n".join(f"{number % 7}" for number in range(40_000))
    after = "\n".join(f"{number % 5}" for number in range(40_000))
    made = block(org, {"value": after}, value=before)
    diff = org.http.get(f"/v1/blocks/{made}/diff").raise_for_status().json()["diff"]
    lines = diff.splitlines()
    assert lines[2].startswith("@@ -")
    assert sum(line.startswith("-") for line in lines[2:]) >= 30_000


def test_an_unknown_block_has_no_history(org: Org) -> None:
    unknown = "block-123e4567-e89b-42d3-8456-426614174000"
    for method, verb, body in (
        ("GET", "versions", None),
        ("GET", "versions/1", None),
        ("GET", "diff", None),
        ("POST", "undo", {}),
        ("POST", "restore", {"version": 1}),
    ):
        assert org.http.request(method, f"/v1/blocks/{unknown}/{verb}", json=body).status_code == 404
