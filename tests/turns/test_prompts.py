"""The system message: stable while nothing in it changes, current when something does (DESIGN law 4)."""

from typing import Any

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import agent, of_agent, say
from tests.turns.listening import asked

NOTES: dict[str, Any] = {"memory_blocks": [{"label": "notes", "value": "Likes tea."}], "tools": ["memory_insert"]}
INSERT = ("memory_insert", {"label": "notes", "new_string": "Hates coffee."})


def prompt(models: OpenAIServer) -> str:
    return asked(models)[0]["content"]


def path_of(owner: str, block: str = "notes") -> str:
    return f"/v1/agents/{owner}/core-memory/blocks/{block}"


@pytest.mark.contract("turns.prompt.stable")
def test_twenty_turns_send_the_same_prefix(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, **NOTES)
    models.queue(Reply("0", delay=1.1))  # a prompt that is compiled anew says another second
    for number in range(20):
        say(org, f"agents/{owner}", f"REPLY {number}")
    assert len({(asked(models, n)[0]["content"], str(models.chats[n].body["tools"])) for n in range(20)}) == 1
    for earlier, later in zip(range(19), range(1, 20), strict=True):
        before = asked(models, earlier)
        assert asked(models, later)[: len(before)] == before


@pytest.mark.contract("turns.prompt.memory-edit")
def test_an_edit_by_the_model_shows_in_the_next_turn(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, **NOTES)
    models.queue(Reply(calls=(INSERT,)), Reply("Noted."))
    say(org, f"agents/{owner}", "I hate coffee")
    assert asked(models, 0)[0] == asked(models, 1)[0]
    assert "Hates coffee." not in prompt(models)
    say(org, f"agents/{owner}", "REPLY hi")
    assert "Hates coffee." in prompt(models)


@pytest.mark.contract("turns.prompt.api-edit")
def test_what_the_api_changes_shows_in_the_next_turn(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, **NOTES)
    say(org, f"agents/{owner}", "REPLY hi")
    org.http.patch(path_of(owner), json={"value": "Likes water."})
    say(org, f"agents/{owner}", "REPLY hi")
    assert "Likes water." in prompt(models)
    assert "Likes tea." not in prompt(models)
    made = org.http.post("/v1/blocks/", json={"label": "mood", "value": "Cheerful."}).json()["id"]
    org.http.patch(f"/v1/agents/{owner}/core-memory/blocks/attach/{made}")
    say(org, f"agents/{owner}", "REPLY hi")
    assert "Cheerful." in prompt(models)
    org.http.patch(f"/v1/agents/{owner}/core-memory/blocks/detach/{made}")
    org.http.patch(f"/v1/agents/{owner}", json={"system": "You are Bob."})
    say(org, f"agents/{owner}", "REPLY hi")
    assert "Cheerful." not in prompt(models)
    assert prompt(models).startswith("You are Bob.")


@pytest.mark.contract("turns.prompt.isolated-blocks")
def test_a_conversation_sees_its_own_copy(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, **NOTES)
    body = {"isolated_block_labels": ["notes"]}
    talk = org.http.post("/v1/conversations/", params={"agent_id": owner}, json=body).json()["id"]
    models.queue(Reply(calls=(INSERT,)), Reply("Noted."))
    say(org, f"conversations/{talk}", "I hate coffee")
    say(org, f"conversations/{talk}", "REPLY hi")
    assert "Hates coffee." in prompt(models)
    say(org, f"agents/{owner}", "REPLY hi")
    assert "Hates coffee." not in prompt(models)


@pytest.mark.contract("turns.prompt.recompile-conversation")
def test_the_prompt_of_a_conversation_is_compiled_when_asked(org: Org) -> None:
    owner = agent(org, **NOTES)
    talk = org.http.post("/v1/conversations/", params={"agent_id": owner}, json={}).json()["id"]
    where = f"/v1/conversations/{talk}"
    before = org.http.get(f"{where}/messages").json()[0]["content"]
    org.http.patch(path_of(owner), json={"value": "Likes water."})
    assert "Likes water." in org.http.post(f"{where}/recompile", params={"dry_run": True}).json()
    assert org.http.get(f"{where}/messages").json()[0]["content"] == before
    compiled = org.http.post(f"{where}/recompile").json()
    assert "Likes water." in compiled
    assert org.http.get(f"{where}/messages").json()[0]["content"] == compiled


@pytest.mark.contract("turns.reset")
def test_a_reset_leaves_nothing_but_the_prompt_in_view(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, **NOTES)
    say(org, f"agents/{owner}", "REPLY before")
    state = org.http.patch(f"/v1/agents/{owner}/reset-messages", json={"add_default_initial_messages": False})
    assert state.status_code == 200, state.text
    assert len(state.json()["message_ids"]) == 1
    say(org, f"agents/{owner}", "REPLY after")
    assert [m["role"] for m in asked(models)] == ["system", "user"]
    assert "1 earlier messages" not in prompt(models)
    assert "REPLY before" in str(of_agent(org, owner))


@pytest.mark.contract("turns.message-ids")
def test_the_window_can_be_chosen(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    for number in range(3):
        say(org, f"agents/{owner}", f"REPLY {number}")
    ids = org.http.get(f"/v1/agents/{owner}").json()["message_ids"]
    chosen = [ids[0], *ids[3:5]]
    assert org.http.patch(f"/v1/agents/{owner}", json={"message_ids": chosen}).json()["message_ids"] == chosen
    say(org, f"agents/{owner}", "REPLY next")
    assert [m["content"] for m in asked(models)][1:] == ["REPLY 1", "1", "REPLY next"]
    assert org.http.get(f"/v1/agents/{owner}").json()["message_ids"][:3] == chosen
    wrong = org.http.patch(f"/v1/agents/{owner}", json={"message_ids": ids[1:]})
    assert wrong.status_code == 400
    assert ids[0] in wrong.json()["detail"]


@pytest.mark.contract("turns.default-model")
def test_an_agent_without_a_model_moves_with_the_default(fresh_server: Any, models: OpenAIServer) -> None:
    server = fresh_server({"HOLDFAST_DEFAULT_MODEL": "openai/gpt-4o-mini"})
    made = server.http.post("/v1/agents/", json={"include_base_tools": False}).json()
    assert made["model"] == "openai/gpt-4o-mini"
    server.stop()
    server.process.env["HOLDFAST_DEFAULT_MODEL"] = "openai/gpt-4.1"
    server.start()
    assert server.http.get(f"/v1/agents/{made['id']}").json()["llm_config"]["handle"] == "openai/gpt-4.1"
    sent = {"messages": [{"role": "user", "content": "REPLY hi"}]}
    assert server.http.post(f"/v1/agents/{made['id']}/messages", json=sent).status_code == 200
    assert models.chats[-1].body["model"] == "gpt-4.1"
