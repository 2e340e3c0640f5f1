"""Steps: what a model call used, said and took, and what people thought of it (CONTRACT §2.8)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.models import MODEL
from tests.harness.tenants import Org, new_org
from tests.messages.talking import Json, agent, messages, missing, say

FIELDS = {
    *("id", "origin", "provider_id", "run_id", "agent_id", "provider_name", "provider_category", "model"),
    *("model_handle", "model_endpoint", "context_window_limit", "completion_tokens", "prompt_tokens", "total_tokens"),
    *("cached_input_tokens", "cache_write_tokens", "reasoning_tokens", "completion_tokens_details"),
    *("prompt_tokens_details", "stop_reason", "tags", "tid", "trace_id", "request_id", "messages", "feedback"),
    *("project_id", "error_type", "error_data", "status"),
}
PARTS = ("messages", "metrics", "trace")


def listed(org: Org, **query: Any) -> list[Json]:
    answer = org.http.get("/v1/steps/", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def done(org: Org, owner: str, text: str = "REPLY hello") -> str:
    """The id of the last step of a finished request."""
    return say(org, f"agents/{owner}", text)["messages"][-1]["step_id"]


def read(org: Org, step_id: str, part: str = "", **query: Any) -> Any:
    answer = org.http.get(f"/v1/steps/{step_id}{part}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.contract("steps.retrieve")
def test_a_step_says_what_it_used(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, model=MODEL)
    models.queue(Reply("hello", usage={"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}))
    step = read(org, done(org, owner))
    assert set(step) == FIELDS
    assert (step["agent_id"], step["model_handle"], step["status"]) == (owner, MODEL, "success")
    assert (step["prompt_tokens"], step["completion_tokens"], step["total_tokens"]) == (100, 10, 110)
    assert (step["messages"], step["tags"], step["feedback"]) == ([], [], None)
    assert listed(org) == [step]


@pytest.mark.contract("steps.ids")
def test_ids_are_checked(org: Org) -> None:
    for part in ("", *(f"/{part}" for part in PARTS)):
        assert org.http.get(f"/v1/steps/step-1{part}").status_code == 422
        assert org.http.get(f"/v1/steps/{missing('step')}{part}").status_code == 404
    assert org.http.patch(f"/v1/steps/{missing('step')}/feedback", json={"feedback": "positive"}).status_code == 404
    assert org.http.get(f"/v1/telemetry/{missing('step')}").status_code == 404


@pytest.mark.contract("steps.list")
def test_steps_can_be_listed_by_what_they_are(org: Org) -> None:
    first, second = agent(org, model=MODEL), agent(org)
    made = [done(org, owner) for owner in (first, second, first)]
    found = [step["id"] for step in listed(org)]
    assert found == made[::-1]
    assert [step["id"] for step in listed(org, order="asc", limit=2)] == made[:2]
    assert [step["id"] for step in listed(org, after=made[1])] == [made[0]]
    assert [step["id"] for step in listed(org, agent_id=second)] == [made[1]]
    assert [step["id"] for step in listed(org, model=MODEL, agent_id=first)] == [made[2], made[0]]
    assert listed(org, model="nothing") == []
    assert listed(org, trace_ids=["nothing"]) == []
    assert [step.id for step in org.client.steps.list(limit=2)] == found


@pytest.mark.contract("steps.list.dates")
def test_steps_can_be_listed_by_time(org: Org) -> None:
    done(org, agent(org))
    soon, before = (datetime.now(UTC) + timedelta(seconds=sign * 3600) for sign in (1, -1))
    assert len(listed(org, start_date=before.isoformat(), end_date=soon.isoformat())) == 1
    assert listed(org, start_date=soon.isoformat()) == []
    assert listed(org, end_date=before.isoformat()) == []
    assert listed(org, end_date="2020-01-01") == []
    assert org.http.get("/v1/steps/", params={"start_date": "yesterday"}).status_code == 422


@pytest.mark.contract("steps.feedback")
def test_feedback_is_given_and_taken_back(org: Org) -> None:
    owner = agent(org)
    liked, other = done(org, owner), done(org, owner)
    given = org.client.steps.feedback.create(liked, feedback="positive", tags=["kind", "short"])
    assert (given.feedback, given.tags) == ("positive", ["kind", "short"])
    assert [step["id"] for step in listed(org, feedback="positive")] == [liked]
    assert [step["id"] for step in listed(org, has_feedback=True)] == [liked]
    assert [step["id"] for step in listed(org, has_feedback=False)] == [other]
    assert [step["id"] for step in listed(org, tags=["kind"])] == [liked]
    assert listed(org, tags=["unkind"]) == []
    path = f"/v1/steps/{liked}/feedback"
    assert org.http.patch(path, json={"feedback": None}).json()["feedback"] is None
    assert read(org, liked)["tags"] == ["kind", "short"]
    assert org.http.patch(path, json={"feedback": "so-so"}).status_code == 422


@pytest.mark.contract("steps.messages")
def test_the_messages_of_a_step_follow_the_order(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, memory_blocks=[{"label": "notes", "value": ""}], tools=["memory_insert"])
    models.queue(Reply("Noted.", calls=(("memory_insert", {"label": "notes", "new_string": "x"}),)), Reply("Done."))
    step = say(org, f"agents/{owner}", "go")["messages"][0]["step_id"]
    oldest_first = read(org, step, "/messages")
    assert [message["message_type"] for message in oldest_first] == [
        *("user_message", "assistant_message", "tool_call_message", "tool_return_message"),
    ]
    question, call, returned = (oldest_first[index]["id"] for index in (0, 2, 3))
    desc = {"order": "desc", "limit": 1}
    assert read(org, step, "/messages", **desc)[0]["id"] == returned
    assert read(org, step, "/messages", **desc, after=returned)[0]["id"] == call
    assert read(org, step, "/messages", **desc, after=call)[0]["id"] == question
    assert read(org, step, "/messages", **desc, after=question) == []
    assert len(list(org.client.steps.messages.list(step))) == 4


@pytest.mark.contract("steps.metrics")
def test_metrics_say_how_long_the_model_took(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    models.queue(Reply("hello", delay=0.05))
    step = done(org, owner)
    metrics = read(org, step, "/metrics")
    assert (metrics["id"], metrics["agent_id"]) == (step, owner)
    assert metrics["step_ns"] >= metrics["llm_request_ns"] >= 50_000_000
    assert metrics["llm_request_start_ns"] >= metrics["step_start_ns"] > 1_600_000_000_000_000_000
    assert org.client.steps.metrics.retrieve(step).id == step


@pytest.mark.contract("steps.trace")
def test_a_trace_shows_what_was_asked_and_answered(org: Org) -> None:
    step = done(org, agent(org), "REPLY hello there")
    trace = read(org, step, "/trace")
    assert (trace["step_id"], trace["call_type"]) == (step, "agent_step")
    assert "REPLY hello there" in str(trace["request_json"])
    assert "hello there" in str(trace["response_json"])
    assert trace["latency_ms"] >= 0
    assert org.http.get(f"/v1/telemetry/{step}").json() == trace


def test_a_failed_step_is_kept_with_its_error(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    models.queue(Reply(status=400, error="too odd"))
    org.http.post(f"/v1/agents/{owner}/messages", json={"input": "x"})
    (step,) = listed(org)
    assert (step["status"], step["stop_reason"]) == ("failed", "llm_api_error")
    assert step["error_type"] == "llm_bad_request"
    assert read(org, step["id"], "/trace") is None
    assert messages(org, f"/v1/steps/{step['id']}/messages") == []


@pytest.mark.contract("steps.transaction")
def test_a_transaction_can_be_noted(org: Org) -> None:
    step = done(org, agent(org))
    assert org.http.patch(f"/v1/steps/{step}/transaction/tx-1").json()["tid"] == "tx-1"
    assert read(org, step)["tid"] == "tx-1"


def test_another_organization_sees_nothing(org: Org) -> None:
    step = done(org, agent(org))
    stranger = new_org(org.server)
    assert listed(stranger) == []
    for part in ("", *(f"/{part}" for part in PARTS)):
        assert stranger.http.get(f"/v1/steps/{step}{part}").status_code == 404
    assert stranger.http.patch(f"/v1/steps/{step}/feedback", json={"feedback": "negative"}).status_code == 404
    assert read(org, step)["feedback"] is None
