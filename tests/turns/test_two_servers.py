"""Two servers on one PostgreSQL behave as one, with Redis and without (DESIGN §10); and Redis that is away."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.redis import RedisServer
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import free_port, until
from tests.messages.talking import agent, of_agent, say, texts
from tests.turns.backgrounds import background, over, read, reading, run_of, said, started
from tests.turns.listening import MODERN, active, events, kinds, user
from tests.turns.test_processes import on
from tests.turns.test_survival import NEVER, chats, notes, numbers
from tests.turns.test_tool_calls import INSERT, NOTES

SLOWLY = Reply("one two three four five six seven eight", chunk_delay=0.3)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer("a password").start()
    yield server
    server.remove()


@pytest.mark.parametrize("engine", ["postgres"])
@pytest.mark.parametrize("place", ["table", "redis"])
class TestTwoServers:
    @pytest.fixture
    def pair(self, fresh_server: FreshServer, place: str, request: pytest.FixtureRequest) -> tuple[Org, Org]:
        database = fresh_server.fleet.new_database()
        env = {"HOLDFAST_REDIS_URL": request.getfixturevalue("redis").url} if place == "redis" else {}
        first = fresh_server(env, database=database)
        key = (first.data / "encryption.key").read_text()
        second = fresh_server({**env, "HOLDFAST_ENCRYPTION_KEY": key}, database=database)
        org = new_org(first)
        return org, on(second, org)

    @pytest.mark.contract("turns.resume.elsewhere")
    def test_what_one_does_is_read_at_the_other(self, pair: tuple[Org, Org], models: OpenAIServer) -> None:
        here, there = pair
        models.queue(SLOWLY)
        owner = agent(here)
        with background(here, f"agents/{owner}", "count", stream_tokens=True) as found:
            run = next(found).json["run_id"]
            first = next(found)
            with reading(there, run) as whole, reading(there, run, first.json["seq_id"]) as rest:
                everything = list(whole)
                assert [event.data for event in rest] == [event.data for event in everything[1:]]
            assert [event.data for event in found] == [event.data for event in everything[1:]]
        assert said(everything) == ["one two three four five six seven eight"]
        assert numbers(everything) == list(range(1, len(everything) - 2))
        for after in range(len(everything)):
            assert [event.data for event in read(there, run, after)] == [event.data for event in everything[after:]]

    @pytest.mark.contract("turns.survives.elsewhere")
    def test_the_other_goes_on_for_a_killed_one(self, pair: tuple[Org, Org], models: OpenAIServer) -> None:
        here, there = pair
        models.queue(Reply("I write it down.", calls=(INSERT,)), NEVER, Reply("Done."))
        owner = agent(here, **NOTES)
        run = started(here, f"agents/{owner}", "note it")
        chats(models, 2)
        with reading(there, run) as found:
            told = [next(found)]
            here.server.kill9()
            told += list(found)
        assert said(told) == ["I write it down.", "Done."]
        assert numbers(told) == list(range(1, len(told) - 2))
        assert over(there, run)["status"] == "completed"
        assert notes(there, owner) == "Likes tea."
        assert texts(of_agent(there, owner, order="asc")) == ["note it", "I write it down.", "Done."]
        assert [event.data for event in read(there, run)] == [event.data for event in told]

    def test_a_background_run_is_cancelled_at_the_other(self, pair: tuple[Org, Org], models: OpenAIServer) -> None:
        here, there = pair
        models.queue(replace(SLOWLY, chunk_delay=1.0))  # so that the other server has time to notice
        owner = agent(here)
        with background(here, f"agents/{owner}", "count", stream_tokens=True) as found:
            run = next(found).json["run_id"]
            next(found)
            cancelled = there.http.post(f"/v1/agents/{owner}/messages/cancel", json={})
            assert cancelled.json() == {run: "cancelled"}
            assert say(there, f"agents/{owner}", "REPLY on")["messages"][0]["content"] == "on"
            rest = list(found)
        assert rest[-3].json["stop_reason"] == "cancelled"
        assert run_of(there, run)["stop_reason"] == "cancelled"
        question, partial, *_ = texts(of_agent(there, owner, order="asc"))
        assert question == "count"
        assert "one two three four five six seven eight".startswith(partial)

    def test_the_same_request_finds_its_run_at_the_other(self, pair: tuple[Org, Org], models: OpenAIServer) -> None:
        here, there = pair
        models.queue(Reply("The answer.", delay=1.0))
        owner = agent(here)
        message = {"role": "user", "content": "hello", "otid": "once"}
        run = started(here, f"agents/{owner}", "", messages=[message])
        assert started(there, f"agents/{owner}", "", messages=[message]) == run
        plain = started(here, f"agents/{owner}", "again")
        body = {**user("again"), "streaming": True, "background": True}
        headers = {**MODERN, "x-stainless-retry-count": "1"}
        repeated = there.http.post(f"/v1/agents/{owner}/messages", json=body, headers=headers)
        assert next(events(repeated)).json["run_id"] == plain
        assert over(there, run)["status"] == over(there, plain)["status"] == "completed"
        assert len(models.chats) == 2

    def test_one_that_was_taken_for_dead_tells_nothing_more(self, pair: tuple[Org, Org], models: OpenAIServer) -> None:
        """It is stopped in the middle of a run, replaced, and wakes up again."""
        here, there = pair
        models.queue(Reply("too late", delay=1.0), Reply("in time"))
        owner = agent(here)
        run = started(here, f"agents/{owner}", "hello")
        assert models.asked.wait(60)
        os.kill(here.server.pid, signal.SIGSTOP)
        try:
            assert over(there, run)["status"] == "completed"
        finally:
            os.kill(here.server.pid, signal.SIGCONT)
        told = read(there, run)
        assert said(told) == ["in time"]
        until(lambda: here.http.get("/v1/health/").status_code == 200, "the server that wakes up")
        assert [event.data for event in read(here, run)] == [event.data for event in told]
        assert texts(of_agent(here, owner, order="asc")) == ["hello", "in time"]
        assert not active(here, owner)


@pytest.mark.contract("turns.background.redis-away")
def test_without_its_redis_no_background_run_starts(fresh_server: FreshServer, models: OpenAIServer) -> None:
    server = fresh_server({"LETTA_REDIS_HOST": "127.0.0.1", "LETTA_REDIS_PORT": str(free_port())})
    org = new_org(server)
    owner = agent(org)
    body = {**user("hi"), "streaming": True, "background": True}
    refused = org.http.post(f"/v1/agents/{owner}/messages", json=body, headers=MODERN)
    assert refused.status_code == 503, refused.text
    assert "HOLDFAST_REDIS_URL" in refused.json()["detail"]
    assert org.http.post(f"/v1/agents/{owner}/messages/async", json=user("hi")).status_code == 503
    assert org.http.get("/v1/runs/", params={"agent_id": owner}).json() == []
    assert say(org, f"agents/{owner}", "REPLY hi")["messages"][0]["content"] == "hi"


@pytest.mark.parametrize("keeps", [True, False], ids=["pauses", "loses everything"])
def test_a_run_goes_on_while_redis_is_away(
    fresh_server: FreshServer, models: OpenAIServer, redis: RedisServer, keeps: bool
) -> None:
    org = new_org(fresh_server({"HOLDFAST_REDIS_URL": redis.url}))
    models.queue(SLOWLY)
    owner = agent(org)
    with background(org, f"agents/{owner}", "count", stream_tokens=True) as found:
        run = next(found).json["run_id"]
        told = [next(found)]
        if keeps:
            os.kill(redis.process.pid, signal.SIGSTOP)
            until(lambda: run_of(org, run)["status"] == "completed", "the end of the run", seconds=30)
            os.kill(redis.process.pid, signal.SIGCONT)
        else:
            redis.stop()
            redis.start()
        told += list(found)
    assert over(org, run)["status"] == "completed"
    if keeps:
        assert said(told) == ["one two three four five six seven eight"]
        assert numbers(told) == list(range(1, len(told) - 2))
        assert kinds(read(org, run))[-1] == "[DONE]"
    else:
        lost = read(org, run)
        assert (lost[-2].name, lost[-2].json["error_type"], lost[-1].kind) == ("error", "stream_incomplete", "[DONE]")
    assert texts(of_agent(org, owner, order="asc")) == ["count", "one two three four five six seven eight"]
