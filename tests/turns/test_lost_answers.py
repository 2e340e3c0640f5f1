"""A connection to PostgreSQL that breaks while a turn's transaction is committed: at each commit there is."""

from collections.abc import Callable, Iterator, Mapping
from threading import Event
from typing import Literal

import pytest

from tests.compaction.test_by_itself import full
from tests.compaction.threads import SMALL, asked_to_summarise, in_view, talker
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.cable import Cable, Trap
from tests.harness.fleet import Fleet
from tests.harness.postgres import Postgres
from tests.harness.server import Server
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.messages.talking import Json, agent, of_agent, say, texts
from tests.tools.test_other_agents import ask, heard, make
from tests.turns.approving import answer, careful, decided, pending
from tests.turns.listening import active, sending, user
from tests.turns.test_every_mode import KINDS, MODES, told
from tests.turns.test_kill_matrix import is_whole
from tests.turns.test_survival import notes

MOST = 50
"""Commits that no turn of these tests has."""

Loses = Literal["commit", "answer"]
Known = Callable[[str], None]
"""Tells the name that a turn's transactions are known by."""

pytestmark = pytest.mark.parametrize("loses", ["commit", "answer"])


@pytest.fixture(scope="module")
def cable(postgres: Postgres) -> Iterator[Cable]:
    """What connects the server to its database."""
    with Cable(postgres.port) as cable:
        yield cable


@pytest.fixture(scope="module")
def far_server(
    postgres: Postgres, cable: Cable, model_env: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    fleet = Fleet(tmp_path_factory.mktemp("far"), postgres)
    yield fleet.make("postgres", model_env, database=postgres.uri(postgres.create(), cable.port)).start()
    fleet.stop()


@pytest.fixture
def org(far_server: Server, cable: Cable) -> Iterator[Org]:
    before = len(far_server.log)
    yield new_org(far_server)
    cable.trap = None
    assert "Traceback" not in far_server.log[before:]


def each_commit(cable: Cable, loses: Loses, turn: Callable[[Known], None]) -> int:
    """Have a turn again and again, each time with another of its commits broken; how many it has."""
    for point in range(1, MOST):
        trap = Trap(b"", point, loses)

        def known_by(name: str, trap: Trap = trap) -> None:
            trap.name = name.encode()
            cable.trap = trap

        turn(known_by)
        cable.trap = None
        if not trap.is_sprung:
            return point - 1
    raise AssertionError("the turn never ended")


def check(org: Org, models: OpenAIServer, owner: str, expected: list[Json], answered: list[Json]) -> None:
    """Everything was done once, stored once and said once, and the agent goes on."""
    assert list(map(told, answered)) == expected
    listed = of_agent(org, owner, order="asc", limit=100)
    stored = [m for m in listed if m["run_id"] and m["message_type"] != "user_message"]
    assert list(map(told, stored)) == expected
    assert [m["id"] for m in stored] == [m["id"] for m in answered]
    assert texts(listed)[:1] == ["I like tea"]
    (run,) = org.http.get("/v1/runs/", params={"agent_id": owner}).json()
    assert (run["status"], run["stop_reason"]) == ("completed", "end_turn")
    steps = org.http.get(f"/v1/runs/{run['id']}/steps").json()
    assert [step["status"] for step in steps] == ["success"] * len(models.chats)
    check_next(org, models, owner)


def check_next(org: Org, models: OpenAIServer, owner: str) -> None:
    assert not active(org, owner)
    assert say(org, f"agents/{owner}", "REPLY on")["messages"][-1]["content"] == "on"
    assert is_whole(models.chats[-1].body["messages"])


def said_as_json(org: Org, owner: str) -> list[Json]:
    return say(org, f"agents/{owner}", "I like tea")["messages"]


ALL_MODES = {"json": said_as_json, **{name: MODES[name] for name in ("steps", "tokens", "background", "async")}}


@pytest.mark.contract("turns.lost-answers")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ALL_MODES)
def test_a_turn_that_calls_a_tool(
    org: Org, models: OpenAIServer, cable: Cable, loses: Loses, kind: str, mode: str
) -> None:
    fields, script = KINDS[kind]
    models.queue(*script)
    expected = list(map(told, ALL_MODES[mode](org, agent(org, **fields))))

    def turn(known_by: Known) -> None:
        models.reset()
        models.queue(*script)
        owner = agent(org, **fields)
        known_by(owner)
        check(org, models, owner, expected, ALL_MODES[mode](org, owner))
        assert notes(org, owner).count("tea") == 1

    assert each_commit(cable, loses, turn) >= 3


def test_every_transaction_of_an_organization(org: Org, models: OpenAIServer, cable: Cable, loses: Loses) -> None:
    fields, script = KINDS["native"]
    models.queue(*script)
    expected = list(map(told, ALL_MODES["background"](org, agent(org, **fields))))

    def turn(known_by: Known) -> None:
        models.reset()
        models.queue(*script)
        owner = agent(org, **fields)
        known_by(org.id)
        answered = ALL_MODES["background"](org, owner)
        cable.trap = None
        check(org, models, owner, expected, answered)

    assert each_commit(cable, loses, turn) >= 4


def test_a_call_that_is_approved(org: Org, models: OpenAIServer, cable: Cable, loses: Loses) -> None:
    def turn(known_by: Known) -> None:
        models.reset()
        owner = careful(org)
        known_by(owner)
        (call,) = pending(org, models, owner)
        models.queue(Reply("Noted."))
        got = answer(org, f"agents/{owner}", decided(call))["messages"]
        assert [m["message_type"] for m in got] == ["tool_return_message", "assistant_message"]
        listed = of_agent(org, owner, order="asc")[1:]
        assert [m["message_type"] for m in listed] == [
            *("user_message", "approval_request_message", "approval_response_message"),
            *("tool_return_message", "assistant_message"),
        ]
        assert notes(org, owner).count("Likes tea.") == 1
        check_next(org, models, owner)

    assert each_commit(cable, loses, turn) >= 5


def test_an_agent_that_asks_another(org: Org, models: OpenAIServer, cable: Cable, loses: Loses) -> None:
    def turn(known_by: Known) -> None:
        models.reset()
        asking, other = make(org, org.name("asking")), make(org, org.name("other"))
        models.queue(ask(other), Reply("Fine."), Reply("It is fine."))
        known_by(asking)
        got = said_as_json(org, asking)
        assert [m["message_type"] for m in got] == ["tool_call_message", "tool_return_message", "assistant_message"]
        assert [m["id"] for m in heard(org, asking)[1:]] == [m["id"] for m in got]
        assert texts(heard(org, other))[-1:] == ["Fine."]
        assert len(heard(org, other)) == 2
        check_next(org, models, asking)
        check_next(org, models, other)

    assert each_commit(cable, loses, turn) >= 6


def test_a_turn_that_fills_its_window(org: Org, models: OpenAIServer, cable: Cable, loses: Loses) -> None:
    def turn(known_by: Known) -> None:
        models.reset()
        owner = talker(org, context_window_limit=SMALL, words=40)
        models.queue(Reply("Yes.", usage=full()), Reply("The summary."))
        known_by(owner)
        got = say(org, f"agents/{owner}", "I like tea", include_compaction_messages=True)["messages"]
        assert [m["message_type"] for m in got] == ["assistant_message", "event_message", "summary_message"]
        assert got[-1]["id"] in in_view(org, owner)
        assert len(asked_to_summarise(models)) == 1
        (run,) = org.http.get("/v1/runs/", params={"agent_id": owner}).json()
        assert run["status"] == "completed"
        check_next(org, models, owner)

    assert each_commit(cable, loses, turn) >= 4


def test_a_turn_that_waits_for_another(org: Org, models: OpenAIServer, cable: Cable, loses: Loses) -> None:
    def turn(known_by: Known) -> None:
        models.reset()
        owner, first_said, second_said = agent(org), Event(), Event()
        models.queue(Reply("one", waits=first_said), Reply("two", waits=second_said))
        first = sending(org, f"agents/{owner}", "I like tea")
        until(lambda: len(models.chats) == 1, "the first turn's request")
        known_by(owner)
        second = sending(org, f"agents/{owner}", "and jam")
        until(lambda: len(active(org, owner)) == 2, "two runs")
        first_said.set()
        until(lambda: len(models.chats) == 2, "the second turn's request")
        assert [run["status"] for run in active(org, owner)] == ["running"]
        second_said.set()
        assert [texts(each.result().json()["messages"]) for each in (first, second)] == [["one"], ["two"]]
        assert texts(of_agent(org, owner, order="asc")) == ["I like tea", "one", "and jam", "two"]
        (newest, _) = org.http.get("/v1/runs/", params={"agent_id": owner}).json()
        assert newest["status"] == "completed"
        check_next(org, models, owner)

    assert each_commit(cable, loses, turn) >= 4


def test_a_turn_whose_model_fails(org: Org, models: OpenAIServer, cable: Cable, loses: Loses) -> None:
    def turn(known_by: Known) -> None:
        models.reset()
        owner = agent(org)
        known_by(owner)
        failed = org.http.post(f"/v1/agents/{owner}/messages", json=user("FAIL 400"))
        assert (failed.status_code, failed.json()["error"]["type"]) == (400, "llm_bad_request")
        (run,) = org.http.get("/v1/runs/", params={"agent_id": owner}).json()
        assert (run["status"], run["metadata"]["error"]["type"]) == ("failed", "llm_bad_request")
        check_next(org, models, owner)

    assert each_commit(cable, loses, turn) >= 2
