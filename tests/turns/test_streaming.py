"""A turn as server-sent events (CONTRACT §3.2)."""

import time
from typing import Any, cast

import httpx
import pytest
from letta_client import APIStatusError

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.messages.talking import Json, agent, of_agent, say, texts
from tests.turns.listening import MODERN, Event, active, events, kinds, streamed, streaming, user

INSERT = ("memory_insert", {"label": "notes", "new_string": "Likes tea."})
NOTES: dict[str, Any] = {"memory_blocks": [{"label": "notes", "value": ""}], "tools": ["memory_insert"]}


@pytest.mark.contract("turns.stream")
def test_a_stream_pings_first_and_ends_with_done(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("Hello Ada."))
    found = streamed(org, f"agents/{agent(org)}", "I am Ada.")
    assert [event.kind for event in found] == [
        *("ping", "assistant_message", "stop_reason", "usage_statistics", "[DONE]"),
    ]
    assert {event.name for event in found} == {None}
    ping, said, reason, usage, _ = found
    assert ping.json["id"].startswith("ping-")
    assert ping.json["run_id"] == said.json["run_id"] == usage.json["run_ids"][0]
    assert said.json["content"] == "Hello Ada."
    assert reason.json == {"message_type": "stop_reason", "stop_reason": "end_turn"}


@pytest.mark.contract("turns.stream.same-as-json")
def test_a_stream_says_the_same_as_json(org: Org, models: OpenAIServer) -> None:
    script = (Reply("Noting.", calls=(INSERT,), reasoning="It matters."), Reply("Noted."))
    first, second = agent(org, **NOTES), agent(org, **NOTES)
    models.queue(*script, *script)
    found = streamed(org, f"agents/{first}", "I like tea")
    answer = say(org, f"agents/{second}", "I like tea")
    messages = [event.json for event in found if event.data != "[DONE]" and "id" in event.json][1:]
    assert [_lasting(m) for m in messages] == [_lasting(m) for m in answer["messages"]]
    assert [m["message_type"] for m in messages] == [
        *("reasoning_message", "assistant_message", "tool_call_message", "tool_return_message", "assistant_message"),
    ]


def _lasting(message: Json) -> Json:
    """A message without what is new in every run."""
    left = {**message}
    for name in ("id", "date", "otid", "step_id", "run_id"):
        del left[name]
    return _without_call_ids(left)


def _without_call_ids(value: Any) -> Any:
    if isinstance(value, dict):
        named = cast(Json, value)
        return {name: _without_call_ids(each) for name, each in named.items() if name != "tool_call_id"}
    return list(map(_without_call_ids, cast(list[Any], value))) if isinstance(value, list) else value


@pytest.mark.contract("turns.stream.no-pings")
def test_pings_can_be_left_out(org: Org) -> None:
    found = streamed(org, f"agents/{agent(org)}", "REPLY hi", include_pings=False)
    assert found[0].kind == "assistant_message"


@pytest.mark.contract("turns.stream.narrowed")
def test_a_filter_on_types_leaves_the_end_in(org: Org) -> None:
    found = streamed(org, f"agents/{agent(org)}", "REPLY hi", include_return_message_types=["tool_return_message"])
    assert [event.kind for event in found] == ["ping", "stop_reason", "usage_statistics", "[DONE]"]


@pytest.mark.contract("turns.stream.old-path")
def test_the_older_path_always_streams(org: Org) -> None:
    path = f"/v1/agents/{agent(org)}/messages/stream"
    with org.http.stream("POST", path, json={**user("REPLY hi"), "include_pings": False}) as answer:
        found = list(events(answer))
    assert kinds(found) == ["assistant_message", "stop_reason", "usage_statistics", "[DONE]"]


@pytest.mark.contract("turns.stream.conversation")
def test_conversations_stream_unless_told_otherwise(org: Org) -> None:
    talk = org.http.post("/v1/conversations/", params={"agent_id": agent(org)}, json={}).json()["id"]
    with org.http.stream("POST", f"/v1/conversations/{talk}/messages", json=user("REPLY hi")) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert kinds(list(events(answer)))[0] == "assistant_message"
    assert say(org, f"conversations/{talk}", "REPLY there")["messages"][0]["content"] == "there"


@pytest.mark.contract("turns.stream.error")
@pytest.mark.parametrize(
    ("reply", "kind", "reason"),
    [
        (Reply(status=401, error="no such key"), "llm_authentication", "llm_api_error"),
        (Reply(status=400, error="bad request"), "llm_bad_request", "llm_api_error"),
        (Reply("one two three four", cut_after=3), "stream_incomplete", "llm_api_error"),
        (Reply(raw=b"this is no JSON"), "llm_error", "invalid_llm_response"),
    ],
    ids=["before the first chunk", "refused", "in the middle", "garbage"],
)
def test_a_failing_model_is_one_error_event(
    org: Org, models: OpenAIServer, reply: Reply, kind: str, reason: str
) -> None:
    models.queue(reply, reply, reply)
    owner = agent(org)
    found = streamed(org, f"agents/{owner}", "hello")
    assert kinds(found) == ["stop_reason", "error_message", "[DONE]"]
    ended, error, _ = found[1:]
    assert ended.json["stop_reason"] == reason
    assert error.name == "error"
    assert set(error.json) == {"message_type", "run_id", "error_type", "message", "detail", "seq_id"}
    assert error.json["error_type"] == kind
    assert error.json["message"]
    assert texts(of_agent(org, owner)) == []


def test_the_official_client_raises_what_the_stream_reports(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply(status=401, error="no such key"))
    with pytest.raises(APIStatusError) as raised:
        list(org.client.agents.messages.create(agent(org), messages=[{"role": "user", "content": "a"}], streaming=True))
    assert cast(Json, raised.value.body)["error_type"] == "llm_authentication"


@pytest.mark.contract("turns.stream.keep-alive")
@pytest.mark.parametrize("reply", [Reply("hi", delay=1.2), Reply("a b c d e f g h i j k l", chunk_delay=0.1)], ids=str)
def test_silence_is_filled_with_pings(fresh_server: FreshServer, models: OpenAIServer, reply: Reply) -> None:
    """Also when the model talks, but nothing of it is shown before its step is over."""
    org = new_org(fresh_server({"HOLDFAST_KEEPALIVE_INTERVAL": "0.2", "HOLDFAST_KEEPALIVE_SECONDS": "0.2"}))
    models.queue(reply)
    found = streamed(org, f"agents/{agent(org)}", "hello")
    assert [event.kind for event in found].count("ping") >= 4
    assert kinds(found) == ["assistant_message", "stop_reason", "usage_statistics", "[DONE]"]


@pytest.mark.contract("turns.stream.hang-up")
def test_a_client_that_hangs_up_does_not_stop_the_run(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("The whole answer.", delay=0.5))
    owner = agent(org)
    with streaming(org, f"agents/{owner}", "hello") as found:
        run = next(found).json["run_id"]
    until(lambda: org.http.get(f"/v1/runs/{run}").json()["status"] == "completed", "the run's end")
    assert texts(of_agent(org, owner, order="asc")) == ["hello", "The whole answer."]
    assert say(org, f"agents/{owner}", "REPLY next")["messages"][0]["content"] == "next"


def test_a_client_that_gives_up_on_json_does_not_stop_the_run(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("The whole answer.", delay=1.0))
    owner = agent(org)
    with pytest.raises(httpx.ReadTimeout):
        org.http.post(f"/v1/agents/{owner}/messages", json=user("hello"), timeout=0.3)
    until(lambda: not active(org, owner), "the run's end")
    assert texts(of_agent(org, owner, order="asc")) == ["hello", "The whole answer."]


@pytest.mark.contract("turns.stream.first-event")
def test_the_first_event_does_not_wait_for_the_model(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("late", delay=3.0))
    began = time.monotonic()
    with streaming(org, f"agents/{agent(org)}", "hello") as found:
        assert next(found).kind == "ping"
        assert time.monotonic() - began < 2.0


def test_no_proxy_may_hold_a_stream_back(org: Org) -> None:
    body = {**user("REPLY hi"), "streaming": True}
    with org.http.stream("POST", f"/v1/agents/{agent(org)}/messages", json=body, headers=MODERN) as answer:
        assert (answer.headers["x-accel-buffering"], answer.headers["cache-control"]) == ("no", "no-cache")
        assert isinstance(next(events(answer)), Event)
