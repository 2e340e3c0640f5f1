"""Compaction because a client asks for it (CONTRACT §3.1, §6.6, §12)."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.compaction.threads import (
    LIGHT,
    asked_to_answer,
    asked_to_summarise,
    compact,
    in_view,
    oldest_in_view,
    returns_of,
    talker,
    tokens,
    transcript,
    unpaired,
)
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.models import MODEL
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.messages.talking import agent, missing, of_agent, say, texts

EVERYTHING = [text for number in range(6) for text in (f"question {number}", f"answer {number}")]


def history(org: Org, agent_id: str) -> list[str]:
    return texts(of_agent(org, agent_id, order="asc", limit=500))


@pytest.mark.contract("compaction.summarize")
def test_the_newest_part_stays_and_the_rest_becomes_a_summary(org: Org, models: OpenAIServer) -> None:
    owner = talker(org)
    before = in_view(org, owner)
    models.queue(Reply("They talked about numbers."))
    made = compact(org, owner)
    assert made == {"summary": "They talked about numbers.", "num_messages_before": 13, "num_messages_after": 10}
    after = in_view(org, owner)
    assert after[0] == before[0], "the prompt keeps its id"
    assert after[2:] == before[5:], "30 % of twelve messages, rounded up, are gone"
    (body,) = asked_to_summarise(models)
    assert "question 0" in transcript(body) and "answer 1" in transcript(body)
    assert "question 2" not in transcript(body)
    assert "tools" not in body
    say(org, f"agents/{owner}", "and now?")
    seen = asked_to_answer(models)[-1]["messages"]
    assert [message["role"] for message in seen[:3]] == ["system", "user", "user"]
    assert seen[1]["content"].endswith("They talked about numbers.")
    assert seen[2]["content"] == "question 2"


@pytest.mark.contract("compaction.keeps-history")
def test_old_messages_are_still_listed(org: Org, models: OpenAIServer) -> None:
    owner = talker(org)
    compact(org, owner, mode="all")
    compacted = [text for text in history(org, owner) if text in EVERYTHING]
    assert compacted == EVERYTHING
    listed = of_agent(org, owner, order="asc")
    assert [message["id"] for message in listed if message["id"] in in_view(org, owner)] == in_view(org, owner)
    assert listed[-1]["message_type"] == "user_message", "a list shows a summary as a user message"


@pytest.mark.contract("compaction.mode.all")
def test_all_leaves_nothing_but_the_summary(org: Org, models: OpenAIServer) -> None:
    owner = talker(org)
    models.queue(Reply("All of it."))
    made = compact(org, owner, mode="all")
    assert made == {"summary": "All of it.", "num_messages_before": 13, "num_messages_after": 2}
    assert len(in_view(org, owner)) == 2
    assert all(text in transcript(asked_to_summarise(models)[0]) for text in EVERYTHING)
    say(org, f"agents/{owner}", "REPLY go on")
    assert len(in_view(org, owner)) == 4
    assert len(asked_to_answer(models)[-1]["messages"]) == 3


@pytest.mark.parametrize("mode", ["self_compact_all", "self_compact_sliding_window"])
@pytest.mark.contract("compaction.mode.self")
def test_the_agent_writes_its_own_notes(org: Org, models: OpenAIServer, mode: str) -> None:
    owner = talker(org, memory_blocks=[{"label": "human", "value": "Likes owls."}])
    models.queue(Reply("My notes."))
    made = compact(org, owner, mode=mode, prompt="Write your notes now.")
    assert made["summary"] == "My notes."
    assert made["num_messages_after"] == (2 if mode.endswith("all") else 10)
    assert asked_to_summarise(models) == []
    (body,) = asked_to_answer(models)
    assert "Likes owls." in body["messages"][0]["content"], "with its own prompt"
    assert body["messages"][1]["content"] == "question 0", "and its own messages"
    assert body["messages"][-1]["content"].startswith("Write your notes now.")
    assert unpaired(body) == []


@pytest.mark.contract("compaction.window-percentage")
def test_sliding_window_percentage_is_what_goes(org: Org, models: OpenAIServer) -> None:
    owner = talker(org, 10)
    assert compact(org, owner, sliding_window_percentage=0.6)["num_messages_after"] == 10
    assert len(in_view(org, owner)) == 10


def test_the_summary_so_far_is_part_of_the_next(org: Org, models: OpenAIServer) -> None:
    owner = talker(org)
    models.queue(Reply("First summary."), Reply("Second summary."))
    compact(org, owner)
    first = in_view(org, owner)[1]
    assert compact(org, owner)["summary"] == "Second summary."
    assert "First summary." in transcript(asked_to_summarise(models)[1])
    assert "question 0" not in transcript(asked_to_summarise(models)[1])
    say(org, f"agents/{owner}", "well?")
    seen = str(asked_to_answer(models)[-1])
    assert "Second summary." in seen and "First summary." not in seen
    assert first not in in_view(org, owner), "an older summary is out of view"
    assert first in [message["id"] for message in of_agent(org, owner)]


@pytest.mark.contract("compaction.nothing-to-do")
def test_nothing_to_compact_is_no_error(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    assert compact(org, owner) == {"summary": "", "num_messages_before": 1, "num_messages_after": 1}
    assert org.client.agents.messages.compact(owner).summary == "", "the client's type has no null there"
    told = talker(org)
    models.queue(Reply("Everything."))
    compact(org, told, mode="all")
    again = compact(org, told, mode="all")
    assert again == {"summary": "Everything.", "num_messages_before": 2, "num_messages_after": 2}
    assert len(models.chats) == 1


@pytest.mark.contract("compaction.must-shrink")
def test_what_would_not_shrink_is_refused(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, "one")
    before = in_view(org, owner)
    refused = org.http.post(f"/v1/agents/{owner}/summarize", json={})
    assert refused.status_code == 400, refused.text
    assert "2 messages" in refused.json()["detail"]
    assert models.chats == []
    assert in_view(org, owner) == before


def test_a_short_thread_is_compacted_whole_when_a_part_would_not_shrink_it(org: Org, models: OpenAIServer) -> None:
    assert compact(org, agent(org, "one", "two"))["num_messages_after"] == 2


@pytest.mark.contract("compaction.model")
def test_the_chosen_model_summarises_with_the_chosen_prompt(org: Org, models: OpenAIServer) -> None:
    owner = talker(org, compaction_settings={"model": "openai/gpt-4.1", "prompt": "Only names."})
    compact(org, owner)
    assert models.chats[-1].body["model"] == "gpt-4.1"
    assert models.chats[-1].body["messages"][0]["content"].startswith("Only names.")
    compact(org, owner, model="openai/gpt-4o")
    assert models.chats[-1].body["model"] == "gpt-4o"
    assert models.chats[-1].body["messages"][0]["content"].startswith("Only names."), "field by field"


@pytest.mark.parametrize("model", ["anthropic/claude-haiku-4-5", "nowhere/model"])
def test_without_a_usable_summariser_the_agents_own_model_summarises(
    org: Org, models: OpenAIServer, model: str
) -> None:
    owner = talker(org)
    models.queue(Reply("By myself."))
    assert compact(org, owner, model=model)["summary"] == "By myself."
    assert models.chats[-1].body["model"] == "gpt-4o-mini"


@pytest.mark.contract("compaction.summariser-fails")
@pytest.mark.parametrize("mode", ["sliding_window", "all", "self_compact_all", "self_compact_sliding_window"])
def test_a_summariser_that_fails_leaves_a_note(org: Org, models: OpenAIServer, mode: str) -> None:
    owner = talker(org)
    models.queue(*[Reply(status=400, error="broken")] * 8)
    made = compact(org, owner, mode=mode)
    assert made["num_messages_after"] < made["num_messages_before"]
    gone = made["num_messages_before"] - made["num_messages_after"] + 1
    assert f"{gone} messages from 20" in made["summary"]
    models.reset()
    assert say(org, f"agents/{owner}", "REPLY fine")["messages"][0]["content"] == "fine"


def test_the_note_names_the_tool_that_finds_what_is_gone_and_keeps_the_summary(org: Org, models: OpenAIServer) -> None:
    owner = talker(org, tools=["conversation_search"])
    models.queue(Reply("First summary."))
    compact(org, owner)
    models.queue(*[Reply(status=400, error="broken")] * 8)
    note = compact(org, owner)["summary"]
    assert "conversation_search" in note
    assert note.startswith("First summary.")


@pytest.mark.contract("compaction.falls-back-to-all")
def test_when_a_part_cannot_be_summarised_everything_is(org: Org, models: OpenAIServer) -> None:
    owner = talker(org)
    models.queue(Reply(status=400, error="no"), Reply(status=400, error="no"), Reply("All of it."))
    made = compact(org, owner)
    assert made == {"summary": "All of it.", "num_messages_before": 13, "num_messages_after": 2}
    assert [chat.body["model"] for chat in models.chats] == [LIGHT, "gpt-4o-mini", LIGHT]
    prompts = [chat.body["messages"][0]["content"] for chat in models.chats]
    assert "older part" in prompts[0] and "older part" not in prompts[2], "with the prompt of that mode"


def test_a_summariser_that_says_nothing_leaves_a_note(org: Org, models: OpenAIServer) -> None:
    owner = talker(org)
    models.queue(*[Reply("   ")] * 4)
    assert "messages from 20" in compact(org, owner)["summary"]


@pytest.mark.contract("compaction.clip")
def test_a_summary_is_cut_to_clip_chars(org: Org, models: OpenAIServer) -> None:
    owner = talker(org)
    models.queue(Reply("word " * 30_000))
    assert 290 < len(compact(org, owner, clip_chars=300)["summary"]) <= 300
    models.queue(Reply("word " * 30_000))
    assert 40_000 < len(compact(org, owner, clip_chars=50_000)["summary"]) <= 50_000


def test_a_summary_leaves_room_in_a_small_window(org: Org, models: OpenAIServer) -> None:
    owner = talker(org, context_window_limit=1000)
    models.queue(Reply("word " * 30_000))
    assert len(compact(org, owner)["summary"]) <= 1000


def test_calls_are_summarised_with_their_returns(org: Org, models: OpenAIServer) -> None:
    owner = talker(org, 0, memory_blocks=[{"label": "notes", "value": ""}], tools=["memory_insert"])
    for number in range(6):
        inserted = json.dumps({"label": "notes", "new_string": f"fact {number}"})
        say(org, f"agents/{owner}", f"CALL memory_insert {inserted}")
    for percentage in (0.05, 0.2, 0.1, 0.5):
        compact(org, owner, sliding_window_percentage=percentage)
        assert not returns_of(org, owner) & set(oldest_in_view(org, owner))
        say(org, f"agents/{owner}", "REPLY yes")
        assert unpaired(asked_to_answer(models)[-1]) == []
    assert "memory_insert returned" in transcript(asked_to_summarise(models)[1])


def test_what_the_summariser_cannot_read_at_once_it_reads_in_parts(
    fresh_server: FreshServer, models: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = [{**entry, "context_length": 4000 if entry["id"] == LIGHT else 128_000} for entry in models.models]
    monkeypatch.setattr(models, "models", lengths)
    org = new_org(fresh_server())
    org.http.get("/v1/models/").raise_for_status()
    long = " ".join(f"word{number}" for number in range(400))
    owner = agent(org, *[f"part {number} {long}" for number in range(12)], model=MODEL)
    models.queue(*[Reply(f"summary {number} of a part") for number in range(30)])
    compact(org, owner, mode="all")
    bodies = asked_to_summarise(models)
    assert len(bodies) > 3
    assert all(tokens(body) < 4000 for body in bodies)
    for number in range(12):
        assert any(f"part {number} " in transcript(body) for body in bodies)
    assert "summary 1 of" in transcript(bodies[-1])


@pytest.mark.contract("compaction.conversation")
def test_a_conversation_is_compacted_alone(org: Org, models: OpenAIServer) -> None:
    owner = talker(org)
    other = org.http.post("/v1/conversations/", params={"agent_id": owner}, json={}).json()["id"]
    for number in range(5):
        say(org, f"conversations/{other}", f"REPLY reply {number}")
    models.queue(Reply("In the conversation."))
    answer = org.http.post(f"/v1/conversations/{other}/compact", json={"compaction_settings": {"mode": "all"}})
    assert answer.json() == {"summary": "In the conversation.", "num_messages_before": 11, "num_messages_after": 2}
    shown = org.http.get(f"/v1/conversations/{other}").json()
    assert len(shown["in_context_message_ids"]) == 2
    assert len(in_view(org, owner)) == 13
    assert "question" not in transcript(asked_to_summarise(models)[-1])


@pytest.mark.contract("compaction.conversation.default")
def test_the_agents_own_thread_is_the_default_conversation(org: Org, models: OpenAIServer) -> None:
    for body, query in (({"agent_id": None}, True), ({}, False)):
        owner = talker(org)
        answer = org.http.post(
            "/v1/conversations/default/compact",
            json={"agent_id": owner, **body} if not query else {},
            params={"agent_id": owner} if query else {},
        )
        assert answer.status_code == 200, answer.text
        assert len(in_view(org, owner)) == 10


@pytest.mark.contract("compaction.conversation.empty")
def test_an_empty_conversation_is_refused(org: Org) -> None:
    owner = agent(org)
    empty = org.http.post("/v1/conversations/", params={"agent_id": owner}, json={}).json()["id"]
    refused = org.http.post(f"/v1/conversations/{empty}/compact", json={})
    assert refused.status_code == 400
    assert empty in refused.json()["detail"]
    assert org.http.post(f"/v1/conversations/{missing('conv')}/compact", json={}).status_code == 404


def test_a_fork_is_compacted_without_its_parent(org: Org, models: OpenAIServer) -> None:
    owner = talker(org)
    fork = org.http.post(f"/v1/conversations/{owner}/fork").json()["id"]
    say(org, f"conversations/{fork}", "REPLY in the fork")
    models.queue(Reply("Shared past."))
    org.http.post(f"/v1/conversations/{fork}/compact", json={}).raise_for_status()
    assert "question 0" in transcript(asked_to_summarise(models)[-1])
    assert len(in_view(org, owner)) == 13, "the parent is as it was"
    say(org, f"conversations/{fork}", "next")
    seen = str(asked_to_answer(models)[-1])
    assert "Shared past." in seen and "question 0" not in seen and "answer 5" in seen
    listed = org.http.get(f"/v1/conversations/{fork}/messages", params={"order": "asc"}).json()
    assert texts(listed)[:12] == EVERYTHING


def test_a_fork_of_a_compacted_thread_sees_the_summary(org: Org, models: OpenAIServer) -> None:
    owner = talker(org)
    models.queue(Reply("What was."))
    compact(org, owner)
    fork = org.http.post(f"/v1/conversations/{owner}/fork").json()
    assert len(fork["in_context_message_ids"]) == 10
    say(org, f"conversations/{fork['id']}", "next")
    seen = str(asked_to_answer(models)[-1])
    assert "What was." in seen and "question 0" not in seen


@pytest.mark.contract("compaction.busy")
def test_a_busy_thread_is_refused_with_its_run(org: Org, models: OpenAIServer) -> None:
    owner = talker(org)
    with ThreadPoolExecutor(1) as pool:
        talking = pool.submit(say, org, f"agents/{owner}", "SLEEP 1500 REPLY done")
        models.asked.wait(10)
        refused = org.http.post(f"/v1/agents/{owner}/summarize", json={})
        assert refused.status_code == 409, refused.text
        assert refused.json()["run_id"].startswith("run-")
        assert refused.headers["x-should-retry"] == "false"
        assert talking.result()["messages"][0]["content"].startswith("done")
    assert compact(org, owner)["num_messages_before"] == 15


def test_a_turn_waits_for_a_compaction(org: Org, models: OpenAIServer) -> None:
    owner = talker(org)
    models.queue(Reply("Slow summary.", delay=0.7))
    with ThreadPoolExecutor(1) as pool:
        compacting = pool.submit(compact, org, owner)
        models.asked.wait(10)
        busy = org.http.post(f"/v1/conversations/{owner}/compact", json={})
        assert busy.status_code == 409
        say(org, f"agents/{owner}", "after that")
        assert compacting.result()["summary"] == "Slow summary."
    assert "Slow summary." in str(asked_to_answer(models)[-1])


def test_a_window_that_is_chosen_meanwhile_stays_chosen(org: Org, models: OpenAIServer) -> None:
    owner = talker(org)
    chosen = in_view(org, owner)[:3]
    models.queue(Reply("Too late.", delay=0.7))
    with ThreadPoolExecutor(1) as pool:
        compacting = pool.submit(org.http.post, f"/v1/agents/{owner}/summarize", json={})
        models.asked.wait(10)
        org.http.patch(f"/v1/agents/{owner}", json={"message_ids": chosen}).raise_for_status()
        assert compacting.result().status_code == 400
    assert in_view(org, owner) == chosen


def test_a_chosen_window_can_be_compacted(org: Org, models: OpenAIServer) -> None:
    owner = talker(org)
    prompt, *rest = in_view(org, owner)
    org.http.patch(f"/v1/agents/{owner}", json={"message_ids": [prompt, *rest[::2]]}).raise_for_status()
    compact(org, owner)
    after = in_view(org, owner)
    assert (after[0], after[2:]) == (prompt, rest[::2][2:]), "what was left out does not come back"
    say(org, f"agents/{owner}", "hello")
    compact(org, owner, mode="all")
    assert len(in_view(org, owner)) == 2


def test_compaction_compiles_the_prompt_anew(org: Org, models: OpenAIServer) -> None:
    owner = talker(org)
    compact(org, owner)
    say(org, f"agents/{owner}", "hello")
    prompt: Any = asked_to_answer(models)[-1]["messages"][0]["content"]
    assert "- 4 earlier messages" in prompt.split("<memory_metadata>")[1], "it says how many are out of view"


@pytest.mark.contract("compaction.sdk")
def test_the_sdk_compacts(org: Org, models: OpenAIServer) -> None:
    made = org.client.agents.messages.compact(talker(org))
    assert made.num_messages_after == 10
    fork = org.client.conversations.fork(talker(org))
    made = org.client.conversations.messages.compact(fork.id, compaction_settings={"mode": "all"})
    assert made.num_messages_after == 2


def test_another_tenants_agent_is_not_found(org: Org, server: Any) -> None:
    answer = server.http.post(f"/v1/agents/{talker(org)}/summarize", json={})
    assert answer.status_code == 404


def test_a_cancelled_wait_leaves_the_thread_free(org: Org, models: OpenAIServer) -> None:
    owner = talker(org)
    models.queue(Reply("Nobody waits for this.", delay=0.5))
    with pytest.raises(Exception, match="timed out"):
        org.http.post(f"/v1/agents/{owner}/summarize", json={}, timeout=0.2)
    until(lambda: len(in_view(org, owner)) == 10, "the compaction to finish")
    assert say(org, f"agents/{owner}", "REPLY free")["messages"][0]["content"] == "free"
