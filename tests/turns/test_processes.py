"""Servers that stop, are killed, or share a database (DESIGN §5, §10)."""

import os
import signal

import httpx
import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.server import Server
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.messages.talking import agent, of_agent, say, texts
from tests.turns.listening import active, sending, user


def on(server: Server, org: Org) -> Org:
    """The same tenant, at another server of the same database."""
    return Org(server, org.id, org.key)


@pytest.mark.contract("turns.killed")
def test_runs_of_a_killed_server_are_over_and_the_thread_is_free(
    fresh_server: FreshServer, models: OpenAIServer
) -> None:
    server = fresh_server()
    org = new_org(server)
    models.queue(Reply("never said", delay=30))
    owner = agent(org)
    request = sending(org, f"agents/{owner}", "hello")
    assert models.asked.wait(60)
    (run,) = active(org, owner)
    server.kill9()
    assert isinstance(request.result(), httpx.TransportError)
    server.start()
    until(lambda: not active(org, owner), "the end of the orphaned run", seconds=10)
    ended = org.http.get(f"/v1/runs/{run['id']}").json()
    assert (ended["status"], ended["stop_reason"]) == ("failed", "error")
    assert ended["metadata"]["error"]["type"] == "interrupted"
    assert ended["metadata"]["run_type"] == "send_message"
    assert texts(of_agent(org, owner)) == []
    assert say(org, f"agents/{owner}", "REPLY hi")["messages"][0]["content"] == "hi"


@pytest.mark.parametrize("engine", ["postgres"])
class TestTwoServers:
    """They share one PostgreSQL."""

    @pytest.fixture
    def pair(self, fresh_server: FreshServer) -> tuple[Org, Org]:
        database = fresh_server.fleet.new_database()
        first = fresh_server(database=database)
        key = (first.data / "encryption.key").read_text()
        second = fresh_server({"HOLDFAST_ENCRYPTION_KEY": key}, database=database)
        org = new_org(first)
        return org, on(second, org)

    def test_the_other_takes_over_from_a_killed_one(self, pair: tuple[Org, Org], models: OpenAIServer) -> None:
        here, there = pair
        models.queue(Reply("never said", delay=60))
        owner = agent(here)
        sending(here, f"agents/{owner}", "hello")
        assert models.asked.wait(60)
        (run,) = active(there, owner)
        here.server.kill9()
        until(lambda: not active(there, owner), "the end of the orphaned run", seconds=10)
        assert there.http.get(f"/v1/runs/{run['id']}").json()["status"] == "failed"
        assert say(there, f"agents/{owner}", "REPLY hi")["messages"][0]["content"] == "hi"

    def test_a_thread_is_never_worked_on_by_both(self, pair: tuple[Org, Org], models: OpenAIServer) -> None:
        owner = agent(pair[0])
        requests = [sending(pair[n % 2], f"agents/{owner}", f"REPLY answer {n}") for n in range(16)]
        answers = [request.result().json()["messages"][0]["content"] for request in requests]
        assert answers == [f"answer {n}" for n in range(16)]
        said = texts(of_agent(pair[0], owner, order="asc"))
        assert [text.removeprefix("REPLY ") for text in said[::2]] == said[1::2]
        assert sorted(len(chat.body["messages"]) for chat in models.chats) == list(range(2, 34, 2))

    def test_a_run_is_cancelled_at_the_other_server(self, pair: tuple[Org, Org], models: OpenAIServer) -> None:
        here, there = pair
        models.queue(Reply("never said", delay=60))
        owner = agent(here)
        request = sending(here, f"agents/{owner}", "hello")
        assert models.asked.wait(60)
        cancelled = there.http.post(f"/v1/agents/{owner}/messages/cancel", json={})
        assert set(cancelled.json().values()) == {"cancelled"}
        assert request.result(10).json()["stop_reason"]["stop_reason"] == "cancelled"
        assert say(there, f"agents/{owner}", "REPLY hi")["messages"][0]["content"] == "hi"

    def test_a_busy_conversation_is_busy_everywhere(self, pair: tuple[Org, Org], models: OpenAIServer) -> None:
        here, there = pair
        models.queue(Reply("slow", delay=1.5))
        owner = agent(here)
        talk = here.http.post("/v1/conversations/", params={"agent_id": owner}, json={}).json()["id"]
        request = sending(here, f"conversations/{talk}", "hello")
        assert models.asked.wait(60)
        refused = there.http.post(f"/v1/conversations/{talk}/messages", json={**user("a"), "streaming": False})
        assert refused.status_code == 409
        assert refused.json()["run_id"] == active(here, owner)[0]["id"]
        assert request.result().json()["messages"][0]["content"] == "slow"

    def test_a_server_that_was_taken_for_dead_stores_nothing_more(
        self, pair: tuple[Org, Org], models: OpenAIServer
    ) -> None:
        """It is stopped in the middle of a turn, replaced, and wakes up again."""
        here, there = pair
        models.queue(Reply("too late", delay=0.5), Reply("in time"))
        owner = agent(here)
        request = sending(here, f"agents/{owner}", "one")
        assert models.asked.wait(60)
        os.kill(here.server.pid, signal.SIGSTOP)
        until(lambda: not active(there, owner), "the end of the run", seconds=15)
        assert say(there, f"agents/{owner}", "two")["messages"][0]["content"] == "in time"
        os.kill(here.server.pid, signal.SIGCONT)
        late = request.result()
        assert late.status_code == 409, late.text
        assert late.headers["x-should-retry"] == "false"
        assert texts(of_agent(there, owner, order="asc")) == ["two", "in time"]
