"""A PostgreSQL that is away for a moment, while turns are at work and between requests."""

import threading
from collections.abc import Iterator

import psycopg
import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.cable import Cable
from tests.harness.fleet import FreshServer
from tests.harness.postgres import Postgres
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.messages.talking import agent, of_agent, say, texts
from tests.turns.backgrounds import over, run_of
from tests.turns.listening import Later, active, user
from tests.turns.test_faults import MODES
from tests.turns.test_survival import chats, later, notes
from tests.turns.test_tool_calls import INSERT, NOTES

pytestmark = pytest.mark.parametrize("engine", ["postgres"])


@pytest.fixture
def cable(postgres: Postgres) -> Iterator[Cable]:
    """What connects the server to its database."""
    with Cable(postgres.port) as cable:
        yield cable


@pytest.fixture
def org(fresh_server: FreshServer, postgres: Postgres, cable: Cable) -> Org:
    return new_org(fresh_server(database=postgres.uri(postgres.create(), cable.port)))


@pytest.mark.contract("turns.database-away")
def test_turns_of_every_mode_wait_for_the_database(org: Org, models: OpenAIServer, cable: Cable) -> None:
    said = threading.Event()
    models.queue(*[Reply("I write it down.", calls=(INSERT,), waits=said)] * len(MODES))
    owners = {mode: agent(org, **NOTES) for mode in MODES}
    run = later(org, owners["async"], "hello")
    told = {mode: Later(lambda mode=mode: MODES[mode](org, owners[mode])) for mode in MODES if mode != "async"}
    chats(models, len(MODES))
    cable.unplug()
    said.set()
    until(lambda: org.server.log.count("waiting for the database") >= len(MODES), "turns that wait", seconds=30)
    cable.plug()
    assert [each.result(60) for each in told.values()] == [{}] * len(told)
    assert over(org, run)["status"] == "completed"
    for owner in owners.values():
        assert texts(of_agent(org, owner, order="asc"))[:2] == ["hello", "I write it down."]
        assert notes(org, owner) == "Likes tea."
        assert not active(org, owner)
        (run_id,) = [each["id"] for each in org.http.get("/v1/runs/", params={"agent_id": owner}).json()]
        first = org.http.get(f"/v1/runs/{run_id}/steps", params={"order": "asc"}).json()[0]
        traced = org.http.get(f"/v1/steps/{first['id']}/trace").json()["request_json"]["messages"]
        assert [message["role"] for message in traced] == ["user"], "a step that was tried twice is traced as one"
        assert say(org, f"agents/{owner}", "REPLY on")["messages"][-1]["content"] == "on"


def test_lost_connections_are_noticed_by_nobody(org: Org, cable: Cable) -> None:
    made: list[str] = []
    for number in range(4):
        cable.cut()
        made.append(agent(org, name=f"agent-{number}"))
    cable.cut()
    assert {each["id"] for each in org.http.get("/v1/agents/").json()} == set(made)


@pytest.fixture
def lost_beginning(org: Org, postgres: Postgres, cable: Cable) -> None:
    """The next run is stored, but the answer to its commit is lost with the connection."""
    name = org.server.env["LETTA_PG_URI"].rpartition("/")[2]
    with psycopg.connect(postgres.uri(name)) as database:
        database.execute(
            """
            CREATE FUNCTION holdfast.tell() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE NOTICE 'a run begins'; RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER tell AFTER INSERT ON holdfast.runs DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION holdfast.tell();
            """
        )
    cable.cut_before = b"a run begins"


@pytest.mark.contract("turns.database-away.beginning")
@pytest.mark.usefixtures("lost_beginning")
def test_a_run_that_began_unnoticed_holds_nobody_up(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    lost = org.http.post(f"/v1/agents/{owner}/messages", json=user("hello"))
    assert lost.status_code == 503, lost.text
    (run,) = active(org, owner)
    assert say(org, f"agents/{owner}", "REPLY on")["messages"][-1]["content"] == "on"
    ended = run_of(org, run["id"])
    assert (ended["status"], ended["metadata"]["error"]["type"]) == ("failed", "interrupted")
    assert "did not answer" in ended["metadata"]["error"]["message"]
    assert texts(of_agent(org, owner, order="asc")) == ["REPLY on", "on"]


@pytest.mark.usefixtures("lost_beginning")
def test_a_background_run_that_began_unnoticed_goes_on(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    lost = org.http.post(f"/v1/agents/{owner}/messages/async", json=user("REPLY here"))
    assert lost.status_code == 503, lost.text
    (run,) = active(org, owner)
    assert over(org, run["id"])["status"] == "completed"
    assert texts(of_agent(org, owner, order="asc")) == ["REPLY here", "here"]
    assert len(models.chats) == 1
