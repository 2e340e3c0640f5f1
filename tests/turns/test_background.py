"""Runs that outlive their requests, and reading on in what happened in them (CONTRACT §3.3)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from holdfast.store.columns import Moment
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.harness.waiting import until
from tests.messages.talking import agent, missing, of_agent, say, texts
from tests.store.looking import connect, schema_of
from tests.turns.backgrounds import background, over, read, reading, said, started
from tests.turns.listening import MODERN, active, events, kinds, streamed, user
from tests.turns.test_tool_calls import INSERT, NOTES

SLOW = Reply("The answer.", delay=1.5)
ENDING = ["stop_reason", "usage_statistics", "[DONE]"]


def conversation(org: Org, owner: str) -> str:
    return org.http.post("/v1/conversations/", params={"agent_id": owner}, json={}).json()["id"]


@pytest.mark.contract("turns.background")
def test_events_are_numbered_and_the_same_as_in_the_foreground(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, **NOTES)
    models.queue(Reply("I write it down.", calls=(INSERT,)), Reply("Done."))
    models.queue(Reply("I write it down.", calls=(INSERT,)), Reply("Done."))
    plain = streamed(org, f"agents/{owner}", "note it")
    with background(org, f"agents/{owner}", "note it") as found:
        ping, *numbered = list(found)
    assert ping.kind == "ping"
    assert ping.json["run_id"] == numbered[0].json["run_id"]
    assert kinds(numbered) == kinds(plain)
    assert [event.json["seq_id"] for event in numbered[:-3]] == list(range(1, len(numbered) - 2))
    (run,) = {event.json["run_id"] for event in numbered[:-3]}
    assert over(org, run)["background"] is True


@pytest.mark.contract("turns.resume")
def test_reading_on_from_any_event_gives_the_rest(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, **NOTES)
    models.queue(Reply("I write it down.", calls=(INSERT,)), Reply("Done."))
    run = started(org, f"agents/{owner}", "note it")
    everything = read(org, run)
    assert kinds(everything)[-3:] == ENDING
    assert said(everything) == ["I write it down.", "Done."]
    for after in range(len(everything)):
        assert [event.data for event in read(org, run, after)] == [event.data for event in everything[after:]]
    assert kinds(read(org, run, len(everything))) == ["[DONE]"]
    assert [event.data for event in read(org, run, batch_size=1)] == [event.data for event in everything]
    for sent in ({"poll_interval": None, "batch_size": None, "include_pings": None}, {}):
        answer = org.http.post(f"/v1/runs/{run}/stream", json=sent)
        assert answer.text.endswith(everything[-1].data + "\n\n")
    assert org.http.post(f"/v1/runs/{run}/stream").status_code == 200


@pytest.mark.contract("turns.resume.running")
def test_a_run_at_work_is_followed_to_its_end_by_everyone(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("First.", calls=(INSERT,)), SLOW)
    owner = agent(org, **NOTES)
    with background(org, f"agents/{owner}", "hello") as found:
        run = next(found).json["run_id"]
        first = next(found)
    assert first.json["seq_id"] == 1
    with reading(org, run) as whole, reading(org, run, 1, include_pings=True) as rest:
        ping = next(rest)
        assert (ping.kind, ping.json["seq_id"], ping.json["run_id"]) == ("ping", 1, run)
        assert active(org, owner)[0]["id"] == run
        all_of_it = list(whole)
        assert [event.data for event in rest if event.kind != "ping"] == [event.data for event in all_of_it[1:]]
    assert said(all_of_it) == ["First.", "The answer."]
    assert org.client.runs.retrieve(run).status == "completed"


def test_the_official_client_reads_on(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("Hello."))
    run = started(org, f"agents/{agent(org)}", "hi")
    got = list(org.client.runs.messages.stream(run, starting_after=0))
    assert "assistant_message" in [each.message_type for each in got]


@pytest.mark.contract("turns.resume.refused")
def test_only_what_is_kept_can_be_read(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    (run,) = say(org, f"agents/{owner}", "REPLY hi")["usage"]["run_ids"]
    refused = org.http.post(f"/v1/runs/{run}/stream", json={})
    assert refused.status_code == 400
    assert "background: true" in refused.json()["detail"]
    assert org.http.post(f"/v1/runs/{missing('run')}/stream", json={}).status_code == 404
    for wrong in ({"starting_after": -1}, {"starting_after": 2**60}, {"poll_interval": 0}, {"batch_size": 0}):
        assert org.http.post(f"/v1/runs/{run}/stream", json=wrong).status_code == 422
    run = started(org, f"agents/{owner}", "REPLY hi")
    over(org, run)
    assert org.http.delete(f"/v1/runs/{run}").status_code == 200
    assert org.http.post(f"/v1/runs/{run}/stream", json={}).status_code == 404


@pytest.mark.contract("turns.resume.expired")
def test_events_are_kept_for_three_hours(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    run = started(org, f"agents/{owner}", "REPLY hi")
    over(org, run)
    until(lambda: _let_go(org, run), "the end of the server's work on the run")
    _ended(org, run, datetime.now(UTC) - timedelta(hours=2, minutes=59))
    assert said(read(org, run)) == ["hi"]
    _ended(org, run, datetime.now(UTC) - timedelta(hours=3, minutes=1))
    gone = org.http.post(f"/v1/runs/{run}/stream", json={})
    assert gone.status_code == 410
    assert f"/v1/runs/{run}/messages" in gone.json()["detail"]
    over(org, started(org, f"agents/{owner}", "REPLY hi"))
    until(lambda: not _is_kept(org, run), "the next run's first event, which drops what is too old")


def _is_kept(org: Org, run: str) -> bool:
    events = _table(org, "run_events")
    with connect(org.server).connect() as tx:
        return bool(tx.execute(sa.select(events.c.run_id).where(events.c.run_id == run)).all())


def _table(org: Org, name: str) -> sa.TableClause:
    times = (sa.column(time, Moment()) for time in ("created_at", "completed_at"))
    return sa.table(name, *map(sa.column, ("id", "run_id", "owner")), *times, schema=schema_of(org.server))


def _let_go(org: Org, run: str) -> bool:
    runs = _table(org, "runs")
    with connect(org.server).connect() as tx:
        return tx.execute(sa.select(runs.c.owner).where(runs.c.id == run)).scalar_one() is None


def _ended(org: Org, run: str, moment: datetime) -> None:
    """Let a run be as old as if it had ended then."""
    runs, events = _table(org, "runs"), _table(org, "run_events")
    with connect(org.server).begin() as tx:
        tx.execute(sa.update(runs).where(runs.c.id == run).values(completed_at=moment))
        tx.execute(sa.update(events).where(events.c.run_id == run).values(created_at=moment))


@pytest.mark.contract("turns.resume.error")
def test_the_error_of_a_run_is_read_too(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply(status=400, error="no such thing"))
    run = started(org, f"agents/{agent(org)}", "hi")
    reason, error, done = read(org, run)
    assert (reason.json["stop_reason"], error.name, done.kind) == ("llm_api_error", "error", "[DONE]")
    assert "no such thing" in error.data
    assert over(org, run)["status"] == "failed"


@pytest.mark.contract("turns.resume.conversation")
def test_a_conversation_finds_its_run(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    talk = conversation(org, owner)
    path = f"/v1/conversations/{talk}/stream"

    def found(**body: Any) -> list[str]:
        answer = org.http.post(path, json={"include_pings": False, **body})
        assert answer.status_code == 200, answer.text
        return said(list(events(answer)))

    assert org.http.post(path, json={}).status_code == 400
    with background(org, f"conversations/{talk}", "REPLY one", messages=_with_otid("REPLY one", "first")) as stream:
        run = next(stream).json["run_id"]
    assert found(run_id=run) == ["one"]
    assert found(otid="first") == ["one"]
    models.queue(SLOW)
    started(org, f"conversations/{talk}", "two")
    assert found() == ["The answer."]
    unknown = org.http.post(path, json={"otid": "never sent"})
    assert unknown.status_code == 404
    assert "never sent" in unknown.json()["detail"]
    foreign = started(org, f"conversations/{conversation(org, owner)}", "REPLY x")
    assert org.http.post(path, json={"run_id": foreign}).status_code == 404
    own = started(org, f"agents/{owner}", "REPLY own")
    mine = {"agent_id": owner, "run_id": own, "include_pings": False}
    assert "own" in org.http.post("/v1/conversations/default/stream", json=mine).text


def _with_otid(text: str, *otids: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text, "otid": otid} for otid in otids]


@pytest.mark.contract("turns.otids")
def test_the_same_otids_find_the_first_run(org: Org, models: OpenAIServer) -> None:
    models.queue(SLOW)
    owner = agent(org)
    talk = conversation(org, owner)
    for path in (f"agents/{owner}", f"conversations/{talk}"):
        sent = {"messages": _with_otid("REPLY once", "a", "b")}
        first = started(org, path, "", **sent)
        with background(org, path, "", **sent) as found:
            again = list(found)
        assert again[0].json["run_id"] == first
        assert kinds(again)[-3:] == ENDING
        assert started(org, path, "", **sent) == first
        other = {"messages": _with_otid("REPLY once", "a", "c")}
        another = started(org, path, "", **other)
        assert another != first
        over(org, another)
    assert len(models.chats) == 4


def test_a_run_that_failed_does_not_answer_its_otids(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply(status=400, error="no"), Reply("yes"))
    sent = {"messages": _with_otid("hello", "again")}
    owner = agent(org)
    first = started(org, f"agents/{owner}", "", **sent)
    over(org, first)
    second = started(org, f"agents/{owner}", "", **sent)
    assert second != first
    assert said(read(org, second)) == ["yes"]


@pytest.mark.contract("turns.repeated.background")
def test_a_repeat_of_the_sdk_joins_the_background_run(org: Org, models: OpenAIServer) -> None:
    models.queue(SLOW)
    owner = agent(org)
    run = started(org, f"agents/{owner}", "hello")
    body = {**user("hello"), "streaming": True, "background": True}
    headers = {**MODERN, "x-stainless-retry-count": "1"}
    again = org.http.post(f"/v1/agents/{owner}/messages", json=body, headers=headers)
    assert {event.json["run_id"] for event in events(again) if event.kind == "assistant_message"} == {run}
    assert started(org, f"agents/{owner}", "hello") != run, "a message may be sent twice on purpose"
    assert texts(of_agent(org, owner, order="asc"))[:2] == ["hello", "The answer."]


def test_a_reader_is_told_that_the_agent_was_deleted(org: Org, models: OpenAIServer) -> None:
    models.queue(SLOW)
    owner = agent(org)
    with background(org, f"agents/{owner}", "hello") as found:
        run = next(found).json["run_id"]
        assert models.asked.wait(60)
        assert org.http.delete(f"/v1/agents/{owner}").status_code == 200
        error, done = list(found)
    assert (error.name, error.json["error_type"], done.kind) == ("error", "stream_incomplete", "[DONE]")
    assert run in error.json["message"]
    assert "deleted" in error.json["message"]
    assert org.http.post(f"/v1/runs/{run}/stream", json={}).status_code == 404


@pytest.mark.contract("turns.cancel.background")
def test_background_runs_are_cancelled_at_work_and_waiting(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("one two three four five six seven eight", chunk_delay=0.5))
    owner = agent(org)
    first = started(org, f"agents/{owner}", "count")
    assert models.asked.wait(60)
    second = org.http.post(f"/v1/agents/{owner}/messages/async", json=user("later")).json()["id"]
    stopped = org.http.post(f"/v1/agents/{owner}/messages/cancel", json={})
    assert stopped.json() == {first: "cancelled", second: "cancelled"}
    for run in (first, second):
        assert over(org, run)["stop_reason"] == "cancelled"
        told = read(org, run)
        assert kinds(told)[-3:] == ENDING
        assert told[-3].json["stop_reason"] == "cancelled"
    assert say(org, f"agents/{owner}", "REPLY on")["messages"][0]["content"] == "on"
