"""Compaction in the middle of turns: small windows, overflow, and what clients see of it (CONTRACT §6.6, §3.4)."""

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from tests.compaction.threads import (
    LIGHT,
    SMALL,
    asked_to_answer,
    asked_to_summarise,
    in_view,
    oldest_in_view,
    order_of,
    returns_of,
    small,
    talker,
    tokens,
    transcript,
    unpaired,
)
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.harness.waiting import until
from tests.messages.talking import Json, agent, of_agent, say

TURNS = 62
OVERFLOW = Reply(
    status=400, error="This model's maximum context length is 8192 tokens (context_length_exceeded). Shorten it."
)


def full(total: int = int(SMALL * 0.95)) -> Json:
    """What a provider counts when the window is nearly full."""
    return {"prompt_tokens": total - 10, "completion_tokens": 10, "total_tokens": total}


def question(number: int) -> str:
    """Every third turn calls a tool, and every turn says something that is long enough to matter."""
    padding = " ".join(f"w{number}x{each}" for each in range(12))
    call = ""
    if number % 3 == 0:
        call = f"CALL memory_insert {json.dumps({'label': 'notes', 'new_string': f'n{number}'})} "
    if number % 3 == 1:
        call = f"CALL conversation_search {json.dumps({'query': f'w{number}x1', 'limit': 1})} "
    return f"{call}question {number} {padding}"


@pytest.mark.contract("compaction.small-window")
def test_a_long_conversation_in_a_small_window(org: Org, models: OpenAIServer) -> None:
    owner = small(org, memory_blocks=[{"label": "notes", "value": ""}], tools=["memory_insert", "conversation_search"])
    oldest = set[str]()
    for number in range(TURNS):
        answer = say(org, f"agents/{owner}", question(number))
        assert answer["stop_reason"]["stop_reason"] == "end_turn"
        oldest.update(oldest_in_view(org, owner))
    asked, summaries = asked_to_answer(models), asked_to_summarise(models)
    assert max(tokens(body) for body in asked) <= SMALL
    assert [unpaired(body) for body in asked if unpaired(body)] == []
    assert oldest & returns_of(org, owner) == set(), "no view begins with a return without its call"
    assert len(summaries) >= 3
    assert "ss" not in "".join(order_of(models.chats)), "at most one compaction before the model is asked again"
    assert len(summaries) < TURNS / 3, "each one made room for some turns"
    listed = of_agent(org, owner, order="asc", limit=1000, include_return_message_types=["user_message"])
    said = [message["content"] for message in listed if "question" in str(message["content"])]
    assert said == [question(number) for number in range(TURNS)]


@pytest.mark.contract("compaction.hysteresis")
@pytest.mark.parametrize("goes", [0.0, 0.3, 1.0])
def test_after_a_compaction_the_context_is_clearly_smaller(org: Org, models: OpenAIServer, goes: float) -> None:
    owner = small(org, compaction_settings={"sliding_window_percentage": goes})
    for number in range(40):
        say(org, f"agents/{owner}", f"message {number} " + "some words " * 20)
    chats = models.chats
    after = [chats[at + 1].body for at in range(len(chats) - 1) if chats[at].body["model"] == LIGHT]
    assert len(after) >= 2
    assert all(tokens(body) < 0.85 * SMALL for body in after)


@pytest.mark.parametrize(("window", "words"), [(SMALL, 1), (10 * SMALL, 120)])
def test_a_prompt_that_fills_the_window_does_not_compact_every_time(
    org: Org, models: OpenAIServer, window: int, words: int
) -> None:
    owner = small(org, system="Be brief. " + "x" * int(window * 4 * 0.87), context_window_limit=window)
    for number in range(15):
        say(org, f"agents/{owner}", f"m{number} " + "word " * words)
    assert "s" in order_of(models.chats), "it does compact"
    assert len(asked_to_summarise(models)) <= 4


@pytest.mark.contract("compaction.events")
def test_clients_that_want_to_see_compaction_see_it(org: Org, models: OpenAIServer) -> None:
    owner = talker(org, 10, words=40, context_window_limit=SMALL)
    models.queue(Reply("The answer.", usage=full()), Reply("The summary."))
    answered = say(org, f"agents/{owner}", "hello", include_compaction_messages=True)["messages"]
    said, event, summary = answered
    assert said["content"] == "The answer."
    assert (event["message_type"], event["event_type"]) == ("event_message", "compaction")
    data = {"trigger": "post_step_context_check", "context_token_estimate": 1900, "context_window": SMALL}
    assert event["event_data"] == data
    assert summary["message_type"] == "summary_message"
    assert summary["summary"] == "The summary."
    stats = summary["compaction_stats"]
    assert (stats["trigger"], stats["context_window"]) == ("post_step_context_check", SMALL)
    assert stats["context_tokens_before"] == 1900 > stats["context_tokens_after"] > 0
    assert stats["messages_count_before"] == 23
    assert stats["messages_count_after"] == len(in_view(org, owner)) < 23
    assert summary["id"] in in_view(org, owner)
    assert event["run_id"] == summary["run_id"] == said["run_id"]


@pytest.mark.contract("compaction.events.hidden")
def test_other_clients_see_nothing_of_it(org: Org, models: OpenAIServer) -> None:
    owner = talker(org, 10, words=40, context_window_limit=SMALL)
    models.queue(Reply("The answer.", usage=full()), Reply("The summary."))
    answered = say(org, f"agents/{owner}", "hello")["messages"]
    assert [message["message_type"] for message in answered] == ["assistant_message"]
    assert len(in_view(org, owner)) < 20


def test_the_longest_summary_leaves_room_for_more(org: Org, models: OpenAIServer) -> None:
    owner = talker(org, 10, words=65, context_window_limit=SMALL, compaction_settings={"sliding_window_percentage": 0})
    answered = list[Json]()
    for number in range(20):
        models.queue(Reply("word " * 60), Reply("word " * 5000))
        answered += say(org, f"agents/{owner}", f"more {number}", include_compaction_messages=True)["messages"]
        models.reset()
    stats = [message["compaction_stats"] for message in answered if message["message_type"] == "summary_message"]
    assert stats
    assert all(each["context_tokens_after"] < 0.85 * SMALL for each in stats)


def test_thoughts_that_do_not_stay_are_no_reason(org: Org, models: OpenAIServer) -> None:
    owner = talker(org, 2, context_window_limit=SMALL)
    models.queue(Reply("The answer.", usage=full()))
    say(org, f"agents/{owner}", "think hard")
    assert asked_to_summarise(models) == []


def test_a_stream_shows_it_in_order(org: Org, models: OpenAIServer) -> None:
    owner = talker(org, 10, words=40, context_window_limit=SMALL)
    models.queue(Reply("The answer.", usage=full()), Reply("The summary."))
    body = {"input": "hello", "include_compaction_messages": True, "include_pings": False}
    with org.http.stream("POST", f"/v1/agents/{owner}/messages/stream", json=body) as answer:
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: {")]
    kinds = [json.loads(line)["message_type"] for line in lines]
    assert kinds == ["assistant_message", "event_message", "summary_message", "stop_reason", "usage_statistics"]


def test_types_can_be_chosen_among_them(org: Org, models: OpenAIServer) -> None:
    owner = talker(org, 10, words=40, context_window_limit=SMALL)
    models.queue(Reply("The answer.", usage=full()), Reply("The summary."))
    fields: Any = {"include_compaction_messages": True, "include_return_message_types": ["summary_message"]}
    (only,) = say(org, f"agents/{owner}", "hello", **fields)["messages"]
    assert only["message_type"] == "summary_message"


def test_a_run_that_compacted_is_over_and_the_thread_free(org: Org, models: OpenAIServer) -> None:
    owner = talker(org, 10, words=40, context_window_limit=SMALL)
    models.queue(Reply("The answer.", usage=full()), Reply("The summary."))
    answer = say(org, f"agents/{owner}", "hello")
    (run_id,) = answer["usage"]["run_ids"]
    run = org.http.get(f"/v1/runs/{run_id}").json()
    assert (run["status"], run["stop_reason"]) == ("completed", "end_turn")
    assert say(org, f"agents/{owner}", "REPLY next")["messages"][0]["content"] == "next"


def test_a_compaction_can_be_cancelled(org: Org, models: OpenAIServer) -> None:
    owner = talker(org, 10, words=40, context_window_limit=SMALL)
    models.queue(Reply("The answer.", usage=full()), Reply("Too late.", delay=20))
    with ThreadPoolExecutor(1) as pool:
        talking = pool.submit(say, org, f"agents/{owner}", "hello")
        until(lambda: len(models.chats) == 2, "the summariser to be asked")
        org.http.post(f"/v1/agents/{owner}/messages/cancel").raise_for_status()
        assert talking.result()["messages"][0]["content"] == "The answer."
    assert len(in_view(org, owner)) == 23, "nothing went"
    assert say(org, f"agents/{owner}", "REPLY free")["messages"][0]["content"] == "free"


def test_what_the_turn_is_about_stays_in_view(org: Org, models: OpenAIServer) -> None:
    owner = talker(
        org,
        10,
        words=30,
        context_window_limit=SMALL,
        tools=["conversation_search"],
        compaction_settings={"mode": "all"},
    )
    search = ("conversation_search", {"query": "owls", "limit": 1})
    models.queue(Reply(calls=(search,), usage=full()), Reply("The summary."), Reply("Found."))
    assert say(org, f"agents/{owner}", "look for owls")["messages"][-1]["content"] == "Found."
    body = asked_to_answer(models)[-1]
    assert [message["role"] for message in body["messages"]] == ["system", "user", "user", "assistant", "tool"]
    assert body["messages"][2]["content"] == "look for owls"
    assert unpaired(body) == []


@pytest.mark.contract("compaction.overflow")
def test_a_request_that_the_provider_calls_too_long_is_shortened(org: Org, models: OpenAIServer) -> None:
    owner = talker(org, 10)
    models.queue(OVERFLOW, Reply("The summary."), Reply("It fits now."))
    answered = say(org, f"agents/{owner}", "hello", include_compaction_messages=True)["messages"]
    assert [message["message_type"] for message in answered] == [
        "event_message",
        "summary_message",
        "assistant_message",
    ]
    assert answered[0]["event_data"]["trigger"] == "context_window_exceeded"
    assert answered[2]["content"] == "It fits now."
    first, second = asked_to_answer(models)
    assert tokens(second) < tokens(first)
    assert second["messages"][-1]["content"] == "hello"
    steps = org.http.get(f"/v1/runs/{answered[2]['run_id']}/steps").json()
    assert [step["status"] for step in steps] == ["success"]


@pytest.mark.contract("compaction.overflow.retries")
def test_it_is_shortened_three_times_before_the_run_fails(org: Org, models: OpenAIServer) -> None:
    owner = talker(org, 30, words=20)
    models.queue(*[reply for _ in range(3) for reply in (OVERFLOW, Reply("Summary."))], OVERFLOW)
    body = {"messages": [{"role": "user", "content": "hello"}]}
    failed = org.http.post(f"/v1/agents/{owner}/messages", json=body)
    assert failed.status_code == 400, failed.text
    assert failed.json()["error"]["type"] == "llm_bad_request"
    assert "".join(order_of(models.chats)) == "asasasa"
    sizes = [tokens(body) for body in asked_to_answer(models)]
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == 4
    assert say(org, f"agents/{owner}", "REPLY again")["messages"][0]["content"] == "again"


def test_a_message_too_long_for_any_window_is_an_error_that_leaves_the_agent_usable(
    org: Org, models: OpenAIServer
) -> None:
    owner = small(org)
    models.queue(OVERFLOW)
    failed = org.http.post(f"/v1/agents/{owner}/messages", json={"input": "x" * SMALL * 8})
    assert failed.status_code == 400
    assert say(org, f"agents/{owner}", "REPLY fine")["messages"][0]["content"] == "fine"
    assert tokens(asked_to_answer(models)[-1]) < SMALL


@pytest.mark.contract("compaction.system-prompt")
def test_a_prompt_that_is_longer_than_the_window_says_so(org: Org, models: OpenAIServer) -> None:
    owner = small(org, system="x" * SMALL * 8)
    failed = org.http.post(f"/v1/agents/{owner}/messages", json={"input": "hello"})
    assert failed.status_code == 400, failed.text
    assert failed.json()["error"]["type"] == "context_window_overflow_in_system_prompt"
    assert str(SMALL) in failed.json()["detail"] == failed.json()["error"]["message"]
    assert models.chats == []
    (run,) = org.http.get("/v1/runs/", params={"agent_id": owner}).json()
    assert (run["status"], run["stop_reason"]) == ("failed", "context_window_overflow_in_system_prompt")
    streamed = org.http.post(f"/v1/agents/{owner}/messages/stream", json={"input": "hello"}).text
    assert '"stop_reason":"context_window_overflow_in_system_prompt"' in streamed
    assert '"error_type":"context_window_overflow_in_system_prompt"' in streamed


def test_a_summariser_that_fails_does_not_fail_the_turn(org: Org, models: OpenAIServer) -> None:
    owner = talker(org, 10, words=40, context_window_limit=SMALL)
    broken = Reply(status=400, error="broken")
    models.queue(Reply("The answer.", usage=full()), broken, broken, broken)
    answered = say(org, f"agents/{owner}", "hello", include_compaction_messages=True)
    assert answered["stop_reason"]["stop_reason"] == "end_turn"
    assert "messages from 20" in answered["messages"][-1]["summary"]


def test_a_huge_tool_return_does_not_stop_the_turn(org: Org, models: OpenAIServer) -> None:
    owner = small(org, tools=["conversation_search"])
    for number in range(5):
        say(org, f"agents/{owner}", f"owls {number} " + "owl " * 150)
    calls = [f'CALL conversation_search {{"query": "owls", "limit": {count}}}' for count in (5, 5, 5)]
    answer = say(org, f"agents/{owner}", " ".join(calls))
    assert answer["stop_reason"]["stop_reason"] == "end_turn"
    assert max(tokens(body) for body in asked_to_answer(models)) <= SMALL


def test_forgotten_history_of_an_ancestor_is_compacted_in_a_fork(org: Org, models: OpenAIServer) -> None:
    owner = talker(org, 10)
    models.queue(Reply("Before the fork."))
    org.http.post(f"/v1/agents/{owner}/summarize", json={"compaction_settings": {"mode": "all"}}).raise_for_status()
    first = of_agent(org, owner, order="asc")[1]["id"]
    fork = org.http.post(f"/v1/conversations/{owner}/fork", params={"message_id": first}).json()["id"]
    grown = org.http.post(f"/v1/conversations/{owner}/fork").json()["id"]
    for thread in (fork, grown):
        org.http.patch(f"/v1/conversations/{thread}", json={"context_window_limit": SMALL}).raise_for_status()
        for number in range(20):
            say(org, f"conversations/{thread}", f"more {number} " + "words " * 40)
        assert tokens(asked_to_answer(models)[-1]) < SMALL
    assert "Before the fork." in "".join(transcript(body) for body in asked_to_summarise(models))


def test_twenty_turns_without_compaction_keep_the_prefix(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, system="Be brief.", model="openai/gpt-4o-mini")
    for number in range(20):
        say(org, f"agents/{owner}", f"turn {number}")
    bodies = [body["messages"] for body in asked_to_answer(models)]
    assert all(later[: len(earlier)] == earlier for earlier, later in pairwise(bodies))
