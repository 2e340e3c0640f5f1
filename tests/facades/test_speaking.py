"""Answers of `/api/agents` as they are spoken: streams, whole sentences, and users who interrupt."""

import threading
from typing import Any

import httpx
import pytest

from tests.facades.tonny import WEATHER, Json, agent, events, heard, say, sent, told
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.harness.waiting import until
from tests.messages.talking import agent as agent_v1
from tests.messages.talking import messages

LONG = "It is sunny in Oslo. Dr. Hansen says 3.5 degrees. Take a coat!"


def _stream(org: Org, id: str, message: str, place: str = "messages/stream", **fields: Any) -> list[Json]:
    answer = org.http.post(f"/api/agents/{id}/{place}", json={"message": message, "session_id": "s", **fields})
    assert answer.headers["content-type"].startswith("text/event-stream")
    return events(answer)


def _finds(org: Org, id: str, word: str) -> bool:
    asked = {"query": word, "search_mode": "fts", "agent_id": id, "roles": ["assistant"]}
    return bool(org.http.post("/v1/messages/search", json=asked).raise_for_status().json())


def _of(told: list[Json], kind: str) -> list[Json]:
    return [event for event in told if event["type"] == kind]


@pytest.mark.parametrize(("place", "fields"), [("messages/stream", {}), ("messages", {"stream": True})])
def test_an_answer_is_told_as_it_is_made(org: Org, models: OpenAIServer, place: str, fields: Json) -> None:
    id = agent(org)
    models.queue(Reply(LONG))
    told_events = _stream(org, id, "the weather?", place, **fields)
    assert told_events[0]["type"] == "session"
    deltas = _of(told_events, "delta")
    assert len(deltas) > 1 and "".join(event["content"] for event in deltas) == LONG
    (message,) = _of(told_events, "message")
    assert (message["role"], message["content"]) == ("assistant", LONG)
    done = told_events[-1]
    assert (done["type"], done["message"], done["session_id"]) == ("done", LONG, "s")
    assert heard(done) == LONG and done["token_count"] > 0 and done["model"] == "gpt-4.1"


def test_an_answer_is_told_in_sentences(org: Org, models: OpenAIServer) -> None:
    id = agent(org)
    models.queue(Reply(LONG))
    told_events = _stream(org, id, "the weather?", sentences=True)
    spoken = [(event["index"], event["content"]) for event in _of(told_events, "sentence")]
    assert spoken == [(0, "It is sunny in Oslo."), (1, "Dr. Hansen says 3.5 degrees."), (2, "Take a coat!")]
    assert not _of(told_events, "delta") and heard(told_events[-1]) == LONG


def test_an_agent_that_speaks_through_a_tool_is_heard_as_well(org: Org) -> None:
    id = agent_v1(org, agent_type="memgpt_agent", tools=["send_message"], llm_config={"model": "gpt-4.1"})
    told_events = _stream(org, id, "REPLY One thing. And another", sentences=True)
    assert [event["content"] for event in _of(told_events, "sentence")] == ["One thing.", "And another"]
    assert heard(told_events[-1]) == "One thing. And another"


def test_a_tool_of_the_client_ends_the_stream_until_its_result_comes(org: Org, models: OpenAIServer) -> None:
    id = agent(org, tools=[WEATHER])
    models.queue(Reply("One moment", calls=(("get_weather", {"location": "Oslo"}),)), Reply("Sunny."))
    first = _stream(org, id, "the weather?", sentences=True)
    assert [event["content"] for event in _of(first, "sentence")] == ["One moment"]
    (call,) = first[-1]["tool_calls"]
    result = {"session_id": "s", "tool_results": [{"id": call["id"], "content": "sunny"}], "sentences": True}
    second = events(org.http.post(f"/api/agents/{id}/messages/stream", json=result))
    assert [event["role"] for event in _of(second, "message")] == ["tool", "assistant"]
    assert [event["content"] for event in _of(second, "sentence")] == ["Sunny."]


def test_a_stream_says_what_went_wrong(org: Org) -> None:
    id = agent(org)
    (_, error) = _stream(org, id, "FAIL 400")
    assert error["type"] == "error" and "scripted failure" in error["detail"] and error["code"].startswith("llm_")


def test_nothing_is_kept_before_the_model_has_said_something(org: Org, models: OpenAIServer) -> None:
    id = agent(org)
    say(org, id, "REPLY first", "s")
    before = told(org, id, "s"), org.http.get(f"/v1/agents/{id}/core-memory/blocks").json()
    models.asked.clear()
    models.queue(Reply("second", waits=(gate := threading.Event())))
    with _speaking(org, id, "and now?") as talk:
        assert models.asked.wait(30)
        assert (told(org, id, "s"), org.http.get(f"/v1/agents/{id}/core-memory/blocks").json()) == before
        gate.set()
        talk.read()
    assert told(org, id, "s")[2:] == [("user", "and now?"), ("assistant", "second")]


def test_who_interrupts_has_heard_a_part(org: Org, models: OpenAIServer) -> None:
    id = agent(org)
    models.queue(Reply("One two three. Four five six. " * 40, chunk_delay=0.2), Reply("Fine."))
    with _speaking(org, id, "count") as talk:
        lines = talk.iter_lines()
        until(lambda: "sentence" in next(lines), "a first sentence", 60)
        cut = org.http.post(f"/api/agents/{id}/sessions/s/cancel", json={"spoken": "one two  THREE."})
        assert cut.status_code == 200, cut.text
        assert (cut.json()["kept"], len(cut.json()["cancelled"])) == ("One two three.", 1)
        assert "cancelled" in "".join(lines)
    shown = org.http.get(f"/api/agents/{id}/sessions/s").json()["messages"]
    assert [(each["role"], each["content"]) for each in shown] == [
        ("user", "count"),
        ("assistant", "One two three."),
    ]
    assert shown[-1]["interrupted"] is True
    assert heard(say(org, id, "stop", "s")) == "Fine."
    assert models.chats[-1].body["messages"][-2]["content"] == "One two three. [interrupted]"


def test_an_answer_that_was_whole_is_cut_as_well(org: Org, models: OpenAIServer) -> None:
    id = agent(org)
    models.queue(Reply(LONG), Reply("Yes."), Reply("Well."))
    conversation = say(org, id, "the weather?", "s")["conversation_id"]
    place = f"/api/agents/{id}/sessions/s/cancel"
    until(lambda: _finds(org, id, "coat"), "the answer to be found")
    assert org.http.post(place, json={"spoken": "It is sunny in Oslo."}).json()["kept"] == "It is sunny in Oslo."
    stored = messages(org, f"/v1/conversations/{conversation}/messages", order="asc")[-1]["content"]
    assert stored == "It is sunny in Oslo. [interrupted]"
    until(lambda: not _finds(org, id, "coat"), "what nobody heard to be found no more")
    assert _finds(org, id, "sunny")
    say(org, id, "really?", "s")
    assert org.http.post(place, json={"spoken": "Yes."}).json()["kept"] is None
    assert org.http.post(place).json()["cancelled"] == []
    assert told(org, id, "s")[-1] == ("assistant", "Yes.")
    assert org.http.post(place, json={"spoken": ""}).json()["kept"] == ""
    assert told(org, id, "s")[-1] == ("assistant", "")
    assert heard(say(org, id, "go on", "s")) == "Well."
    assert "Hansen" not in str(models.chats[-1].body["messages"])


def test_who_interrupts_before_the_first_word_leaves_older_answers_alone(org: Org, models: OpenAIServer) -> None:
    id = agent(org)
    say(org, id, "REPLY first answer", "s")
    models.asked.clear()
    models.queue(Reply("never heard", waits=threading.Event()))
    with _speaking(org, id, "more") as talk:
        assert models.asked.wait(30)
        cut = org.http.post(f"/api/agents/{id}/sessions/s/cancel", json={"spoken": ""}).json()
        assert (len(cut["cancelled"]), cut["kept"]) == (1, None)
        talk.read()
    assert ("assistant", "first answer") in told(org, id, "s")
    assert heard(sent(org, id, {"message": "REPLY still here", "session_id": "s"})) == "still here"


def _speaking(org: Org, id: str, message: str) -> "Any":
    body = {"message": message, "session_id": "s", "sentences": True}
    return org.http.stream("POST", f"/api/agents/{id}/messages/stream", json=body, timeout=httpx.Timeout(60))
