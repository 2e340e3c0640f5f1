"""Undoing a run: blocks and passages are as they were before it, unless others changed them since."""

from typing import Any

import pytest

from tests.archives.holding import holder, ok, remember, texts
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.models import MODEL
from tests.harness.tenants import Org, new_org

TOOLS = ("memory", "memory_replace", "archival_memory_insert")
Call = tuple[str, dict[str, Any]]


@pytest.fixture
def owner(org: Org) -> str:
    blocks = [{"label": label, "value": f"{label} 1"} for label in ("notes", "plans")]
    return holder(org, model=MODEL, tools=list(TOOLS), memory_blocks=blocks)


def run(org: Org, models: OpenAIServer, owner: str, *calls: Call) -> str:
    """A run in which the agent makes these calls; its id."""
    for call in calls:
        models.queue(Reply(calls=(call,)))
    models.queue(Reply("Done."))
    answer = ok(org.http.post(f"/v1/agents/{owner}/messages", json={"input": "Work."}))
    returns = [m["status"] for m in answer["messages"] if m["message_type"] == "tool_return_message"]
    assert returns == ["success"] * len(calls), answer
    return answer["messages"][0]["run_id"]


def replace(label: str, old: str, new: str) -> Call:
    return "memory_replace", {"label": label, "old_string": old, "new_string": new}


def memory(command: str, **given: str) -> Call:
    return "memory", {"command": command, **given}


def values(org: Org, owner: str) -> dict[str, str]:
    held = ok(org.http.get(f"/v1/agents/{owner}/core-memory/blocks"))
    return {block["label"]: block["value"] for block in held}


def undo(org: Org, run_id: str, **body: Any) -> list[tuple[str, str]]:
    done = ok(org.http.post(f"/v1/runs/{run_id}/undo", json=body))
    assert done["run_id"] == run_id
    return sorted((each["action"], each["label"] or each["kind"]) for each in done["undone"])


def test_everything_that_a_run_did_is_undone(org: Org, models: OpenAIServer, owner: str) -> None:
    remember(org, owner, "from before")
    done = run(
        org,
        models,
        owner,
        replace("notes", "1", "2"),
        replace("notes", "2", "3"),
        memory("create", path="/memories/new", description="d", file_text="x"),
        memory("delete", path="/memories/plans"),
        ("archival_memory_insert", {"content": "by the run", "tags": ["t"]}),
    )
    assert values(org, owner) == {"notes": "notes 3", "new": "x"}
    assert texts(org, owner) == ["from before", "by the run"]
    expected = [("attached", "plans"), ("deleted", "passage"), ("detached", "new"), ("put_back", "notes")]
    assert undo(org, done) == expected
    assert values(org, owner) == {"notes": "notes 1", "plans": "plans 1"}
    assert texts(org, owner) == ["from before"]
    assert undo(org, done) == []


def test_the_undo_is_in_the_history(org: Org, models: OpenAIServer, owner: str) -> None:
    done = run(org, models, owner, replace("notes", "1", "2"))
    undo(org, done, reason="the agent was wrong")
    id = ok(org.http.get(f"/v1/agents/{owner}/core-memory/blocks/notes"))["id"]
    newest, before, _ = ok(org.http.get(f"/v1/blocks/{id}/versions"))
    assert (newest["action"], newest["reason"], newest["run_id"]) == ("undo", "the agent was wrong", None)
    assert before["run_id"] == done
    assert ok(org.http.post(f"/v1/blocks/{id}/restore", json={"version": 2}))["value"] == "notes 2"


def test_later_edits_of_others_are_a_conflict_unless_forced(org: Org, models: OpenAIServer, owner: str) -> None:
    first = run(org, models, owner, replace("notes", "1", "2"), ("archival_memory_insert", {"content": "fact"}))
    second = run(org, models, owner, replace("notes", "2", "3"))
    [stored] = ok(org.http.get(f"/v1/agents/{owner}/archival-memory"))
    ok(org.http.patch(f"/v1/agents/{owner}/archival-memory/{stored['id']}", json={"text": "other"}))
    refused = org.http.post(f"/v1/runs/{first}/undo")
    assert refused.status_code == 409
    assert refused.headers["x-should-retry"] == "false"
    said = refused.json()
    assert "'notes'" in said["detail"]
    assert second in said["detail"]
    assert '"force": true' in said["detail"]
    assert {each["run_id"] for each in said["conflicts"]} == {second, None}
    assert values(org, owner)["notes"] == "notes 3"
    assert undo(org, first, force=True) == [("deleted", "passage"), ("put_back", "notes")]
    assert values(org, owner)["notes"] == "notes 1"
    assert texts(org, owner) == []


def test_later_edits_that_were_undone_are_no_conflict(org: Org, models: OpenAIServer, owner: str) -> None:
    first = run(org, models, owner, replace("notes", "1", "2"))
    second = run(org, models, owner, replace("notes", "2", "3"))
    assert undo(org, second) == [("put_back", "notes")]
    assert values(org, owner)["notes"] == "notes 2"
    assert undo(org, first) == [("put_back", "notes")]
    assert values(org, owner)["notes"] == "notes 1"
    assert undo(org, first) == undo(org, second) == []


def test_a_run_that_changed_nothing_has_nothing_to_undo(org: Org, models: OpenAIServer, owner: str) -> None:
    assert undo(org, run(org, models, owner)) == []


def test_an_unknown_or_foreign_run_is_404(org: Org, models: OpenAIServer, owner: str) -> None:
    done = run(org, models, owner, replace("notes", "1", "2"))
    assert new_org(org.server).http.post(f"/v1/runs/{done}/undo").status_code == 404
    assert org.http.post("/v1/runs/run-1/undo").status_code == 404
    assert values(org, owner)["notes"] == "notes 2"
