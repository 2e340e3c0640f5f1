"""What each agent type starts with, and what is left in view after a turn (CONTRACT §4)."""

from typing import Any

import pytest

from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import Json, of_agent, say
from tests.turns.listening import asked

MODEL = "openai/gpt-4o-mini"
CLASSIC = ("memgpt_agent", "memgpt_v2_agent", "react_agent", "workflow_agent")
SLEEPER = ("memory_replace", "memory_insert", "memory_rethink", "memory_finish_edits")
VOICE = ("store_memories", "rethink_user_memory", "finish_rethinking_memory")
AGENTS = (
    "send_message_to_agent_and_wait_for_reply",
    "send_message_to_agents_matching_tags",
    "send_message_to_agent_async",
)

TOOLS: dict[str, tuple[str, ...]] = {
    "letta_v1_agent": ("conversation_search", "memory_insert", "memory_replace"),
    "memgpt_v2_agent": ("send_message", "conversation_search", "memory_insert", "memory_replace"),
    "memgpt_agent": (
        *("send_message", "conversation_search", "core_memory_append", "core_memory_replace"),
        *("memory", "memory_apply_patch"),
    ),
    "react_agent": (),
    "workflow_agent": (),
    "sleeptime_agent": SLEEPER,
    "voice_sleeptime_agent": VOICE,
}


def make(org: Org, agent_type: str, **fields: Any) -> Json:
    made = org.http.post("/v1/agents/", json={"agent_type": agent_type, "model": MODEL, **fields})
    assert made.status_code == 200, made.text
    return made.json()


def names(made: Json) -> list[str]:
    return [tool["name"] for tool in made["tools"]]


def listed(org: Org, made: Json) -> list[Json]:
    return of_agent(org, made["id"], order="asc", use_assistant_message=False)


@pytest.mark.contract("agents.types.tools")
@pytest.mark.parametrize("agent_type", TOOLS)
def test_each_type_starts_with_its_tools(org: Org, agent_type: str) -> None:
    assert sorted(names(make(org, agent_type))) == sorted(TOOLS[agent_type])


@pytest.mark.contract("agents.types.sleeptime")
@pytest.mark.parametrize("agent_type", ["memgpt_agent", "memgpt_v2_agent"])
def test_a_background_agent_takes_the_memory_tools_over(org: Org, agent_type: str) -> None:
    made = make(org, agent_type, enable_sleeptime=True)
    assert names(made) == ["send_message", "conversation_search", "archival_memory_search"]
    voice = make(org, "voice_convo_agent", enable_sleeptime=True)
    assert sorted(names(voice)) == ["search_memory", "send_message"]


@pytest.mark.contract("agents.types.multi-agent-tools")
def test_tools_for_other_agents_come_when_asked_for(org: Org) -> None:
    assert names(make(org, "letta_v1_agent", include_multi_agent_tools=True))[-3:] == list(AGENTS)
    alone = make(org, "letta_v1_agent", include_multi_agent_tools=True, include_base_tools=False)
    assert names(alone) == list(AGENTS)


@pytest.mark.contract("agents.types.rules")
def test_base_rules_end_after_speaking_and_go_on_after_remembering(org: Org) -> None:
    def rules(made: Json) -> dict[str, str]:
        return {rule["tool_name"]: rule["type"] for rule in made["tool_rules"]}

    classic = rules(make(org, "memgpt_agent", include_multi_agent_tools=True))
    ending = {name for name, kind in classic.items() if kind == "exit_loop"}
    assert ending == {"send_message", "send_message_to_agent_async"}
    assert {"memory", "memory_apply_patch", "core_memory_append"} <= classic.keys() - ending
    assert rules(make(org, "sleeptime_agent"))["memory_finish_edits"] == "exit_loop"
    assert rules(make(org, "memgpt_v2_agent", model="openai/gpt-5")) == {}
    assert rules(make(org, "memgpt_v2_agent", model="openai/gpt-5", include_base_tool_rules=True)) != {}
    assert rules(make(org, "memgpt_v2_agent", model="openai/gpt-5-mini")) != {}


@pytest.mark.contract("agents.types.first-messages")
@pytest.mark.parametrize("agent_type", CLASSIC)
def test_a_classic_thread_begins_with_a_greeting_and_a_login(org: Org, models: OpenAIServer, agent_type: str) -> None:
    made = make(org, agent_type, tools=["send_message"])
    assert len(made["message_ids"]) == 4
    system, thought, call, back, login = listed(org, made)
    assert [system["message_type"], thought["message_type"]] == ["system_message", "reasoning_message"]
    assert call["tool_call"]["name"] == "send_message"
    assert (back["status"], back["tool_call_id"]) == ("success", call["tool_call"]["tool_call_id"])
    assert login["content"].startswith('{"type": "login"')
    say(org, f"agents/{made['id']}", "REPLY hi")
    assert [m["role"] for m in asked(models)] == ["system", "assistant", "tool", "user", "user"]


@pytest.mark.contract("agents.types.first-messages.native")
@pytest.mark.parametrize("agent_type", ["letta_v1_agent", "sleeptime_agent", "voice_sleeptime_agent"])
def test_the_others_begin_with_the_prompt_alone(org: Org, agent_type: str) -> None:
    assert len(make(org, agent_type)["message_ids"]) == 1


@pytest.mark.contract("agents.types.initial-sequence")
def test_a_sequence_that_is_given_takes_their_place(org: Org) -> None:
    sequence = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    made = make(org, "memgpt_v2_agent", initial_message_sequence=sequence)
    assert [m["content"] for m in listed(org, made)][1:] == ["hi", "hello"]
    assert len(make(org, "memgpt_v2_agent", initial_message_sequence=[])["message_ids"]) == 1


@pytest.mark.contract("turns.reset.first-messages")
def test_a_reset_can_bring_the_first_messages_back(org: Org, models: OpenAIServer) -> None:
    made = make(org, "memgpt_v2_agent")
    say(org, f"agents/{made['id']}", "REPLY hi")
    path = f"/v1/agents/{made['id']}/reset-messages"
    again = org.http.patch(path, json={"add_default_initial_messages": True}).json()["message_ids"]
    assert (len(again), again[0]) == (4, made["message_ids"][0])
    assert not set(again[1:]) & set(made["message_ids"])
    say(org, f"agents/{made['id']}", "REPLY hi")
    assert [m["role"] for m in asked(models)] == ["system", "assistant", "tool", "user", "user"]
    assert len(org.http.patch(path, json={}).json()["message_ids"]) == 1
    native = make(org, "letta_v1_agent")["id"]
    native_path = f"/v1/agents/{native}/reset-messages"
    assert len(org.http.patch(native_path, json={"add_default_initial_messages": True}).json()["message_ids"]) == 1


@pytest.mark.contract("agents.types.autoclear")
@pytest.mark.parametrize(
    ("agent_type", "fields"),
    [("workflow_agent", {"tools": ["send_message"]}), ("letta_v1_agent", {"message_buffer_autoclear": True})],
)
def test_a_window_can_be_empty_again_after_each_turn(
    org: Org, models: OpenAIServer, agent_type: str, fields: Json
) -> None:
    made = make(org, agent_type, **fields)
    assert made["message_buffer_autoclear"] is True
    for number in range(2):
        say(org, f"agents/{made['id']}", f"REPLY {number}")
        assert org.http.get(f"/v1/agents/{made['id']}").json()["message_ids"] == made["message_ids"][:1]
    assert [m["role"] for m in asked(models)] == ["system", "user"]
    assert "REPLY 0" in str(of_agent(org, made["id"]))
    org.http.patch(f"/v1/agents/{made['id']}", json={"message_buffer_autoclear": False})
    kept = org.http.get(f"/v1/agents/{made['id']}").json()["message_buffer_autoclear"]
    assert kept is (agent_type == "workflow_agent")


@pytest.mark.contract("agents.types.no-memory-section")
@pytest.mark.parametrize("agent_type", ["react_agent", "workflow_agent"])
def test_workers_have_no_memory_in_their_prompt(org: Org, agent_type: str) -> None:
    made = make(org, agent_type, memory_blocks=[{"label": "notes", "value": "Likes tea."}])
    prompt = listed(org, made)[0]["content"]
    assert "Likes tea." not in prompt
    assert "<memory_metadata>" not in prompt
