"""Token mode: deltas that add up to what is stored (CONTRACT §3.2)."""

from typing import Any, cast

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import Json, agent, of_agent
from tests.turns.listening import MODERN, Event, kinds, streamed, streaming

NOTES: dict[str, Any] = {"memory_blocks": [{"label": "notes", "value": ""}], "tools": ["memory_insert"]}


def insert(text: str) -> tuple[str, Json]:
    return ("memory_insert", {"label": "notes", "new_string": text})


def messages(found: list[Event]) -> list[Json]:
    """The messages of a stream, in order, without ping, end and usage."""
    return [event.json for event in found if event.kind not in ("[DONE]", "ping") and "step_id" in event.json]


def added_up(found: list[Event]) -> list[Json]:
    """The messages that a client puts together: deltas with the same otid are one."""
    whole: dict[str, Json] = {}
    for delta in messages(found):
        have = whole.setdefault(delta["otid"], {**delta, **_emptied(delta)})
        _add(have, delta)
    return list(whole.values())


def _emptied(delta: Json) -> Json:
    empty: Json = {name: "" for name in ("content", "reasoning") if name in delta}
    if delta["message_type"] == "tool_call_message":
        del delta["tool_call"]
        empty["tool_calls"] = []
    return empty


def _add(have: Json, delta: Json) -> None:
    for name in ("content", "reasoning"):
        if name in delta:
            have[name] += delta[name]
    have["signature"] = delta.get("signature") or have.get("signature")
    if delta["message_type"] == "tool_call_message":
        call = cast(Json, delta["tool_calls"])
        known = next((each for each in have["tool_calls"] if each["tool_call_id"] == call["tool_call_id"]), None)
        if known is None:
            have["tool_calls"].append({"name": "", "arguments": "", **call})
        else:
            known["arguments"] += call.get("arguments", "")


@pytest.mark.contract("turns.tokens")
def test_words_arrive_one_by_one(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("one two three", reasoning="Counting is easy."))
    found = streamed(org, f"agents/{agent(org)}", "count", stream_tokens=True)
    said = [m for m in messages(found) if m["message_type"] == "assistant_message"]
    assert len(said) >= 3
    assert "".join(m["content"] for m in said) == "one two three"
    assert len({m["id"] for m in messages(found)}) == 1
    assert len({m["otid"] for m in said}) == 1
    assert len({m["step_id"] for m in messages(found)}) == len({m["run_id"] for m in messages(found)}) == 1
    assert list(dict.fromkeys(kinds(found))) == [
        *("reasoning_message", "assistant_message", "stop_reason", "usage_statistics", "[DONE]"),
    ]


@pytest.mark.contract("turns.tokens.same-as-list")
def test_deltas_add_up_to_what_lists_show(org: Org, models: OpenAIServer) -> None:
    script = (
        Reply("Noting this.", calls=(insert("Likes tea, “Darjeeling”.\n茶 😀"),), reasoning="It matters. Really."),
        Reply("Noted.", reasoning="Done."),
    )
    models.queue(*script)
    owner = agent(org, **NOTES)
    found = added_up(streamed(org, f"agents/{owner}", "I like tea", stream_tokens=True))
    listed = [m for m in of_agent(org, owner, order="asc") if m["run_id"]][1:]
    assert [m["message_type"] for m in found] == [
        *("reasoning_message", "assistant_message", "tool_call_message", "tool_return_message"),
        *("reasoning_message", "assistant_message"),
    ]
    for streamed_one, stored in zip(found, listed, strict=True):
        shared = {name: stored[name] for name in streamed_one if name in stored and name not in ("date", "tool_call")}
        assert {name: streamed_one[name] for name in shared} == shared


@pytest.mark.contract("turns.tokens.calls")
def test_a_call_is_the_same_delta_twice_without_nulls(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply(calls=(insert("tea"),)), Reply("Noted."))
    found = messages(streamed(org, f"agents/{agent(org, **NOTES)}", "tea", stream_tokens=True))
    calls = [m for m in found if m["message_type"] == "tool_call_message"]
    assert all(m["tool_call"] == m["tool_calls"] for m in calls)
    first, *later = [m["tool_call"] for m in calls]
    assert first["name"] == "memory_insert"
    assert first["tool_call_id"]
    assert all(set(delta) == {"arguments", "tool_call_id"} for delta in later)
    assert len(later) >= 1


@pytest.mark.contract("turns.tokens.returns")
def test_returns_of_parallel_calls_come_one_by_one(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply(calls=(insert("tea"), insert("cake"))), Reply("Noted."))
    owner = agent(org, **NOTES, parallel_tool_calls=True)
    found = messages(streamed(org, f"agents/{owner}", "tea and cake", stream_tokens=True))
    returns = [m for m in found if m["message_type"] == "tool_return_message"]
    assert len(returns) == 2
    assert [len(m["tool_returns"]) for m in returns] == [1, 1]
    assert len({m["otid"] for m in returns}) == 2
    called = {m["tool_call"]["tool_call_id"] for m in found if m["message_type"] == "tool_call_message"}
    assert called == {m["tool_call_id"] for m in returns}


@pytest.mark.contract("turns.tokens.calls")
def test_calls_that_are_not_made_are_not_shown(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply(calls=(insert("tea"), insert("cake"))), Reply("Noted."))
    found = messages(streamed(org, f"agents/{agent(org, **NOTES)}", "tea and cake", stream_tokens=True))
    called = {m["tool_call"]["tool_call_id"] for m in found if m["message_type"] == "tool_call_message"}
    assert called == {m["tool_call_id"] for m in found if m["message_type"] == "tool_return_message"}


@pytest.mark.contract("turns.tokens.narrowed")
def test_a_filter_on_types_filters_deltas(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("one two three", reasoning="Counting."))
    wanted = {"stream_tokens": True, "include_return_message_types": ["reasoning_message"]}
    found = streamed(org, f"agents/{agent(org)}", "count", **wanted)
    assert {m["message_type"] for m in messages(found)} == {"reasoning_message"}
    assert kinds(found)[-3:] == ["stop_reason", "usage_statistics", "[DONE]"]


@pytest.mark.contract("turns.tokens.first-delta")
def test_the_first_delta_does_not_wait_for_the_last(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("one two three", chunk_delay=20))
    owner = agent(org)
    with streaming(org, f"agents/{owner}", "count", stream_tokens=True, include_pings=False) as found:
        assert next(found).json["content"] in "one "
    assert org.http.post(f"/v1/agents/{owner}/messages/cancel", headers=MODERN).status_code == 200


@pytest.mark.contract("turns.tokens.said-by-tool")
def test_what_is_said_through_a_tool_is_text(org: Org, models: OpenAIServer) -> None:
    """An agent of an older type speaks by calling send_message."""
    said = 'Hello "Ada",\nhow are you? 😀'
    models.queue(Reply(calls=(("send_message", {"thinking": "Greet her.", "message": said}),)))
    owner = agent(org, agent_type="memgpt_v2_agent", tools=["send_message"])
    found = messages(streamed(org, f"agents/{owner}", "Hi", stream_tokens=True))
    spoken = [m for m in found if m["message_type"] == "assistant_message"]
    assert "".join(m["content"] for m in spoken) == said
    assert len(spoken) > 1
    assert {m["message_type"] for m in found} <= {"assistant_message", "reasoning_message"}
    plain = messages(streamed(org, f"agents/{owner}", "Hi", stream_tokens=True, use_assistant_message=False))
    assert "assistant_message" not in {m["message_type"] for m in plain}
