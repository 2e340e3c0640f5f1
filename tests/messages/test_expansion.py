"""What one stored message becomes on the wire: thoughts, text, calls and returns (CONTRACT §3.2, §3.4)."""

import json
from typing import Any

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import Json, agent, of_agent, say

INSERT = ("memory_insert", {"label": "notes", "new_string": "Likes tea."})
NOTES = [{"label": "notes", "value": ""}]


def keeper(org: Org, **fields: Any) -> str:
    """An agent with one block and the tool that writes into it."""
    return agent(org, memory_blocks=NOTES, tools=["memory_insert"], **fields)


def kinds(listed: list[Json]) -> list[str]:
    return [message["message_type"] for message in listed if message["message_type"] != "system_message"]


@pytest.mark.contract("messages.expansion.order")
def test_thought_text_and_call_come_in_order_and_share_an_id(org: Org, models: OpenAIServer) -> None:
    owner = keeper(org)
    models.queue(Reply("I note that.", calls=(INSERT,), reasoning="She likes tea."), Reply("Done."))
    answered = say(org, f"agents/{owner}", "I like tea")["messages"]
    expected = [
        "reasoning_message",
        "assistant_message",
        "tool_call_message",
        "tool_return_message",
        "assistant_message",
    ]
    assert kinds(answered) == expected
    assert len({message["id"] for message in answered[:3]}) == 1
    assert len({message["otid"] for message in answered}) == 5
    assert (answered[0]["reasoning"], answered[0]["source"]) == ("She likes tea.", "reasoner_model")
    listed = of_agent(org, owner, order="asc")[1:]
    assert kinds(listed) == ["user_message", *expected]
    assert listed[1:] == answered, "a list shows what the answer showed"


@pytest.mark.contract("messages.expansion.otid")
def test_parts_are_numbered_in_the_low_bits_of_the_messages_uuid(org: Org, models: OpenAIServer) -> None:
    owner = keeper(org)
    models.queue(Reply("One.", calls=(INSERT,), reasoning="Zero."), Reply("Done."))
    parts = say(org, f"agents/{owner}", "go")["messages"][:3]
    uuid = int(parts[0]["id"].removeprefix("message-").replace("-", ""), 16)
    numbers = [int(part["otid"].replace("-", ""), 16) for part in parts]
    assert [number & 0x7F for number in numbers] == [0, 1, 2]
    assert {number >> 7 for number in numbers} == {uuid >> 7}


@pytest.mark.contract("messages.expansion.tool-call")
def test_a_call_has_its_arguments_as_text(org: Org, models: OpenAIServer) -> None:
    owner = keeper(org)
    models.queue(Reply(calls=(INSERT,)), Reply("Done."))
    say(org, f"agents/{owner}", "go")
    (call,) = of_agent(org, owner, include_return_message_types=["tool_call_message"])
    (returned,) = of_agent(org, owner, include_return_message_types=["tool_return_message"])
    assert call["tool_calls"] == [call["tool_call"]]
    assert set(call["tool_call"]) == {"name", "arguments", "tool_call_id"}
    assert json.loads(call["tool_call"]["arguments"]) == INSERT[1]
    (one,) = returned["tool_returns"]
    assert (one["type"], one["status"], one["tool_call_id"]) == ("tool", "success", call["tool_call"]["tool_call_id"])
    for name in ("tool_return", "status", "tool_call_id", "stdout", "stderr"):
        assert returned[name] == one[name]
    assert returned["name"] == "memory_insert"


@pytest.mark.contract("messages.expansion.send-message")
def test_what_is_said_through_a_tool_is_shown_as_said(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, agent_type="memgpt_v2_agent", tools=["send_message"])
    models.queue(Reply("They greet me.", calls=(("send_message", {"message": "Hello!"}),)))
    say(org, f"agents/{owner}", "hi")
    thought, said = [
        m for m in of_agent(org, owner, order="asc") if m["step_id"] and m["message_type"] != "user_message"
    ]
    assert (thought["message_type"], thought["reasoning"]) == ("reasoning_message", "They greet me.")
    assert thought["source"] == "non_reasoner_model"
    assert (said["message_type"], said["content"]) == ("assistant_message", "Hello!")
    raw = kinds(of_agent(org, owner, use_assistant_message=False, order="asc"))
    assert raw[-3:] == ["reasoning_message", "tool_call_message", "tool_return_message"]
    other = of_agent(org, owner, assistant_message_tool_name="speak", order="asc")
    assert kinds(other)[-2:] == ["tool_call_message", "tool_return_message"]


@pytest.mark.contract("messages.expansion.run-and-step")
def test_messages_name_their_run_and_step(org: Org) -> None:
    owner = agent(org)
    answer = say(org, f"agents/{owner}", "REPLY hello")
    (run,) = answer["usage"]["run_ids"]
    asked, said = of_agent(org, owner, order="asc")[1:]
    assert asked["run_id"] == said["run_id"] == run
    assert asked["step_id"] == said["step_id"] is not None
