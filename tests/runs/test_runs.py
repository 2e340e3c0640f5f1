"""Runs: found, listed, deleted, and what is made from their steps (CONTRACT §2.8, §11)."""

from typing import Any

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org, new_org
from tests.messages.talking import Json, agent, messages, missing, say

FIELDS = {
    *("id", "agent_id", "conversation_id", "status", "created_at", "completed_at", "base_template_id", "background"),
    *("metadata", "request_config", "stop_reason", "callback_url", "callback_sent_at", "callback_status_code"),
    *("callback_error", "ttft_ns", "total_duration_ns", "memory_used"),
}
INSERT = ("memory_insert", {"label": "notes", "new_string": "Likes tea."})
PARTS = ("messages", "steps", "usage", "metrics", "trace")


def done(org: Org, path: str, text: str = "REPLY hello") -> str:
    """The id of a finished run."""
    (run,) = say(org, path, text)["usage"]["run_ids"]
    return run


def read(org: Org, run_id: str, part: str = "", **query: Any) -> Any:
    answer = org.http.get(f"/v1/runs/{run_id}{part}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(org: Org, path: str = "/v1/runs/", **query: Any) -> list[str]:
    answer = org.http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return [run["id"] for run in answer.json()]


def noted(org: Org, models: OpenAIServer) -> str:
    """A run of two steps, the first of which called a tool."""
    owner = agent(org, memory_blocks=[{"label": "notes", "value": ""}], tools=["memory_insert"])
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    details = {"prompt_tokens_details": {"cached_tokens": 60}, "completion_tokens_details": {"reasoning_tokens": 4}}
    models.queue(Reply(calls=(INSERT,), usage={**usage, **details}), Reply("Done.", usage={**usage, **details}))
    return done(org, f"agents/{owner}", "I like tea")


@pytest.mark.contract("runs.retrieve")
def test_a_finished_run_says_how_it_ended(org: Org) -> None:
    owner = agent(org)
    run = read(org, done(org, f"agents/{owner}"))
    assert set(run) == FIELDS
    assert (run["status"], run["stop_reason"], run["agent_id"]) == ("completed", "end_turn", owner)
    assert run["metadata"]["run_type"] == "send_message"
    assert run["conversation_id"] is None
    assert run["background"] is False
    assert run["total_duration_ns"] >= run["ttft_ns"] > 0
    assert run["request_config"]["assistant_message_tool_name"] == "send_message"
    assert run["completed_at"] >= run["created_at"]


@pytest.mark.contract("runs.conversation")
def test_a_run_names_its_conversation(org: Org) -> None:
    owner = agent(org)
    talk = org.http.post("/v1/conversations/", params={"agent_id": owner}, json={}).json()["id"]
    own, other = done(org, f"agents/{owner}"), done(org, f"conversations/{talk}")
    assert read(org, other)["conversation_id"] == talk
    assert ids(org, conversation_id=talk) == [other]
    assert ids(org, conversation_id="default", agent_id=owner) == [own]
    assert ids(org, conversation_id=owner) == [own]


@pytest.mark.contract("runs.unknown")
def test_ids_are_not_checked_but_must_exist(org: Org) -> None:
    for unknown in ("run-1", missing("run"), "anything"):
        for part in ("", *(f"/{part}" for part in PARTS)):
            assert org.http.get(f"/v1/runs/{unknown}{part}").status_code == 404
        assert org.http.delete(f"/v1/runs/{unknown}").status_code == 404


@pytest.mark.contract("runs.list")
def test_the_newest_come_first(org: Org) -> None:
    first, second = agent(org), agent(org)
    made = [done(org, f"agents/{owner}") for owner in (first, second, first)]
    assert ids(org) == made[::-1]
    assert ids(org, ascending=True) == ids(org, order="asc") == made
    assert ids(org, agent_id=first) == [made[2], made[0]]
    assert ids(org, agent_ids=[first, second], limit=2) == [made[2], made[1]]
    assert ids(org, agent_ids=[second]) == [made[1]]


@pytest.mark.contract("runs.list.limit")
def test_a_limit_is_from_one_to_a_thousand(org: Org) -> None:
    made = done(org, f"agents/{agent(org)}")
    assert ids(org, limit=1) == ids(org, limit=1000) == [made]
    for limit in (-1, 0, 1001):
        refused = org.http.get("/v1/runs/", params={"limit": limit})
        assert (refused.status_code, "query.limit" in refused.json()["detail"]) == (422, True)


@pytest.mark.contract("runs.list.cursors")
def test_cursors_follow_the_order(org: Org) -> None:
    owner = agent(org)
    made = [done(org, f"agents/{owner}") for _ in range(4)]
    assert ids(org, after=made[2]) == [made[1], made[0]]
    assert ids(org, before=made[2]) == [made[3]]
    assert ids(org, after=made[2], order="asc") == [made[3]]
    assert org.http.get("/v1/runs/", params={"after": missing("run")}).status_code == 404
    assert [run.id for run in org.client.runs.list(limit=3)] == made[::-1]


@pytest.mark.contract("runs.list.filters")
def test_runs_can_be_filtered_by_how_they_ended(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    well = done(org, f"agents/{owner}")
    models.queue(Reply(status=400, error="no"))
    org.http.post(f"/v1/agents/{owner}/messages", json={"input": "x"})
    (badly,) = ids(org, statuses=["failed"])
    assert ids(org, statuses=["completed", "failed"]) == [badly, well]
    assert ids(org, stop_reason="end_turn") == [well]
    assert ids(org, stop_reason="llm_api_error") == [badly]
    assert ids(org, background=True) == []
    assert ids(org, active=True) == ids(org, "/v1/runs/active") == []
    assert org.http.get("/v1/runs/", params={"stop_reason": "boredom"}).status_code == 422


@pytest.mark.contract("runs.messages")
def test_the_messages_of_a_run_start_with_its_input(org: Org, models: OpenAIServer) -> None:
    run = noted(org, models)
    listed = messages(org, f"/v1/runs/{run}/messages")
    assert [message["message_type"] for message in listed] == [
        *("user_message", "tool_call_message", "tool_return_message", "assistant_message"),
    ]
    assert {message["run_id"] for message in listed} == {run}
    assert messages(org, f"/v1/runs/{run}/messages", order="desc", after=listed[1]["id"]) == listed[:1:-1]
    assert [message.id for message in org.client.runs.messages.list(run)] == [message["id"] for message in listed]


@pytest.mark.contract("runs.usage")
def test_usage_is_the_sum_of_the_steps(org: Org, models: OpenAIServer) -> None:
    assert read(org, noted(org, models), "/usage") == {
        "prompt_tokens": 200,
        "completion_tokens": 20,
        "total_tokens": 220,
        "prompt_tokens_details": {"cached_tokens": 120, "cache_read_tokens": 120, "cache_creation_tokens": None},
        "completion_tokens_details": {"reasoning_tokens": 8},
    }


@pytest.mark.contract("runs.steps")
def test_a_run_lists_its_steps(org: Org, models: OpenAIServer) -> None:
    run = noted(org, models)
    newest_first = read(org, run, "/steps")
    assert len(newest_first) == 2
    assert {step["run_id"] for step in newest_first} == {run}
    assert read(org, run, "/steps", order="asc") == newest_first[::-1]
    assert read(org, run, "/steps", after=newest_first[0]["id"]) == newest_first[1:]
    assert [step.id for step in org.client.runs.steps.list(run, limit=1)] == [step["id"] for step in newest_first]


@pytest.mark.contract("runs.metrics")
def test_metrics_name_the_tools(org: Org, models: OpenAIServer) -> None:
    run = noted(org, models)
    metrics = read(org, run, "/metrics")
    assert (metrics["id"], metrics["num_steps"], metrics["tools_used"]) == (run, 2, ["memory_insert"])
    assert metrics["run_ns"] == read(org, run)["total_duration_ns"]
    assert metrics["run_start_ns"] > 1_600_000_000_000_000_000


@pytest.mark.contract("runs.trace")
def test_a_trace_shows_what_took_how_long(org: Org, models: OpenAIServer) -> None:
    run = noted(org, models)
    spans: list[Json] = read(org, run, "/trace")
    named = [span["name"] for span in spans]
    assert named == ["run", "step", "llm_request", "tool_execution", "step", "llm_request"]
    known = {span["span_id"] for span in spans}
    assert len(known) == len(spans)
    assert spans[0]["parent_span_id"] is None
    assert all(span["parent_span_id"] in known for span in spans[1:])
    assert all(span["end_time_ns"] - span["start_time_ns"] == span["duration_ns"] for span in spans)
    assert spans[2]["attributes"]["prompt_tokens"] == 100
    assert len(read(org, run, "/trace", limit=2)) == 2
    assert len(org.client.runs.trace.retrieve(run)) == 6


@pytest.mark.contract("runs.delete")
def test_deleting_a_run_answers_with_it_and_keeps_its_messages(org: Org) -> None:
    owner = agent(org)
    run = done(org, f"agents/{owner}")
    shown = read(org, run)
    (step,) = read(org, run, "/steps")
    deleted = org.http.delete(f"/v1/runs/{run}")
    assert (deleted.status_code, deleted.json()) == (200, shown)
    assert org.http.get(f"/v1/runs/{run}").status_code == 404
    assert org.http.get(f"/v1/steps/{step['id']}").status_code == 404
    assert len(messages(org, f"/v1/agents/{owner}/messages")) == 3


def test_another_organization_sees_nothing(org: Org) -> None:
    owner = agent(org)
    run = done(org, f"agents/{owner}")
    stranger = new_org(org.server)
    assert ids(stranger) == []
    assert ids(stranger, agent_id=owner) == []
    for part in ("", *(f"/{part}" for part in PARTS)):
        assert stranger.http.get(f"/v1/runs/{run}{part}").status_code == 404
    assert stranger.http.delete(f"/v1/runs/{run}").status_code == 404
    assert stranger.http.get("/v1/runs/", params={"after": run}).status_code == 404
