"""Runs that are stopped (CONTRACT §3.1)."""

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.harness.waiting import until
from tests.messages.talking import agent, missing, of_agent, say, texts
from tests.turns.listening import active, asked, kinds, sending, streaming

SLOW = Reply("one two three four five six seven eight nine ten", chunk_delay=0.3)


def cancel(org: Org, agent_id: str, *run_ids: str) -> dict[str, str]:
    answer = org.http.post(f"/v1/agents/{agent_id}/messages/cancel", json={"run_ids": list(run_ids)} if run_ids else {})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.contract("turns.cancel")
def test_a_cancelled_stream_ends_and_keeps_what_was_said(org: Org, models: OpenAIServer) -> None:
    models.queue(SLOW)
    owner = agent(org)
    with streaming(org, f"agents/{owner}", "count") as found:
        run = next(found).json["run_id"]
        assert models.asked.wait(60)
        until(lambda: _has_begun(models), "the model's first words")
        assert cancel(org, owner) == {run: "cancelled"}
        rest = list(found)
    assert kinds(rest) == ["assistant_message", "stop_reason", "usage_statistics", "[DONE]"]
    assert rest[-3].json["stop_reason"] == "cancelled"
    assert models.dropped.wait(5), "the model's stream was not closed"
    question, partial = texts(of_agent(org, owner, order="asc"))
    assert question == "count"
    assert partial
    assert "one two three four five six seven eight nine ten".startswith(partial)
    assert org.http.get(f"/v1/runs/{run}").json()["status"] == "cancelled"
    say(org, f"agents/{owner}", "REPLY go on")
    assert [m["role"] for m in asked(models)] == ["system", "user", "assistant", "user"]


def _has_begun(models: OpenAIServer) -> bool:
    """The scripted model pauses before its second event; by then its first words are on their way."""
    return bool(models.chats) and not models.dropped.wait(1.0)


@pytest.mark.contract("turns.cancel.json")
def test_a_cancelled_request_is_answered_at_once(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("never said", delay=20))
    owner = agent(org)
    request = sending(org, f"agents/{owner}", "hello")
    assert models.asked.wait(60)
    assert set(cancel(org, owner).values()) == {"cancelled"}
    answer = request.result(5).json()
    assert answer["stop_reason"]["stop_reason"] == "cancelled"
    assert answer["messages"] == []
    assert say(org, f"agents/{owner}", "REPLY hi")["messages"][0]["content"] == "hi"


@pytest.mark.contract("turns.cancel.waiting")
def test_a_run_that_waits_can_be_cancelled_alone(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("first", delay=1.5), Reply("third"))
    owner = agent(org)
    first = sending(org, f"agents/{owner}", "one")
    assert models.asked.wait(60)
    second = sending(org, f"agents/{owner}", "two")
    waiting = until(lambda: active(org, owner)[1:], "the second run")[0]
    assert waiting["status"] == "created"
    assert cancel(org, owner, waiting["id"]) == {waiting["id"]: "cancelled"}
    assert second.result(5).json()["stop_reason"]["stop_reason"] == "cancelled"
    assert org.http.get(f"/v1/runs/{waiting['id']}").json()["status"] == "cancelled"
    assert first.result().json()["messages"][0]["content"] == "first"
    assert say(org, f"agents/{owner}", "three")["messages"][0]["content"] == "third"
    assert texts(of_agent(org, owner, order="asc")) == ["one", "first", "three", "third"]


@pytest.mark.contract("turns.cancel.all")
def test_everything_an_agent_does_and_has_to_do_is_cancelled_together(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("never", delay=20))
    owner = agent(org)
    requests = [sending(org, f"agents/{owner}", text) for text in ("one", "two", "three")]
    until(lambda: len(active(org, owner)) == 3, "three runs")
    assert models.asked.wait(60)
    assert len(cancel(org, owner)) == 3
    assert {r.result(5).json()["stop_reason"]["stop_reason"] for r in requests} == {"cancelled"}
    assert len(models.chats) == 1


@pytest.mark.contract("turns.cancel.nothing")
def test_with_nothing_to_cancel_it_is_a_conflict(org: Org) -> None:
    owner = agent(org)
    refused = org.http.post(f"/v1/agents/{owner}/messages/cancel", json={})
    assert refused.status_code == 409
    assert owner in refused.json()["detail"]


@pytest.mark.contract("turns.cancel.over")
def test_a_run_that_is_over_stays_as_it_is(org: Org) -> None:
    owner = agent(org)
    (run,) = say(org, f"agents/{owner}", "REPLY hi")["usage"]["run_ids"]
    assert cancel(org, owner, run) == {run: "cancelled"}
    assert org.http.get(f"/v1/runs/{run}").json()["status"] == "completed"
    other = org.http.post(f"/v1/agents/{agent(org)}/messages/cancel", json={"run_ids": [run]})
    assert other.status_code == 404
    unknown = org.http.post(f"/v1/agents/{owner}/messages/cancel", json={"run_ids": [missing("run")]})
    assert unknown.status_code == 404


@pytest.mark.contract("turns.cancel.conversation")
def test_a_conversation_is_cancelled_alone(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("never", delay=20))
    owner = agent(org)
    talk = org.http.post("/v1/conversations/", params={"agent_id": owner}, json={}).json()["id"]
    request = sending(org, f"conversations/{talk}", "hello")
    assert models.asked.wait(60)
    own = org.http.post("/v1/conversations/default/cancel", params={"agent_id": owner})
    assert own.status_code == 409
    assert set(org.http.post(f"/v1/conversations/{talk}/cancel").json().values()) == {"cancelled"}
    assert request.result(5).json()["stop_reason"]["stop_reason"] == "cancelled"
