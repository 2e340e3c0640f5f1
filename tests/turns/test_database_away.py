"""A PostgreSQL that is away for a moment, while turns are at work and between requests."""

import threading
from collections.abc import Iterator

import psycopg
import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.cable import Cable, Trap
from tests.harness.fleet import FreshServer
from tests.harness.postgres import Postgres
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.messages.talking import Json, agent, of_agent, say, texts
from tests.turns.backgrounds import over, run_of
from tests.turns.listening import Later, active, user
from tests.turns.test_faults import MODES
from tests.turns.test_kill_matrix import is_whole
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


def test_all_connections_of_a_busy_server_are_made_anew(org: Org, cable: Cable) -> None:
    owner = agent(org)
    for _ in range(5):
        told = [Later(lambda: org.http.get(f"/v1/agents/{owner}").status_code) for _ in range(20)]
        assert {each.result() for each in told} == {200}
        cable.cut()
        assert org.http.get(f"/v1/agents/{owner}").status_code == 200


def database_of(org: Org, postgres: Postgres) -> psycopg.Connection:
    """The database of a server, past the cable."""
    return psycopg.connect(postgres.uri(org.server.env["LETTA_PG_URI"].rpartition("/")[2]))


@pytest.fixture
def slow(org: Org, postgres: Postgres) -> None:
    """Steps take a moment to be committed."""
    with database_of(org, postgres) as database:
        database.execute(
            """
            CREATE FUNCTION holdfast.hold() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON holdfast.steps DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION holdfast.hold();
            """
        )


@pytest.mark.usefixtures("slow")
def test_a_commit_that_goes_on_without_its_connection_is_waited_for(
    org: Org, models: OpenAIServer, cable: Cable
) -> None:
    models.queue(Reply("I write it down.", calls=(INSERT,)))
    owner = agent(org, **NOTES)
    cable.trap = Trap(b"I write it down.", 1, "patience")
    said = say(org, f"agents/{owner}", "hello")
    assert cable.trap.is_sprung
    assert said["usage"]["step_count"] == 2
    assert texts(of_agent(org, owner, order="asc"))[:2] == ["hello", "I write it down."]
    assert notes(org, owner) == "Likes tea."
    assert len(models.chats) == 2
    assert is_whole(models.chats[-1].body["messages"])


SENT = b"a message like no other"


@pytest.fixture
def forgetful(org: Org, postgres: Postgres) -> None:
    """The database cannot tell what came of a transaction."""
    with database_of(org, postgres) as database:
        database.execute("ALTER FUNCTION pg_catalog.pg_xact_status(xid8) RENAME TO forgotten")


@pytest.mark.contract("turns.database-away.beginning")
@pytest.mark.usefixtures("forgetful")
def test_a_run_that_began_unnoticed_holds_nobody_up(org: Org, models: OpenAIServer, cable: Cable) -> None:
    owner = agent(org)
    cable.trap = Trap(SENT, 1, "answer")
    lost = org.http.post(f"/v1/agents/{owner}/messages", json=user(SENT.decode()))
    assert lost.status_code == 503, lost.text
    (run,) = active(org, owner)
    assert say(org, f"agents/{owner}", "REPLY on")["messages"][-1]["content"] == "on"
    ended = run_of(org, run["id"])
    assert (ended["status"], ended["metadata"]["error"]["type"]) == ("failed", "interrupted")
    assert "did not answer" in ended["metadata"]["error"]["message"]
    assert texts(of_agent(org, owner, order="asc")) == ["REPLY on", "on"]


@pytest.mark.usefixtures("forgetful")
def test_a_background_run_that_began_unnoticed_goes_on(org: Org, models: OpenAIServer, cable: Cable) -> None:
    owner = agent(org)
    cable.trap = Trap(SENT, 1, "answer")
    lost = org.http.post(f"/v1/agents/{owner}/messages/async", json=user(f"{SENT.decode()}: REPLY here"))
    assert lost.status_code == 503, lost.text
    (run,) = active(org, owner)
    assert over(org, run["id"])["status"] == "completed"
    assert texts(of_agent(org, owner, order="asc"))[1:] == ["here"]
    assert len(models.chats) == 1


def _as_json(org: Org, owner: str) -> Json:
    refused = org.http.post(f"/v1/agents/{owner}/messages", json=user("hello"))
    assert refused.status_code == 503, refused.text
    return {"message": refused.json()["detail"]}


@pytest.mark.contract("turns.lost-answers.unknown")
@pytest.mark.usefixtures("forgetful")
def test_a_step_of_which_nothing_can_be_learned_ends_its_run(org: Org, models: OpenAIServer, cable: Cable) -> None:
    for mode in ("json", "steps", "tokens", "background steps", "async"):
        models.queue(Reply(f"I write down {mode}.", calls=(INSERT,)))
        owner = agent(org, **NOTES)
        cable.trap = Trap(f"I write down {mode}.".encode(), 1, "answer")
        failed = {**MODES, "json": _as_json}[mode](org, owner)
        assert "could not say whether it is" in failed["message"]
        (run,) = org.http.get("/v1/runs/", params={"agent_id": owner}).json()
        assert (run["status"], run["stop_reason"]) == ("failed", "error")
        assert texts(of_agent(org, owner, order="asc")) == ["hello", f"I write down {mode}."]
        assert notes(org, owner) == "Likes tea."
        assert say(org, f"agents/{owner}", "REPLY on")["messages"][-1]["content"] == "on"
        assert is_whole(models.chats[-1].body["messages"])
