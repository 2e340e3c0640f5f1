"""Several requests to one thread (DESIGN §5, CONTRACT §3.3)."""

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.harness.waiting import until
from tests.messages.talking import agent, of_agent, say, texts
from tests.turns.listening import Later, active, sending, streamed, user


def conversation(org: Org, agent_id: str) -> str:
    return org.http.post("/v1/conversations/", params={"agent_id": agent_id}, json={}).json()["id"]


@pytest.mark.contract("turns.queue")
def test_an_agents_own_thread_takes_one_after_the_other(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("answer 0", delay=1.0), *(Reply(f"answer {number}") for number in range(1, 6)))
    owner = agent(org)
    requests = list[Later]()
    for number in range(6):
        requests.append(sending(org, f"agents/{owner}", f"question {number}"))
        until(lambda: len(active(org, owner)) == len(requests), "the run in the queue")
    for number, request in enumerate(requests):
        answer = request.result().json()
        assert answer["messages"][0]["content"] == f"answer {number}"
    expected = [text for number in range(6) for text in (f"question {number}", f"answer {number}")]
    assert texts(of_agent(org, owner, order="asc")) == expected


@pytest.mark.contract("turns.queue.many")
def test_many_at_once_are_all_answered_once(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    requests = [sending(org, f"agents/{owner}", f"REPLY answer {number}") for number in range(40)]
    answers = [request.result().json()["messages"][0]["content"] for request in requests]
    assert answers == [f"answer {number}" for number in range(40)]
    said = texts(of_agent(org, owner, order="asc", limit=1000))
    assert sorted(said[1::2]) == sorted(answers)
    assert [text.removeprefix("REPLY ") for text in said[::2]] == said[1::2]
    assert len(models.chats) == 40


@pytest.mark.contract("turns.conversation.busy")
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_a_busy_conversation_says_so_at_once(org: Org, models: OpenAIServer, stream: bool) -> None:
    models.queue(Reply("slow", delay=1.5))
    owner = agent(org)
    talk = conversation(org, owner)
    first = sending(org, f"conversations/{talk}", "one")
    assert models.asked.wait(60)
    refused = org.http.post(f"/v1/conversations/{talk}/messages", json={**user("two"), "streaming": stream})
    assert refused.status_code == 409, refused.text
    assert refused.headers["x-should-retry"] == "false"
    assert refused.json()["run_id"] == active(org, owner)[0]["id"]
    assert first.result().json()["messages"][0]["content"] == "slow"
    assert len(org.http.get("/v1/runs/", params={"agent_id": owner}).json()) == 1


@pytest.mark.contract("turns.threads-in-parallel")
def test_threads_of_one_agent_do_not_wait_for_each_other(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("slow", delay=2.0))
    owner = agent(org)
    slow = sending(org, f"conversations/{conversation(org, owner)}", "one")
    assert models.asked.wait(60)
    assert say(org, f"agents/{owner}", "REPLY quick")["messages"][0]["content"] == "quick"
    assert active(org, owner), "the slow one is over already"
    assert slow.result().json()["messages"][0]["content"] == "slow"


def test_a_waiting_stream_says_at_once_which_run_it_is(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("slow", delay=0.5))
    owner = agent(org)
    slow = sending(org, f"agents/{owner}", "one")
    assert models.asked.wait(60)
    found = streamed(org, f"agents/{owner}", "REPLY two")
    assert [event.kind for event in found][:2] == ["ping", "assistant_message"]
    assert slow.result().status_code == 200


@pytest.mark.contract("turns.reset.busy")
def test_a_thread_at_work_is_not_emptied(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("slow", delay=1.0))
    owner = agent(org)
    slow = sending(org, f"agents/{owner}", "one")
    assert models.asked.wait(60)
    assert org.http.patch(f"/v1/agents/{owner}/reset-messages", json={}).status_code == 409
    assert slow.result().status_code == 200
