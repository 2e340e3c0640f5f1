"""Background runs whose process is killed, or asked to stop (DESIGN §5, §10)."""

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.messages.talking import Json, agent, of_agent, say, texts
from tests.turns.backgrounds import background, over, read, said, started
from tests.turns.listening import Event, active, asked, kinds, sending, user
from tests.turns.test_tool_calls import INSERT, NOTES

NEVER = Reply("never said", delay=600)


def numbers(found: list[Event]) -> list[int]:
    return [event.json["seq_id"] for event in found if event.kind != "[DONE]" and event.json.get("seq_id")]


def notes(org: Org, owner: str) -> str:
    return org.http.get(f"/v1/agents/{owner}/core-memory/blocks/notes").json()["value"]


def later(org: Org, owner: str, text: str) -> str:
    return org.http.post(f"/v1/agents/{owner}/messages/async", json=user(text)).json()["id"]


def chats(models: OpenAIServer, count: int) -> None:
    until(lambda: len(models.chats) >= count, f"{count} requests to the model", seconds=60)


@pytest.mark.contract("turns.survives")
def test_a_run_goes_on_after_its_last_step(fresh_server: FreshServer, models: OpenAIServer) -> None:
    server = fresh_server()
    org = new_org(server)
    owner = agent(org, **NOTES)
    models.queue(Reply("I write it down.", calls=(INSERT,), usage=_usage(10)), NEVER)
    run = started(org, f"agents/{owner}", "note it", max_steps=2)
    chats(models, 2)
    before = notes(org, owner)
    server.kill9()
    models.queue(Reply("Done.", usage=_usage(20)))
    server.start()
    ended = over(org, run)
    assert (ended["status"], ended["stop_reason"]) == ("completed", "end_turn")
    assert notes(org, owner) == before == "Likes tea."
    assert texts(of_agent(org, owner, order="asc")) == ["note it", "I write it down.", "Done."]
    assert [message["role"] for message in asked(models)] == ["system", "user", "assistant", "tool"]
    assert len(org.http.get(f"/v1/runs/{run}/steps").json()) == 2
    assert org.http.get(f"/v1/runs/{run}/usage").json()["prompt_tokens"] == 30
    told = read(org, run)
    assert numbers(told) == list(range(1, len(told) - 2))
    assert said(told) == ["I write it down.", "Done."]
    assert [event.name for event in told if event.name] == ["step_restarted"]
    assert told[-2].json["prompt_tokens"] == 30
    assert told[-2].json["step_count"] == 2
    assert say(org, f"agents/{owner}", "REPLY on")["messages"][-1]["content"] == "on"


def _usage(prompt: int) -> Json:
    return {"prompt_tokens": prompt, "completion_tokens": 1, "total_tokens": prompt + 1}


@pytest.mark.contract("turns.survives.tokens")
def test_the_text_of_a_lost_step_is_void(fresh_server: FreshServer, models: OpenAIServer) -> None:
    server = fresh_server()
    org = new_org(server)
    owner = agent(org)
    models.queue(Reply("one two three four five six seven eight", chunk_delay=0.5))
    with background(org, f"agents/{owner}", "count", stream_tokens=True) as found:
        run = next(found).json["run_id"]
        first, second = next(found), next(found)
    assert [first.json["seq_id"], second.json["seq_id"]] == [1, 2]
    server.kill9()
    models.queue(Reply("one two"))
    server.start()
    over(org, run)
    told = read(org, run)
    (void,) = [event for event in told if event.name == "step_restarted"]
    assert void.json["message_ids"] == [first.json["id"]]
    assert void.json["step_ids"] == [first.json["step_id"]]
    assert said(told) == ["one two"]
    assert numbers(told) == list(range(1, len(told) - 2))
    assert texts(of_agent(org, owner, order="asc")) == ["count", "one two"]


@pytest.mark.contract("turns.survives.queue")
def test_runs_that_waited_go_on_in_order(fresh_server: FreshServer, models: OpenAIServer) -> None:
    server = fresh_server()
    org = new_org(server)
    owner = agent(org)
    models.queue(NEVER)
    runs = [later(org, owner, f"REPLY answer {number}") for number in range(3)]
    waiting = sending(org, f"agents/{owner}", "REPLY foreground")
    chats(models, 1)
    until(lambda: len(active(org, owner)) == 4, "four runs")
    server.kill9()
    waiting.result()
    server.start()
    assert [over(org, run)["status"] for run in runs] == ["completed"] * 3
    assert texts(of_agent(org, owner, order="asc")) == [
        text for number in range(3) for text in (f"REPLY answer {number}", f"answer {number}")
    ]
    assert len(models.chats) == 4
    (foreground,) = org.http.get("/v1/runs/", params={"background": False}).json()
    assert (foreground["status"], foreground["metadata"]["error"]["type"]) == ("failed", "interrupted")


@pytest.mark.contract("turns.survives.gives-up")
def test_a_run_that_kills_its_server_is_given_up(fresh_server: FreshServer, models: OpenAIServer) -> None:
    server = fresh_server()
    org = new_org(server)
    owner = agent(org)
    models.queue(NEVER, NEVER, NEVER)
    run = later(org, owner, "deadly")
    for number in (1, 2, 3):
        chats(models, number)
        server.kill9()
        server.start()
    ended = over(org, run)
    assert (ended["status"], ended["stop_reason"]) == ("failed", "error")
    assert "3 times" in ended["metadata"]["error"]["message"]
    told = read(org, run)
    assert kinds(told)[-3:] == ["stop_reason", "error_message", "[DONE]"]
    assert len(models.chats) == 3
    assert say(org, f"agents/{owner}", "REPLY on")["messages"][0]["content"] == "on"
