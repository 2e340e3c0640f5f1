"""Agents are changed: null is unchanged, lists replace, models are merged (CONTRACT §7)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.fakes.openai_server import OpenAIServer
from tests.harness.models import MODEL
from tests.harness.tenants import Org
from tests.messages.talking import Json, say
from tests.turns.listening import asked

SETTINGS = {"provider_type": "openai", "temperature": 0.2, "max_output_tokens": 500}


def make(org: Org, **fields: Any) -> Json:
    return org.http.post("/v1/agents/", json={"model": MODEL, **fields}).json()


def change(org: Org, agent: Json, **fields: Any) -> Json:
    changed = org.http.patch(f"/v1/agents/{agent['id']}", json=fields)
    assert changed.status_code == 200, changed.text
    return changed.json()


@pytest.mark.contract("agents.update")
def test_what_is_sent_changes_and_null_does_not(org: Org) -> None:
    made = make(org, name="Ada", description="A friend", metadata={"a": 1}, timezone="Europe/Berlin")
    same = change(org, made, name=None, description=None, metadata=None, timezone=None)
    assert {**same, "updated_at": 0} == {**made, "updated_at": 0}
    changed = change(org, made, name="Bob", metadata={"b": 2}, hidden=True)
    assert (changed["name"], changed["metadata"], changed["hidden"]) == ("Bob", {"b": 2}, True)
    assert changed["description"] == "A friend"
    assert changed["updated_at"] > made["updated_at"]
    assert org.http.get(f"/v1/agents/{made['id']}").json() == changed
    assert org.http.patch(f"/v1/agents/{made['id']}", json={"name": "a/b"}).status_code == 422


@pytest.mark.contract("agents.update.lists")
def test_changes_at_once_wait_for_each_other(org: Org) -> None:
    made = make(org)
    blocks = [
        org.http.post("/v1/blocks/", json={"label": label, "value": ""}).json()["id"] for label in ("a", "b", "c")
    ]
    tools = [each["id"] for each in org.http.get("/v1/tools/", params={"limit": 3}).json()]

    def change_to(number: int) -> int:
        some = 1 + number % 3
        sent = {"tool_ids": tools[:some], "block_ids": blocks[:some], "secrets": {"KEY": str(number)}}
        return org.http.patch(f"/v1/agents/{made['id']}", json=sent).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(change_to, range(40))) == {200}
    after = org.http.get(f"/v1/agents/{made['id']}").json()
    assert len(after["tools"]) == len(after["blocks"]) >= 1


@pytest.mark.contract("agents.update.lists")
def test_lists_replace(org: Org) -> None:
    blocks = [org.http.post("/v1/blocks/", json={"label": n, "value": n}).json()["id"] for n in ("a", "b")]
    rules = [{"type": "exit_loop", "tool_name": "memory_insert"}]
    made = make(org, tags=["x"], block_ids=[blocks[0]], tool_rules=rules)
    tool = next(tool["id"] for tool in made["tools"] if tool["name"] == "memory_insert")
    changed = change(org, made, tags=["y", "z"], block_ids=[blocks[1]], tool_ids=[tool], tool_rules=[])
    assert changed["tags"] == ["y", "z"]
    assert [block["id"] for block in changed["blocks"]] == [blocks[1]]
    assert [each["id"] for each in changed["tools"]] == [tool]
    assert changed["tool_rules"] == []
    empty = change(org, made, tags=[], block_ids=[], tool_ids=[])
    assert (empty["tags"], empty["blocks"], empty["tools"]) == ([], [], [])


@pytest.mark.contract("agents.update.secrets")
def test_secrets_are_replaced_as_a_whole(org: Org) -> None:
    made = make(org, secrets={"A": "1", "B": "2"})
    changed = change(org, made, secrets={"C": "3"})
    assert [(each["key"], each["value"]) for each in changed["secrets"]] == [("C", "3")]
    assert change(org, made, name="Bob")["secrets"] == changed["secrets"]
    assert change(org, made, tool_exec_environment_variables={})["secrets"] == []


@pytest.mark.contract("agents.update.llm-config")
def test_a_part_of_the_model_configuration_is_merged(org: Org) -> None:
    made = make(org, context_window_limit=9000, memory_blocks=[{"label": "human", "value": "Likes tea."}])
    warm = change(org, made, llm_config={"temperature": 0.1})
    assert warm["llm_config"] == {**made["llm_config"], "temperature": 0.1}
    small = change(org, made, context_window_limit=5000)
    assert (small["llm_config"]["context_window"], small["llm_config"]["temperature"]) == (5000, 0.1)
    other = change(org, made, llm_config={"model": "gpt-4.1"})
    assert (other["model"], other["llm_config"]["model"]) == ("openai/gpt-4.1", "gpt-4.1")
    assert other["llm_config"]["temperature"] == 0.1
    assert other["blocks"] == made["blocks"]
    assert other["message_ids"] == made["message_ids"]


@pytest.mark.contract("agents.update.model")
def test_another_model_answers_the_next_turn_and_remembers(org: Org, models: OpenAIServer) -> None:
    made = make(org)
    say(org, f"agents/{made['id']}", "REPLY one")
    changed = change(org, made, model="openai/gpt-4.1")
    assert changed["llm_config"]["handle"] == "openai/gpt-4.1"
    say(org, f"agents/{made['id']}", "REPLY two")
    assert [chat.body["model"] for chat in models.chats] == ["gpt-4o-mini", "gpt-4.1"]
    assert [m["content"] for m in asked(models)][1:] == ["REPLY one", "one", "REPLY two"]
    assert org.http.patch(f"/v1/agents/{made['id']}", json={"model": "nobody/x"}).status_code == 404


@pytest.mark.contract("agents.update.max-tokens")
def test_a_limit_sent_as_null_is_taken_away(org: Org, models: OpenAIServer) -> None:
    made = make(org, model_settings=SETTINGS)
    assert made["llm_config"]["max_tokens"] == made["model_settings"]["max_output_tokens"] == 500
    assert change(org, made, name="Bob")["llm_config"]["max_tokens"] == 500
    assert change(org, made, max_tokens=300)["model_settings"]["max_output_tokens"] == 300
    assert change(org, made, max_tokens=None)["llm_config"]["max_tokens"] is None
    say(org, f"agents/{made['id']}", "REPLY hi")
    assert "max_tokens" not in models.chats[-1].body


@pytest.mark.contract("agents.update.settings")
def test_both_generations_of_settings_agree(org: Org, models: OpenAIServer) -> None:
    made = make(org, model_settings=SETTINGS)
    changed = change(org, made, llm_config={"temperature": 0.9}, parallel_tool_calls=True)
    assert changed["model_settings"]["temperature"] == changed["llm_config"]["temperature"] == 0.9
    again = change(org, made, model_settings={"provider_type": "openai", "temperature": 0.3})
    assert again["llm_config"]["temperature"] == 0.3
    assert again["llm_config"]["parallel_tool_calls"] is True
    assert again["model_settings"]["max_output_tokens"] == 500
    say(org, f"agents/{made['id']}", "REPLY hi")
    sent = models.chats[-1].body
    assert (sent["temperature"], sent["max_tokens"], sent["parallel_tool_calls"]) == (0.3, 500, True)


@pytest.mark.contract("agents.hidden")
def test_subagents_are_hidden(org: Org) -> None:
    made = make(org, tags=["role:subagent"])
    assert made["hidden"] is True
    assert org.http.get("/v1/agents/").json() == []
    shown = org.http.get("/v1/agents/", params={"show_hidden_agents": True}).json()
    assert [each["id"] for each in shown] == [made["id"]]
    assert change(org, make(org), tags=["role:subagent"])["hidden"] is True


@pytest.mark.contract("agents.recompile")
@pytest.mark.parametrize("path", ["recompile", "system-prompt/recompile"])
def test_the_prompt_is_compiled_when_asked(org: Org, path: str) -> None:
    made = make(org, system="You are Ada.", memory_blocks=[{"label": "human", "value": "Likes tea."}])
    where, block = f"/v1/agents/{made['id']}", f"/v1/agents/{made['id']}/core-memory/blocks/human"

    def prompt() -> str:
        return org.http.get(f"{where}/messages").json()[-1]["content"]

    before = prompt()
    org.http.patch(block, json={"value": "Likes water."})
    dry = org.http.post(f"{where}/{path}", params={"dry_run": True}).json()
    assert "Likes water." in dry
    assert prompt() == before
    assert "Likes water." in org.http.post(f"{where}/{path}").json()
    compiled = prompt()
    assert "Likes water." in compiled
    org.http.post(f"{where}/{path}", params={"update_timestamp": False})
    assert prompt() == compiled
    assert org.http.get(where).json()["message_ids"] == made["message_ids"]


@pytest.mark.contract("agents.context")
def test_where_the_window_goes(org: Org) -> None:
    made = make(org, system="You are Ada.", memory_blocks=[{"label": "human", "value": "Likes tea."}])
    say(org, f"agents/{made['id']}", "REPLY hi")
    seen = org.http.get(f"/v1/agents/{made['id']}/context").json()
    assert seen["context_window_size_max"] == made["llm_config"]["context_window"]
    assert (seen["num_messages"], seen["num_recall_memory"]) == (3, 2)
    assert seen["system_prompt"].startswith("You are Ada.")
    assert "Likes tea." in seen["core_memory"]
    parts = [value for name, value in seen.items() if name.startswith("num_tokens_")]
    assert sum(parts) == seen["context_window_size_current"] > 0
    assert [each["role"] for each in seen["messages"]] == ["system", "user", "assistant"]
    assert {each["function"]["name"] for each in seen["functions_definitions"]} == {t["name"] for t in made["tools"]}
    other = org.http.get(f"/v1/agents/{made['id']}/context", params={"conversation_id": "default"})
    timed = ("external_memory_summary", "messages")  # both tell when they were compiled
    assert {k: v for k, v in other.json().items() if k not in timed} == {
        k: v for k, v in seen.items() if k not in timed
    }
