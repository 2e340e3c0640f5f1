"""The dialect of the older agent types: one forced call in each step, and heartbeats between them (CONTRACT §4.2)."""

import json
from typing import Any

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import Json, agent, of_agent, say
from tests.turns.listening import asked, kinds, streamed
from tests.turns.test_rules import forced, offered, returns, rule, stop
from tests.turns.test_tokens import added_up

MODEL = "openai/gpt-4o-mini"
TOOLS = ["send_message", "memory_insert", "conversation_search"]


def classic(org: Org, **fields: Any) -> str:
    body: Json = {
        "agent_type": "memgpt_v2_agent",
        "model": MODEL,
        "include_base_tools": False,
        "tools": TOOLS,
        "memory_blocks": [{"label": "notes", "value": ""}],
        **fields,
    }
    return agent(org, **body)


def ruleless(org: Org, **fields: Any) -> str:
    return classic(org, include_base_tool_rules=False, **fields)


def call(name: str, beat: Any = False, thinking: str = "hm", **arguments: Any) -> Reply:
    return Reply(calls=((name, {"thinking": thinking, **arguments, "request_heartbeat": beat}),))


def insert(beat: Any = False, label: str = "notes") -> Reply:
    return call("memory_insert", beat, label=label, new_string="x")


def send(text: str = "Hello.", beat: Any = False) -> Reply:
    return call("send_message", beat, message=text)


def shown(answer: Json) -> list[tuple[str, Any]]:
    return [(m["message_type"], m.get("content") or m.get("reasoning")) for m in answer["messages"]]


def beats(org: Org, owner: str) -> list[Json]:
    """The heartbeats in the history."""
    texts = [m["content"] for m in of_agent(org, owner, order="asc") if m["message_type"] == "user_message"]
    return [json.loads(text) for text in texts if text.startswith("{")]


@pytest.mark.contract("turns.heartbeat.schema")
@pytest.mark.parametrize(("model", "thinks"), [("gpt-4o-mini", True), ("gpt-5-mini", False)])
def test_every_tool_asks_for_a_thought_and_a_heartbeat(
    org: Org, models: OpenAIServer, model: str, thinks: bool
) -> None:
    say(org, f"agents/{classic(org, model=f'openai/{model}')}", "REPLY hi")
    assert (offered(models), forced(models)) == (TOOLS, "required")
    for tool in models.chats[-1].body["tools"]:
        parameters = tool["function"]["parameters"]
        names = list(parameters["properties"])
        assert (names[0] == "thinking") is thinks
        assert names[-1] == "request_heartbeat"
        assert ("thinking" in parameters["required"]) is thinks
        assert "request_heartbeat" in parameters["required"]
    assert models.chats[-1].body.get("parallel_tool_calls") is not True


@pytest.mark.contract("turns.heartbeat.thinking")
def test_inner_thoughts_are_shown_as_reasoning_and_kept_from_tools(org: Org, models: OpenAIServer) -> None:
    owner = classic(org)
    models.queue(insert(), send())
    answer = say(org, f"agents/{owner}", "go")
    assert shown(answer) == [
        ("reasoning_message", "hm"),
        ("tool_call_message", None),
        ("tool_return_message", None),
        ("reasoning_message", "hm"),
        ("assistant_message", "Hello."),
    ]
    thought, called, back, _, _ = answer["messages"]
    assert thought["source"] == "non_reasoner_model"
    assert json.loads(called["tool_call"]["arguments"]) == {
        "label": "notes",
        "new_string": "x",
        "request_heartbeat": False,
    }
    assert (back["status"], back["tool_return"]) == ("success", "x")
    written = json.loads(asked(models)[2]["tool_calls"][0]["function"]["arguments"])
    assert list(written) == ["thinking", "label", "new_string", "request_heartbeat"]
    assert asked(models)[2]["content"] in (None, "")
    (run,) = answer["usage"]["run_ids"]
    listed = [m["message_type"] for m in org.http.get(f"/v1/runs/{run}/messages", params={"order": "asc"}).json()]
    assert listed.count("user_message") == 2


@pytest.mark.contract("turns.heartbeat.words")
def test_words_beside_a_call_are_thoughts(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("Let me greet.", calls=(("send_message", {"message": "Hi.", "request_heartbeat": False}),)))
    answer = say(org, f"agents/{classic(org)}", "go")
    assert shown(answer) == [("reasoning_message", "Let me greet."), ("assistant_message", "Hi.")]


@pytest.mark.contract("turns.heartbeat.continue")
@pytest.mark.parametrize("beat", [True, "true"])
def test_a_requested_heartbeat_is_another_step(org: Org, models: OpenAIServer, beat: Any) -> None:
    owner = ruleless(org)
    models.queue(insert(beat), send())
    answer = say(org, f"agents/{owner}", "go")
    assert stop(answer) == "end_turn"
    assert "user_message" not in {m["message_type"] for m in answer["messages"]}
    (heartbeat,) = beats(org, owner)
    assert list(heartbeat) == ["type", "reason", "time"]
    assert heartbeat["type"] == "heartbeat"
    assert asked(models)[-1] == {"role": "user", "content": json.dumps(heartbeat, ensure_ascii=False)}


@pytest.mark.contract("turns.heartbeat.end")
def test_without_one_the_turn_is_over(org: Org, models: OpenAIServer) -> None:
    owner = ruleless(org)
    models.queue(insert(beat=False))
    assert stop(say(org, f"agents/{owner}", "go")) == "end_turn"
    assert beats(org, owner) == []


@pytest.mark.contract("turns.heartbeat.rules")
def test_rules_decide_before_the_model_does(org: Org, models: OpenAIServer) -> None:
    owner = classic(org)
    models.queue(insert(beat=False), send(beat=False))
    assert stop(say(org, f"agents/{owner}", "go")) == "end_turn"
    assert len(beats(org, owner)) == 1
    models.queue(send(beat=True))
    assert stop(say(org, f"agents/{owner}", "go")) == "tool_rule"


@pytest.mark.contract("turns.heartbeat.children")
def test_a_tool_with_children_goes_on_to_one_of_them(org: Org, models: OpenAIServer) -> None:
    owner = ruleless(org, tool_rules=[rule("constrain_child_tools", "memory_insert", children=["send_message"])])
    models.queue(insert(beat=False), send())
    assert stop(say(org, f"agents/{owner}", "go")) == "end_turn"
    assert forced(models, 1) == "send_message"


@pytest.mark.contract("turns.heartbeat.violation")
def test_a_call_that_is_not_allowed_is_another_step(org: Org, models: OpenAIServer) -> None:
    rules = [rule("run_first", "conversation_search")]
    owner = ruleless(org, tool_rules=rules)
    models.queue(send(beat=False), call("conversation_search", False, query="x"), call("fly"), send())
    answer = say(org, f"agents/{owner}", "go")
    assert len(models.chats) == 2
    assert [status for status, _ in returns(answer)] == ["error", "success"]
    assert "conversation_search must be the first tool" in returns(answer)[0][1]
    answer = say(org, f"agents/{ruleless(org)}", "go")
    assert returns(answer)[0][0] == "error"
    assert answer["messages"][-1]["content"] == "Hello."


@pytest.mark.contract("turns.heartbeat.required")
def test_required_tools_are_demanded(org: Org, models: OpenAIServer) -> None:
    owner = classic(org, tool_rules=[rule("required_before_exit", "memory_insert")])
    models.queue(send("Bye."), insert(), send("Really."))
    answer = say(org, f"agents/{owner}", "go")
    assert stop(answer) == "end_turn"
    assert "memory_insert" in beats(org, owner)[0]["reason"]
    assert [text for kind, text in shown(answer) if kind == "assistant_message"] == ["Bye.", "Really."]


@pytest.mark.contract("turns.heartbeat.no-call")
@pytest.mark.parametrize(("reply", "kept"), [(Reply("Just words."), ["Just words."]), (Reply(""), [])])
def test_an_answer_without_a_call_ends_the_turn(org: Org, models: OpenAIServer, reply: Reply, kept: list[str]) -> None:
    owner = classic(org)
    models.queue(reply)
    answer = say(org, f"agents/{owner}", "go")
    assert stop(answer) == "no_tool_call"
    assert shown(answer) == [("reasoning_message", text) for text in kept]
    (run,) = answer["usage"]["run_ids"]
    assert org.http.get(f"/v1/runs/{run}").json()["status"] == "failed"
    assert say(org, f"agents/{owner}", "REPLY still here")["messages"][-1]["content"] == "still here"
    assert [m["content"] for m in asked(models) if m["role"] == "assistant"] == kept


@pytest.mark.contract("turns.heartbeat.max-steps")
def test_the_last_step_ends_the_turn(org: Org, models: OpenAIServer) -> None:
    owner = classic(org)
    models.queue(*[insert(beat=True)] * 3)
    assert stop(say(org, f"agents/{owner}", "go", max_steps=2)) == "max_steps"
    assert len(beats(org, owner)) == 1, "nobody is told to go on who cannot"


@pytest.mark.contract("turns.heartbeat.one-call")
def test_only_the_first_of_several_calls_counts(org: Org, models: OpenAIServer) -> None:
    made = ("send_message", {"message": "One.", "request_heartbeat": False})
    models.queue(Reply(calls=(made, made)))
    assert shown(say(org, f"agents/{classic(org, parallel_tool_calls=True)}", "go")) == [("assistant_message", "One.")]


@pytest.mark.contract("turns.heartbeat.faults")
@pytest.mark.parametrize(
    "arguments",
    ['{"thinking": "hm", "message": "Hel', "[]", '{"thinking": 5}', '{"thinking": "\\ud800\\u0000", "a": 1}', ""],
)
def test_arguments_that_cannot_be_read_are_another_step(org: Org, models: OpenAIServer, arguments: str) -> None:
    function = {"name": "send_message", "arguments": arguments}
    delta = {"tool_calls": [{"index": 0, "id": "call_123456789", "type": "function", "function": function}]}
    models.queue(Reply(chunks=({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}, "[DONE]")), send())
    answer = say(org, f"agents/{classic(org)}", "go")
    assert returns(answer)[0][0] == "error"
    assert answer["messages"][-1]["content"] == "Hello."


@pytest.mark.contract("turns.heartbeat.stream")
def test_a_stream_shows_the_same(org: Org, models: OpenAIServer) -> None:
    models.queue(insert(), send())
    found = streamed(org, f"agents/{classic(org)}", "go")
    assert kinds(found) == [
        *("reasoning_message", "tool_call_message", "tool_return_message", "reasoning_message", "assistant_message"),
        *("stop_reason", "usage_statistics", "[DONE]"),
    ]


@pytest.mark.contract("turns.heartbeat.raw-calls")
def test_send_message_can_be_shown_as_the_call_that_it_is(org: Org, models: OpenAIServer) -> None:
    models.queue(send())
    answer = say(org, f"agents/{classic(org)}", "go", use_assistant_message=False)
    assert [kind for kind, _ in shown(answer)] == ["reasoning_message", "tool_call_message", "tool_return_message"]


@pytest.mark.contract("turns.heartbeat.demo")
def test_the_demo_model_speaks_it(org: Org) -> None:
    owner = agent(
        org,
        agent_type="memgpt_v2_agent",
        model="holdfast/demo",
        include_base_tools=True,
        memory_blocks=[{"label": "human", "value": ""}],
    )
    answer = say(org, f"agents/{owner}", "My name is Ada. Please remember that.")
    said = [text for kind, text in shown(answer) if kind == "assistant_message"]
    assert len(said) == 1
    assert stop(answer) == "end_turn"
    assert "Ada" in org.http.get(f"/v1/agents/{owner}/core-memory/blocks/human").json()["value"]
    assert "Ada" in say(org, f"agents/{owner}", "What is my name?")["messages"][-1]["content"]


@pytest.mark.contract("turns.heartbeat.search")
def test_a_search_does_not_find_heartbeats(org: Org, models: OpenAIServer) -> None:
    owner = classic(org)
    models.queue(insert(), send())
    say(org, f"agents/{owner}", "go")
    models.queue(call("conversation_search", True), send())
    found = returns(say(org, f"agents/{owner}", "look"))[0][1]
    assert "Hello." in found
    assert "heartbeat" not in found


@pytest.mark.contract("turns.heartbeat.tokens")
def test_tokens_add_up_to_what_is_stored(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("So.", calls=insert().calls), call("send_message", message="Hello there."), Reply("Words."))
    owner = classic(org)
    for _ in range(2):
        found = added_up(streamed(org, f"agents/{owner}", "go", stream_tokens=True))
        run = found[0]["run_id"]
        listed = org.http.get(f"/v1/runs/{run}/messages", params={"order": "asc"}).json()
        stored = [m for m in listed if m["message_type"] != "user_message"]
        names = ("message_type", "id", "otid", "content", "reasoning", "source", "tool_calls")
        assert [[m.get(n) for n in names] for m in found] == [[m.get(n) for n in names] for m in stored]
