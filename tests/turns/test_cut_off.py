"""Two servers whose PostgreSQL is away for so long that both could be taken for dead."""

import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.cable import Cable
from tests.harness.fleet import FreshServer
from tests.harness.postgres import Postgres
from tests.harness.tenants import new_org
from tests.harness.waiting import until
from tests.messages.talking import agent, of_agent, say, texts
from tests.turns.backgrounds import over, read, said
from tests.turns.listening import active, sending
from tests.turns.test_processes import on
from tests.turns.test_survival import chats, later, notes
from tests.turns.test_tool_calls import INSERT, NOTES

pytestmark = pytest.mark.parametrize("engine", ["postgres"])


class Pair:
    """Two servers, each with a cable of its own to their database."""

    def __init__(self, fresh_server: FreshServer, postgres: Postgres, cables: tuple[Cable, Cable]) -> None:
        name = postgres.create()
        self._uri = postgres.uri(name)
        self.cables = cables
        here, there = (postgres.uri(name, cable.port) for cable in cables)
        first = fresh_server(database=here)
        key = (first.data / "encryption.key").read_text()
        self.here = new_org(first)
        self.there = on(fresh_server({"HOLDFAST_ENCRYPTION_KEY": key}, database=there), self.here)

    def alive(self) -> int:
        """How many servers the database takes for alive."""
        with psycopg.connect(self._uri) as connection:
            query = "SELECT count(*) FROM holdfast.processes WHERE expires_at > clock_timestamp()"
            found = connection.execute(query).fetchone()
        assert found is not None
        return found[0]

    @contextmanager
    def standstill(self) -> Generator[None]:
        """Nobody gets at the table of threads, as while it is written anew."""
        with psycopg.connect(self._uri) as connection:
            connection.execute("LOCK TABLE holdfast.threads IN ACCESS EXCLUSIVE MODE")
            yield

    def wait_for(self, alive: int) -> None:
        until(lambda: self.alive() == alive, f"{alive} servers to be alive", seconds=30)


@pytest.fixture
def pair(fresh_server: FreshServer, postgres: Postgres) -> Iterator[Pair]:
    with ExitStack() as stack:
        cables = stack.enter_context(Cable(postgres.port)), stack.enter_context(Cable(postgres.port))
        yield Pair(fresh_server, postgres, cables)


@pytest.mark.contract("turns.database-away.servers")
def test_whoever_is_back_first_takes_nothing_from_the_other(pair: Pair, models: OpenAIServer) -> None:
    answered = threading.Event()
    models.queue(*[Reply("I write it down.", calls=(INSERT,), waits=answered)] * 3)
    owners = [agent(pair.here, **NOTES) for _ in range(3)]
    at_work = [
        sending(org, f"agents/{owner}", "hello") for org, owner in zip((pair.here, pair.there), owners, strict=False)
    ]
    run = later(pair.there, owners[2], "hello")
    chats(models, 3)
    for cable in pair.cables:
        cable.unplug()
    pair.wait_for(alive=0)
    pair.cables[0].plug()
    pair.wait_for(alive=1)
    answered.set()
    until(lambda: at_work[0].is_done, "the turn of the server that is back", seconds=30)
    pair.cables[1].plug()
    for request in at_work:
        answer = request.result(60)
        assert (answer.status_code, answer.json()["stop_reason"]["stop_reason"]) == (200, "end_turn"), answer.text
    assert over(pair.here, run)["status"] == "completed"
    assert len(models.chats) == 6, "no step was done twice"
    for owner in owners:
        assert texts(of_agent(pair.here, owner, order="asc"))[:2] == ["hello", "I write it down."]
        assert notes(pair.here, owner) == "Likes tea."
        assert not active(pair.here, owner)


@pytest.mark.contract("turns.cut-off")
def test_one_that_is_cut_off_stores_nothing_of_what_the_other_has_taken(pair: Pair, models: OpenAIServer) -> None:
    """Of a run that somebody waits for, which has ended meanwhile, and of one that the other has gone on with."""
    answered = threading.Event()
    awaited, background = agent(pair.here, **NOTES), agent(pair.here, **NOTES)
    late = Reply("too late", calls=(("memory_insert", {"label": "notes", "new_string": "Late."}),), waits=answered)
    models.queue(late, late, Reply("I write it down.", calls=(INSERT,)), Reply("Done."), Reply("In time."))
    request = sending(pair.here, f"agents/{awaited}", "hello")
    run = later(pair.here, background, "hello")
    chats(models, 2)
    pair.cables[0].unplug()
    assert over(pair.there, run)["status"] == "completed"
    assert say(pair.there, f"agents/{awaited}", "again")["messages"][-1]["content"] == "In time."
    answered.set()
    until(lambda: "waiting for the database" in pair.here.server.log, "what comes too late", seconds=30)
    pair.cables[0].plug()
    refused = request.result(60)
    assert (refused.status_code, refused.headers["x-should-retry"]) == (409, "false"), refused.text
    told = read(pair.here, run)
    assert said(told) == ["I write it down.", "Done."]
    assert [event.data for event in read(pair.there, run)] == [event.data for event in told]
    for owner in (awaited, background):
        assert say(pair.here, f"agents/{owner}", "REPLY on")["messages"][-1]["content"] == "on"
    assert texts(of_agent(pair.there, awaited, order="asc")) == ["again", "In time.", "REPLY on", "on"]
    assert notes(pair.there, awaited) == ""
    found = texts(of_agent(pair.there, background, order="asc"))
    assert found == ["hello", "I write it down.", "Done.", "REPLY on", "on"]
    assert notes(pair.there, background) == "Likes tea."


def test_a_database_that_stands_still_kills_nobody(pair: Pair, models: OpenAIServer) -> None:
    answered = threading.Event()
    models.queue(*[Reply("Here.", waits=answered)] * 4)
    places = [(org, agent(pair.here)) for org in (pair.here, pair.there) for _ in range(2)]
    at_work = [sending(org, f"agents/{owner}", "hello") for org, owner in places[::2]]
    runs = [later(org, owner, "hello") for org, owner in places[1::2]]
    chats(models, 4)
    with pair.standstill():
        pair.wait_for(alive=0)
    pair.wait_for(alive=2)
    answered.set()
    assert [request.result(60).status_code for request in at_work] == [200, 200]
    assert [over(pair.here, run)["status"] for run in runs] == ["completed", "completed"]
    assert len(models.chats) == 4, "no run was begun twice"
