"""The tools with which agents send each other messages (CONTRACT §6.3)."""

import json
import threading
from functools import partial
from typing import Any

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.models import MODEL
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.turns.listening import Later, active, sending
from tests.turns.test_processes import on

ASK, TELL = "send_message_to_agent_and_wait_for_reply", "send_message_to_agent_async"
TAGGED = "send_message_to_agents_matching_tags"
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def scripted(models: OpenAIServer) -> OpenAIServer:
    return models


def make(org: Org, name: str, *tags: str, **fields: Any) -> str:
    body = {"name": name, "model": MODEL, "include_base_tools": False, "include_multi_agent_tools": True, **fields}
    made = org.http.post("/v1/agents/", json={**body, "tags": list(tags)})
    assert made.status_code == 200, made.text
    return made.json()["id"]


def returned(org: Org, agent_id: str, name: str, **arguments: Any) -> tuple[str, str]:
    """Status and text of what a call returns."""
    text = f"CALL {name} {json.dumps(arguments)}"
    sent = org.http.post(f"/v1/agents/{agent_id}/messages", json={"input": text})
    assert sent.status_code == 200, sent.text
    return only_return(sent.json()["messages"])


def only_return(said: list[dict[str, Any]]) -> tuple[str, str]:
    (back,) = [each for each in said if each["message_type"] == "tool_return_message"]
    return back["status"], back["tool_return"]


def heard(org: Org, agent_id: str) -> list[dict[str, Any]]:
    """What an agent's thread holds after its prompt, the oldest first."""
    found = org.http.get(f"/v1/agents/{agent_id}/messages", params={"order": "asc"})
    return found.json()[1:]


def ask(other: str, message: str = "How are you?") -> Reply:
    return Reply(calls=((ASK, {"message": message, "other_agent_id": other}),))


@pytest.mark.contract("tools.agents.wait")
def test_another_agent_answers(org: Org, models: OpenAIServer) -> None:
    ann, bob = make(org, "Ann"), make(org, "Bob")
    models.queue(ask(bob), Reply("Fine, thank you."), Reply("Bob is fine."))
    answer = org.http.post(f"/v1/agents/{ann}/messages", json={"input": "How is Bob?"}).json()["messages"]
    assert json.loads(only_return(answer)[1]) == {"agent_id": bob, "response": ["Fine, thank you."]}
    assert answer[-1]["content"] == "Bob is fine."
    asked, said = heard(org, bob)
    assert (asked["message_type"], said["content"]) == ("system_message", "Fine, thank you.")
    assert all(part in asked["content"] for part in ("'Ann'", ann, "How are you?"))


@pytest.mark.contract("tools.agents.wait")
def test_an_agent_that_speaks_with_a_tool_answers_too(org: Org, models: OpenAIServer) -> None:
    ann, bob = make(org, "Ann"), make(org, "Bob", agent_type="memgpt_v2_agent", include_base_tools=True)
    status, text = returned(org, ann, ASK, message="Hello", other_agent_id=bob)
    assert (status, json.loads(text)["agent_id"]) == ("success", bob)
    assert json.loads(text)["response"][0].startswith("ok: acknowledged")


@pytest.mark.contract("tools.agents.cycles")
def test_who_waits_cannot_be_asked(org: Org, models: OpenAIServer) -> None:
    ann, bob, cid = make(org, "Ann"), make(org, "Bob"), make(org, "Cid")
    models.queue(ask(bob), ask(cid), ask(ann), Reply("Cid could not."), Reply("Bob could not."), Reply("Ann knows."))
    answer = org.http.post(f"/v1/agents/{ann}/messages", json={"input": "Go round."}).json()["messages"]
    assert json.loads(only_return(answer)[1])["response"] == ["Bob could not."]
    status, refused = only_return(heard(org, cid))
    assert (status, f"{ann} → {bob} → {cid}" in refused) == ("error", True)
    assert returned(org, ann, ASK, message="Hello", other_agent_id=ann)[0] == "error"
    assert "is you" in returned(org, ann, TELL, message="Hello", other_agent_id=ann)[1]


@pytest.mark.contract("tools.agents.cycles")
def test_who_asks_each_other_does_not_wait_for_ever(org: Org, models: OpenAIServer) -> None:
    circle([org, org, org], models)


@pytest.mark.contract("tools.agents.cycles")
@pytest.mark.parametrize("engine", ["postgres"])
def test_nor_when_each_is_worked_on_by_another_server(fresh_server: FreshServer, models: OpenAIServer) -> None:
    database = fresh_server.fleet.new_database()
    first = fresh_server(database=database)
    key = (first.data / "encryption.key").read_text()
    org = new_org(first)
    circle([org, on(fresh_server({"HOLDFAST_ENCRYPTION_KEY": key}, database=database), org)], models)


def circle(places: list[Org], models: OpenAIServer) -> None:
    """Agents that each ask the next one, at the same time: at least one of them is told that this leads nowhere."""
    everyone = [make(place, place.name("agent")) for place in places]
    goes_on = threading.Event()
    sent: list[Later] = []
    for number, (place, agent_id) in enumerate(zip(places, everyone, strict=True), 1):
        models.queue(Reply(calls=ask(everyone[number % len(everyone)]).calls, waits=goes_on))
        sent.append(sending(place, f"agents/{agent_id}", "Ask the next one."))
        until(partial(_are_asked, models, number), "a model that is asked", PATIENCE)
    goes_on.set()
    returns = [only_return(each.result().json()["messages"]) for each in sent]
    failed = [text for status, text in returns if status == "error"]
    assert failed
    assert all("in the end for yours" in text and all(id in text for id in everyone) for text in failed)


def _are_asked(models: OpenAIServer, number: int) -> bool:
    return len(models.chats) >= number


@pytest.mark.contract("tools.agents.cycles")
def test_messages_without_answers_do_not_go_on_for_ever(org: Org, models: OpenAIServer) -> None:
    once = {"tool_rules": [{"type": "exit_loop", "tool_name": TELL}]}
    ann, bob = make(org, "Ann", **once), make(org, "Bob", **once)
    for number in range(9):
        models.queue(Reply(calls=((TELL, {"message": "Your turn.", "other_agent_id": (bob, ann)[number % 2]}),)))
    org.http.post(f"/v1/agents/{ann}/messages", json={"input": "Begin."})

    def told(status: str) -> list[str]:
        returns = [each for owner in (ann, bob) for each in heard(org, owner) if "tool_return" in each]
        return [each["tool_return"] for each in returns if each["status"] == status]

    (refused,) = until(lambda: told("error"), "the end of the chain", PATIENCE)
    assert ("8 messages of agents" in refused, len(told("success"))) == (True, 8)


@pytest.mark.contract("tools.agents.tags")
def test_all_agents_with_tags_answer(org: Org, models: OpenAIServer) -> None:
    ann = make(org, "Ann", "crew", "north")
    north, south = make(org, "N", "crew", "north"), make(org, "S", "crew", "south")
    broken = make(org, "X", "crew", "north", model="anthropic/claude-sonnet-4-5")
    make(org, "Other", "guest", "north")
    make(new_org(org.server), "Stranger", "crew", "north")

    def answers(every: list[str], some: list[str]) -> dict[str, dict[str, Any]]:
        status, text = returned(org, ann, TAGGED, message="Report.", match_all=every, match_some=some)
        assert status == "success", text
        return {each["agent_id"]: each for each in json.loads(text)}

    found = answers(["crew"], ["north", "south"])
    assert set(found) == {north, south, broken}
    assert [len(found[id]["response"]) for id in (north, south, broken)] == [1, 1, 0]
    assert "ANTHROPIC_API_KEY" in found[broken]["error"]
    assert set(answers(["crew", "south"], [])) == {south}
    assert answers(["nobody"], []) == {}
    assert "both empty" in returned(org, ann, TAGGED, message="Report.", match_all=[], match_some=[])[1]


@pytest.mark.contract("tools.agents.async")
def test_a_message_is_sent_without_waiting(org: Org, models: OpenAIServer) -> None:
    ann, bob = make(org, "Ann"), make(org, "Bob")
    status, text = returned(org, ann, TELL, message="The ship has sailed.", other_agent_id=bob)
    assert (status, "was sent" in text) == ("success", True)
    until(lambda: len(heard(org, bob)) == 2, "what Bob says", PATIENCE)
    told, said = heard(org, bob)
    assert "The ship has sailed." in told["content"]
    assert said["content"].startswith("ok: acknowledged")


@pytest.mark.contract("tools.agents.failures")
@pytest.mark.parametrize("name", [ASK, TELL])
def test_agents_that_are_not_there(org: Org, name: str) -> None:
    ann, elsewhere = make(org, "Ann"), make(new_org(org.server), "Elsewhere")
    for other in (elsewhere, "agent-00000000-0000-4000-8000-000000000000", "Bob", "\x00"):
        status, text = returned(org, ann, name, message="Hello", other_agent_id=other)
        assert (status, other.strip("\x00") in text) == ("error", True)
    assert "empty" in returned(org, ann, name, message=" ", other_agent_id=elsewhere)[1]


@pytest.mark.contract("tools.agents.failures")
def test_an_agent_whose_model_fails(org: Org, models: OpenAIServer) -> None:
    ann, bob = make(org, "Ann"), make(org, "Bob")
    models.queue(ask(bob), Reply(status=400, error="no such thing"), Reply("Bob is out."))
    answer = org.http.post(f"/v1/agents/{ann}/messages", json={"input": "Ask."}).json()["messages"]
    status, text = only_return(answer)
    assert (status, f"Agent {bob} gave no answer" in text) == ("error", True)
    assert answer[-1]["content"] == "Bob is out."


@pytest.mark.contract("tools.agents.busy")
def test_a_busy_agent_is_waited_for(org: Org, models: OpenAIServer) -> None:
    ann, bob = make(org, "Ann"), make(org, "Bob")
    goes_on = threading.Event()
    models.queue(Reply("Done.", waits=goes_on))
    first = sending(org, f"agents/{bob}", "Take your time.")
    assert models.asked.wait(PATIENCE)
    models.queue(ask(bob), Reply("Now I can."), Reply("Thanks."))
    second = sending(org, f"agents/{ann}", "Ask Bob.")
    until(lambda: len(active(org, bob)) == 2, "a run that waits for Bob", PATIENCE)
    goes_on.set()
    assert first.result().json()["messages"][-1]["content"] == "Done."
    assert json.loads(only_return(second.result().json()["messages"])[1])["response"] == ["Now I can."]


@pytest.mark.contract("tools.agents.cancel")
def test_cancelling_reaches_the_agent_that_is_waited_for(org: Org, models: OpenAIServer) -> None:
    ann, bob = make(org, "Ann"), make(org, "Bob")
    goes_on = threading.Event()
    models.queue(ask(bob), Reply("Too late.", waits=goes_on))
    asking: Later = sending(org, f"agents/{ann}", "Ask Bob.")
    until(lambda: len(models.chats) == 2, "Bob's model", PATIENCE)
    cancelled = org.http.post(f"/v1/agents/{ann}/messages/cancel", json={})
    assert cancelled.status_code == 200, cancelled.text
    assert asking.result().json()["stop_reason"]["stop_reason"] == "cancelled"
    until(lambda: not active(org, bob), "the end of Bob's run", PATIENCE)
    assert [run["status"] for run in org.http.get("/v1/runs/", params={"agent_id": bob}).json()] == ["cancelled"]
    goes_on.set()
    assert returned(org, ann, ASK, message="Again", other_agent_id=bob)[0] == "success"
