"""What the model calls, and when a turn is over (CONTRACT §4.1, §4.3)."""

from typing import Any

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import Json, agent, of_agent, say
from tests.turns.listening import asked, kinds, streamed

INSERT = ("memory_insert", {"label": "notes", "new_string": "Likes tea."})
NOTES: dict[str, Any] = {"memory_blocks": [{"label": "notes", "value": ""}], "tools": ["memory_insert"]}
OPENAI = {"provider_type": "openai"}


def returned(answer: Json) -> list[tuple[str, str]]:
    """Status and text of every tool's answer."""
    return [
        (each["status"], each["tool_return"])
        for message in answer["messages"]
        if message["message_type"] == "tool_return_message"
        for each in message["tool_returns"]
    ]


def chunk(*calls: Json) -> tuple[Json | str, ...]:
    """A stream with these calls as they are."""
    delta = {"role": "assistant", "tool_calls": [{"index": n, "type": "function", **c} for n, c in enumerate(calls)]}
    ends: Json = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}, ends, "[DONE]"


def call(id: str, name: str, arguments: str) -> Json:
    return {"id": id, "function": {"name": name, "arguments": arguments}}


@pytest.mark.contract("turns.tools.call")
def test_a_call_is_run_and_the_model_sees_what_came_of_it(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("I note that.", calls=(INSERT,)), Reply("Noted."))
    owner = agent(org, **NOTES)
    answer = say(org, f"agents/{owner}", "I like tea")
    assert [m["message_type"] for m in answer["messages"]] == [
        *("assistant_message", "tool_call_message", "tool_return_message", "assistant_message"),
    ]
    said, called, back, _ = answer["messages"]
    assert said["id"] == called["id"] != back["id"]
    assert called["tool_call"] == called["tool_calls"][0]
    assert called["tool_call"]["tool_call_id"] == back["tool_call_id"]
    assert "Likes tea." in org.http.get(f"/v1/agents/{owner}/core-memory/blocks/notes").json()["value"]
    roles = [message["role"] for message in asked(models)]
    assert roles == ["system", "user", "assistant", "tool"]
    assert asked(models)[2]["content"] == "I note that."
    assert answer["usage"]["step_count"] == 2


@pytest.mark.contract("turns.tools.faults")
@pytest.mark.parametrize(
    ("made", "told"),
    [
        (call("call_123456789", "fly_to_moon", "{}"), "fly_to_moon"),
        (call("call_123456789", "memory_insert", '{"label": "not'), "JSON"),
        (call("call_123456789", "memory_insert", '{"label": "notes"}'), "new_string"),
        (call("call_123456789", "memory_insert", '["notes"]'), "object"),
    ],
    ids=["unknown tool", "broken arguments", "missing argument", "no object"],
)
def test_a_faulty_call_is_an_answer_to_the_model(org: Org, models: OpenAIServer, made: Json, told: str) -> None:
    models.queue(Reply(chunks=chunk(made)), Reply("Sorry."))
    answer = say(org, f"agents/{agent(org, **NOTES)}", "go")
    ((status, text),) = returned(answer)
    assert status == "error"
    assert told in text
    assert answer["messages"][-1]["content"] == "Sorry."
    assert answer["stop_reason"]["stop_reason"] == "end_turn"


@pytest.mark.contract("turns.tools.parallel-off")
def test_without_parallel_calls_only_the_first_is_run(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply(calls=(INSERT, INSERT)), Reply("Done."))
    answer = say(org, f"agents/{agent(org, **NOTES)}", "go")
    assert len(returned(answer)) == 1
    assert len(asked(models)[2]["tool_calls"]) == 1
    assert models.chats[0].body["parallel_tool_calls"] is False


@pytest.mark.contract("turns.tools.parallel-on")
def test_with_parallel_calls_all_are_run_and_returned_together(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply(calls=(INSERT, INSERT)), Reply("Done."))
    answer = say(org, f"agents/{agent(org, parallel_tool_calls=True, **NOTES)}", "go")
    assert [m["message_type"] for m in answer["messages"]].count("tool_return_message") == 1
    assert [status for status, _ in returned(answer)] == ["success", "success"]
    assert models.chats[0].body["parallel_tool_calls"] is True


@pytest.mark.contract("turns.tools.same-ids")
def test_calls_with_the_same_id_get_their_own(org: Org, models: OpenAIServer) -> None:
    same = call("call_123456789", "memory_insert", '{"label": "notes", "new_string": "x"}')
    models.queue(Reply(chunks=chunk(same)), Reply(chunks=chunk(same)), Reply("Done."))
    answer = say(org, f"agents/{agent(org, **NOTES)}", "go")
    assert [status for status, _ in returned(answer)] == ["success", "success"]
    sent = asked(models)
    ids = [c["id"] for m in sent for c in m.get("tool_calls") or ()]
    assert ids == [m["tool_call_id"] for m in sent if m["role"] == "tool"]


@pytest.mark.contract("turns.max-steps")
def test_a_turn_has_no_more_steps_than_allowed(org: Org, models: OpenAIServer) -> None:
    models.queue(*[Reply(calls=(INSERT,))] * 5)
    owner = agent(org, **NOTES)
    answer = say(org, f"agents/{owner}", "go", max_steps=2)
    assert answer["stop_reason"]["stop_reason"] == "max_steps"
    assert (len(models.chats), answer["usage"]["step_count"]) == (2, 2)
    (run,) = answer["usage"]["run_ids"]
    assert org.http.get(f"/v1/runs/{run}").json()["status"] == "completed"
    models.reset()
    say(org, f"agents/{owner}", "REPLY on we go")
    assert [m["role"] for m in asked(models)][-2:] == ["tool", "user"]


@pytest.mark.contract("turns.exit-loop")
def test_a_terminal_tool_ends_the_turn(org: Org, models: OpenAIServer) -> None:
    rules = [{"type": "exit_loop", "tool_name": "memory_insert"}]
    models.queue(Reply(calls=(INSERT,)), Reply("never asked for"))
    answer = say(org, f"agents/{agent(org, tool_rules=rules, **NOTES)}", "go")
    assert answer["stop_reason"]["stop_reason"] == "tool_rule"
    assert returned(answer)[0][0] == "success"
    assert len(models.chats) == 1


@pytest.mark.contract("turns.send-message")
def test_send_message_is_shown_as_what_it_says(org: Org, models: OpenAIServer) -> None:
    rules = [{"type": "exit_loop", "tool_name": "send_message"}]
    owner = agent(org, tools=["send_message"], tool_rules=rules)
    answer = say(org, f"agents/{owner}", "REPLY Hello Ada.")
    assert [(m["message_type"], m.get("content")) for m in answer["messages"]] == [("assistant_message", "Hello Ada.")]
    assert answer["stop_reason"]["stop_reason"] == "tool_rule"
    plain = say(org, f"agents/{owner}", "REPLY Hello Ada.", use_assistant_message=False)
    assert [m["message_type"] for m in plain["messages"]] == ["tool_call_message", "tool_return_message"]
    found = streamed(org, f"agents/{owner}", "REPLY Hello Ada.")
    assert kinds(found) == ["assistant_message", "stop_reason", "usage_statistics", "[DONE]"]


@pytest.mark.contract("turns.length")
def test_an_answer_that_was_cut_by_its_limit_says_so(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("Once upon a", finish="length"))
    answer = say(org, f"agents/{agent(org)}", "a story")
    assert answer["stop_reason"]["stop_reason"] == "max_tokens_exceeded"
    assert answer["messages"][0]["content"] == "Once upon a"


@pytest.mark.contract("turns.empty-answer")
def test_an_empty_answer_ends_the_turn_and_stores_nothing_of_the_model(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply(""))
    owner = agent(org)
    answer = say(org, f"agents/{owner}", "hello")
    assert answer["messages"] == []
    assert answer["stop_reason"]["stop_reason"] == "end_turn"
    assert "assistant_message" not in {m["message_type"] for m in of_agent(org, owner)}
    assert say(org, f"agents/{owner}", "REPLY still here")["messages"][0]["content"] == "still here"


@pytest.mark.contract("turns.unreadable-answer")
def test_an_answer_that_cannot_be_read_is_named_so(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply(raw=b"<html>busy</html>", headers={"content-type": "application/json"}))
    owner = agent(org)
    found = streamed(org, f"agents/{owner}", "hello")
    assert kinds(found) == ["stop_reason", "error_message", "[DONE]"]
    assert next(event.json for event in found if event.kind == "stop_reason")["stop_reason"] == "invalid_llm_response"
    (run,) = org.http.get("/v1/runs/", params={"agent_id": owner}).json()
    assert (run["status"], run["stop_reason"]) == ("failed", "invalid_llm_response")
