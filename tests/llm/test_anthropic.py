"""Answers of Anthropic's Messages API, as they are and as they go wrong."""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

import anthropic
import pytest

from holdfast.errors import ModelError
from holdfast.llm.failures import ContextOverflow, StreamBroken
from holdfast.llm.model import Call, Delta, ReasoningDelta, TextDelta
from tests.fakes.anthropic_script import (
    Json,
    error,
    events,
    message,
    plain,
    redacted,
    streamed,
    text,
    thinking,
    tool_use,
)
from tests.fakes.scripted_http import Answer, ScriptedHttp
from tests.llm.asking import WEATHER, Heard
from tests.llm.claude import SYSTEM, Claude
from tests.llm.claude import message as said

MESSAGES = "/messages"
WHOLE = (
    thinking("Where is it? In the north."),
    redacted("opaque"),
    text("I look."),
    tool_use("weather", {"city": "Reykjavík"}),
)
COUNTED: Json = {
    "input_tokens": 10,
    "cache_read_input_tokens": 900,
    "cache_creation_input_tokens": 90,
    "output_tokens": 40,
    "output_tokens_details": {"thinking_tokens": 25},
}
AT_ONCE = {"retry-after": "0"}


async def deltas(claude: Claude, model: str = "claude-sonnet-4-5") -> list[Delta]:
    return [delta async for delta in claude.provider(model).stream(Call(model, [SYSTEM, said("user", "hi")]))]


@pytest.mark.parametrize("answer", [streamed(events(*WHOLE)), plain(message(*WHOLE))], ids=["streamed", "whole"])
async def test_a_whole_answer(claude: Claude, service: ScriptedHttp, answer: Answer) -> None:
    service.on(MESSAGES, answer)
    heard = await claude(tools=[WEATHER])
    assert heard.error is None
    assert (heard.reasoning, heard.text, heard.finish) == ("Where is it? In the north.", "I look.", "tool_calls")
    [(call_id, name, arguments)] = heard.calls
    assert (call_id, name, json.loads(arguments)) == (WHOLE[3]["id"], "weather", {"city": "Reykjavík"})


@pytest.mark.parametrize("answer", [streamed(events(*WHOLE)), plain(message(*WHOLE))], ids=["streamed", "whole"])
async def test_thoughts_keep_their_signatures_and_their_place(
    claude: Claude, service: ScriptedHttp, answer: Answer
) -> None:
    service.on(MESSAGES, answer)
    found = await deltas(claude)
    thoughts = [delta for delta in found if isinstance(delta, ReasoningDelta)]
    assert thoughts[-2:] == [ReasoningDelta(signature="sig-1"), ReasoningDelta(redacted="opaque")]
    first_text = next(n for n, delta in enumerate(found) if isinstance(delta, TextDelta))
    assert found.index(thoughts[-1]) < first_text


async def test_a_thought_that_is_not_shown(claude: Claude, service: ScriptedHttp) -> None:
    service.on(MESSAGES, streamed(events(thinking("", "sig-2"), text("yes"))))
    assert ReasoningDelta(signature="sig-2", is_omitted=True) in await deltas(claude)


async def test_parallel_calls(claude: Claude, service: ScriptedHttp) -> None:
    two = [tool_use("weather", {"city": city}, f"toolu_{city}") for city in ("Oslo", "Rome")]
    service.on(MESSAGES, streamed(events(*two)))
    heard = await claude(tools=[WEATHER])
    assert [(call_id, json.loads(arguments)["city"]) for call_id, _, arguments in heard.calls] == [
        ("toolu_Oslo", "Oslo"),
        ("toolu_Rome", "Rome"),
    ]


async def test_a_call_without_arguments(claude: Claude, service: ScriptedHttp) -> None:
    service.on(MESSAGES, streamed(events(tool_use("weather", {}))))
    heard = await claude(tools=[WEATHER])
    assert json.loads(heard.calls[0][2] or "{}") == {}


async def test_usage_counts_what_came_from_the_cache(claude: Claude, service: ScriptedHttp) -> None:
    told = events(text("hi"), usage=COUNTED)
    told[-2]["usage"]["output_tokens_details"] = COUNTED["output_tokens_details"]
    service.on(MESSAGES, streamed(told))
    usage = (await claude()).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (1000, 40, 1040)
    assert (usage.cached_input_tokens, usage.cache_write_tokens, usage.reasoning_tokens) == (900, 90, 25)


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
    ],
)
async def test_stop_reasons(claude: Claude, service: ScriptedHttp, stop: str, finish: str) -> None:
    service.on(MESSAGES, streamed(events(text("hi"), stop=stop)))
    assert (await claude()).finish == finish


async def test_a_refusal_needs_no_words(claude: Claude, service: ScriptedHttp) -> None:
    service.on(MESSAGES, streamed(events(stop="refusal")))
    heard = await claude()
    assert (heard.finish, heard.error) == ("content_filter", None)


async def test_unknown_events_and_blocks_are_passed_over(claude: Claude, service: ScriptedHttp) -> None:
    novelty: list[Json] = [
        {"type": "weather_report", "sun": True},
        {"type": "content_block_start", "index": 9, "content_block": {"type": "hologram"}},
        {"type": "content_block_delta", "index": 9, "delta": {"type": "hologram_delta", "light": 1}},
        {"type": "content_block_delta", "index": 9, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {"type": "content_block_stop", "index": 9},
    ]
    told = events(text("hi"))
    service.on(MESSAGES, streamed([*told[:2], *novelty, *told[2:], *novelty]))
    heard = await claude()
    assert (heard.text, heard.calls, heard.error) == ("hi", [], None)


async def test_events_that_come_twice(claude: Claude, service: ScriptedHttp) -> None:
    told = events(tool_use("weather", {"city": "Oslo"}))
    start, stop = told[2], told[-3]
    service.on(
        MESSAGES, streamed([told[0], told[0], told[1], start, start, *told[3:-3], stop, stop, *told[-2:], *told])
    )
    heard = await claude(tools=[WEATHER])
    assert [json.loads(arguments) for _, _, arguments in heard.calls] == [{"city": "Oslo"}]
    assert heard.finish == "tool_calls"


async def test_tool_names_come_back_as_they_are_known_here(claude: Claude, service: ScriptedHttp) -> None:
    odd = WEATHER.__class__("météo.du jour", "Tells the weather.", {})
    sent = claude.sent(said("user", "hi"), tools=[odd])["tools"][0]["name"]
    service.on(MESSAGES, streamed(events(tool_use(sent, {}))))
    heard = await claude(tools=[odd])
    assert heard.calls[0][1] == odd.name


BROKEN: dict[str, Answer] = {
    "after text": streamed(events(text("Hello, world"))[:4]),
    "after text, connection cut": streamed(events(text("Hello, world"))[:4], is_cut=True),
    "after a thought": streamed(events(thinking("Let me see"))[:4]),
    "within arguments": streamed(events(tool_use("weather", {"city": "Oslo"}))[:5]),
    "by an error": streamed([*events(text("Hello, world"))[:4], error("overloaded_error", "Overloaded")]),
    "by what is no JSON": Answer((*streamed(events(text("Hello, world"))[:4]).pieces, b"data: {oops\n\n")),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_an_answer_that_stops_in_the_middle(claude: Claude, service: ScriptedHttp, case: str) -> None:
    service.on(MESSAGES, BROKEN[case], streamed(events(text("again"))))
    found = _error(await claude(tools=[WEATHER]))
    assert isinstance(found, StreamBroken)
    assert "middle of its answer" in found.detail
    assert len(service.requests) == 1, "asking again would repeat what was passed on"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(), "llm_empty_response"),
        (streamed(events()), "llm_empty_response"),
        (streamed(events(text(""))), "llm_empty_response"),
        (streamed(events(thinking("I say nothing."))), "llm_empty_response"),
        (streamed([{"type": "ping"}]), "llm_empty_response"),
        (Answer((b"<html>a page</html>",)), "llm_error"),
        (Answer((b'["a list"]',)), "llm_error"),
        (Answer((b"data: 5\n\n",)), "llm_error"),
        (Answer((b'data: {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", '
                 b'"partial_json": "{"}}\n\n',)), "llm_error"),
        (streamed([{"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use"}}]), "llm_error"),
        (streamed([{"type": "content_block_start"}, {"type": "message_start"}, {"type": 7}]), "llm_empty_response"),
    ],
)  # fmt: skip
async def test_answers_that_are_none(claude: Claude, service: ScriptedHttp, answer: Answer, code: str) -> None:
    service.on(MESSAGES, answer)
    found = _error(await claude())
    assert found.code == code
    assert "anthropic (127.0.0.1" in found.detail


async def test_an_overload_before_any_word_is_tried_again(claude: Claude, service: ScriptedHttp) -> None:
    overloaded = [*events()[:2], error("overloaded_error", "Overloaded")]
    service.on(MESSAGES, streamed(overloaded), streamed(events(text("there"))))
    heard = await claude()
    assert (heard.text, heard.error) == ("there", None)
    assert len(service.requests) == 2


async def test_an_overload_that_stays_is_told(claude: Claude, service: ScriptedHttp) -> None:
    service.on(MESSAGES, *[streamed([error("overloaded_error", "Overloaded")])] * 4)
    found = _error(await claude())
    assert (found.code, len(service.requests)) == ("llm_error", 3)
    assert "Overloaded" in found.detail


@pytest.mark.parametrize(
    ("kind", "status", "code", "says"),
    [
        ("authentication_error", 401, "llm_authentication", "ANTHROPIC_API_KEY"),
        ("permission_error", 403, "llm_authentication", "ANTHROPIC_API_KEY"),
        ("billing_error", 402, "llm_insufficient_credits", "no credit"),
        ("not_found_error", 404, "llm_bad_request", "ANTHROPIC_BASE_URL"),
        ("invalid_request_error", 400, "llm_bad_request", "it is odd"),
    ],
)
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_lasting_failures(
    claude: Claude, service: ScriptedHttp, kind: str, status: int, code: str, says: str, *, is_streamed: bool
) -> None:
    told = error(kind, "it is odd")
    service.on(MESSAGES, streamed([told]) if is_streamed else plain(told, status))
    found = _error(await claude())
    assert (found.code, len(service.requests)) == (code, 1)
    for part in (says, "it is odd", str(status)):
        assert part in found.detail


@pytest.mark.parametrize("status", [429, 500, 529])
async def test_passing_failures_are_tried_again(claude: Claude, service: ScriptedHttp, status: int) -> None:
    busy = Answer(plain(error("overloaded_error", "busy")).pieces, status, AT_ONCE)
    service.on(MESSAGES, busy, busy, streamed(events(text("there"))))
    assert (await claude()).text == "there"
    assert len(service.requests) == 3


async def test_a_long_retry_after_is_told_at_once(claude: Claude, service: ScriptedHttp) -> None:
    service.on(MESSAGES, plain(error("rate_limit_error", "slow down"), 429, retry_after="3600"))
    assert (_error(await claude()).code, len(service.requests)) == ("llm_rate_limit", 1)


@pytest.mark.parametrize(
    ("status", "said_by_it"),
    [
        (400, "prompt is too long: 208310 tokens > 200000 maximum"),
        (400, "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000"),
        (413, "Request exceeds the maximum size"),
    ],
)
async def test_a_request_that_is_too_long(claude: Claude, service: ScriptedHttp, status: int, said_by_it: str) -> None:
    service.on(MESSAGES, plain(error("invalid_request_error", said_by_it), status))
    found = _error(await claude())
    assert isinstance(found, ContextOverflow)
    assert said_by_it in found.detail


async def test_a_slow_first_word(claude: Claude, service: ScriptedHttp) -> None:
    never = threading.Event()
    service.on(MESSAGES, Answer(waits=never))
    found = _error(await claude.call(Call("claude-sonnet-4-5", [said("user", "hi")]), seconds=0.2))
    never.set()
    assert found.code == "llm_timeout"


async def test_leaving_ends_the_request(claude: Claude, service: ScriptedHttp) -> None:
    told = events(text("Hello, world"))
    ping = b'event: ping\ndata: {"type": "ping"}\n\n'
    service.on(MESSAGES, Answer(streamed(told[:4]).pieces, endless=ping * 100))
    stream = cast(
        AsyncGenerator[Delta],
        claude.provider("claude-sonnet-4-5").stream(Call("claude-sonnet-4-5", [said("user", "hi")])),
    )
    async with aclosing(stream):
        assert await anext(stream) == TextDelta("Hello, ")
    assert await asyncio.to_thread(service.dropped.wait, 5)


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/", "/v1/messages"])
async def test_however_the_address_is_written(claude: Claude, service: ScriptedHttp, ending: str) -> None:
    service.on(MESSAGES, streamed(events(text("hi"))))
    provider = claude.provider("claude-sonnet-4-5", ANTHROPIC_BASE_URL=service.url + ending)
    async for _ in provider.stream(Call("claude-sonnet-4-5", [said("user", "hi")])):
        pass
    [request] = service.requests
    assert request.path == "/v1/messages"
    assert (request.headers["x-api-key"], request.headers["anthropic-version"]) == ("sk-ant-test", "2023-06-01")
    assert "authorization" not in request.headers


async def test_a_gateway_with_a_path_of_its_own(claude: Claude, service: ScriptedHttp) -> None:
    service.on(MESSAGES, streamed(events(text("hi"))))
    provider = claude.provider("MiniMax-M2", ANTHROPIC_BASE_URL=f"{service.url}/anthropic")
    async for _ in provider.stream(Call("MiniMax-M2", [said("user", "hi")])):
        pass
    assert service.requests[0].path == "/anthropic/v1/messages"


async def test_the_list_of_models_is_read_to_its_end(claude: Claude, service: ScriptedHttp) -> None:
    model = {"type": "model", "display_name": "Claude", "created_at": "2026-01-01T00:00:00Z", "lifecycle": "active"}
    full = {
        "id": "claude-a",
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
        "capabilities": {"image_input": {"supported": True}, "thinking": {"supported": False}},
        **model,
    }
    pages = [
        {"data": [full, {"id": 7}, "odd"], "has_more": True, "first_id": "claude-a", "last_id": "claude-a"},
        {"data": [{"id": "claude-b", **model}, {"id": "claude-c", **model, "lifecycle": "retired"}], "has_more": False},
    ]
    service.on("/models", *map(plain, pages))
    first, second = await claude.provider("claude-sonnet-4-5").models()
    assert (first.name, first.window, first.output, first.images, first.reasoning) == (
        "claude-a", 1_000_000, 128_000, True, False,
    )  # fmt: skip
    assert (second.name, second.window, second.images) == ("claude-b", None, None)
    assert [request.path.partition("?")[2] for request in service.requests] == [
        "limit=1000",
        "limit=1000&after_id=claude-a",
    ]


async def test_a_list_that_goes_round_in_circles_ends(claude: Claude, service: ScriptedHttp) -> None:
    service.on("/models", *[plain({"data": [{"id": "a"}], "has_more": True, "last_id": "a"})] * 50)
    await claude.provider("claude-sonnet-4-5").models()
    assert len(service.requests) == 2


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_what_the_scripted_server_says_is_what_the_sdk_understands(
    service: ScriptedHttp, *, is_streamed: bool
) -> None:
    service.on(MESSAGES, streamed(events(*WHOLE, usage=COUNTED)) if is_streamed else plain(message(*WHOLE)))
    asked: dict[str, Any] = {
        "model": "claude-sonnet-5",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": "hi"}],
    }
    async with anthropic.AsyncAnthropic(
        api_key="k", base_url=service.url, max_retries=0, _strict_response_validation=True
    ) as client:
        messages = cast(Any, client.messages)
        if is_streamed:
            async with messages.stream(**asked) as stream:
                found = await stream.get_final_message()
        else:
            found = await messages.create(**asked)
    assert [block.type for block in found.content] == ["thinking", "redacted_thinking", "text", "tool_use"]
    assert found.stop_reason == "tool_use"


def _error(heard: Heard) -> ModelError:
    assert heard.error is not None
    return heard.error
