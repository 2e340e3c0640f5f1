"""Answers of a chat-completions server, as they are and as they go wrong."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

import pytest

from holdfast.llm import catalog
from holdfast.llm.client import ModelClient
from holdfast.llm.failures import StreamBroken, Target
from holdfast.llm.framing import Events
from holdfast.llm.model import Call, Delta, ReasoningDelta, TextDelta
from holdfast.llm.openai import OpenAI
from holdfast.llm.openai_answer import ChatAnswer
from holdfast.loop.answer import Answer
from tests.fakes.openai_script import Json, Reply
from tests.fakes.openai_server import OpenAIServer
from tests.llm.asking import WEATHER, Asker, hear, message

HELLO: Json = {"choices": [{"index": 0, "delta": {"content": "Hel"}}]}
STOP: Json = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def fragment(finish: str | None = None, **call: object) -> Json:
    return {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": finish}]}


async def test_text_arrives_in_pieces(ask: Asker) -> None:
    call = Call("gpt-4o-mini", [message("user", "WORDS 40")])
    pieces = [delta.text async for delta in ask.provider().stream(call) if isinstance(delta, TextDelta)]
    assert len(pieces) == 40
    assert "".join(pieces) == " ".join(f"word{number}" for number in range(40))


async def test_usage_and_finish_come_last(ask: Asker, scripted: OpenAIServer) -> None:
    counted = {
        "prompt_tokens": 100,
        "completion_tokens": 7,
        "total_tokens": 107,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    scripted.queue(Reply("hi", usage=counted))
    heard = await ask()
    assert heard.finish == "stop"
    assert heard.usage is not None
    assert (heard.usage.prompt_tokens, heard.usage.completion_tokens, heard.usage.total_tokens) == (100, 7, 107)
    assert (heard.usage.cached_input_tokens, heard.usage.reasoning_tokens) == (64, 5)


async def test_a_connection_serves_many_answers(ask: Asker, scripted: OpenAIServer) -> None:
    for _ in range(3):
        await ask()
    assert len({request.connection for request in scripted.chats}) == 1


async def test_tool_call_in_fragments(ask: Asker) -> None:
    heard = await ask('CALL weather {"city": "Reykjavík and all the other places"}', tools=[WEATHER])
    [(call_id, name, arguments)] = heard.calls
    assert call_id.startswith("call_")
    assert (name, arguments) == ("weather", '{"city": "Reykjav\\u00edk and all the other places"}')
    assert heard.finish == "tool_calls"


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_reasoning(ask: Asker, scripted: OpenAIServer, field: str) -> None:
    thought: Json = {"choices": [{"delta": {field: "Let me see. "}}]}
    scripted.queue(Reply(chunks=(thought, thought, HELLO, STOP, "[DONE]")))
    heard = await ask()
    assert (heard.reasoning, heard.text) == ("Let me see. Let me see. ", "Hel")


async def test_content_as_typed_parts(ask: Asker, scripted: OpenAIServer) -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "yes"}]
    scripted.queue(Reply(chunks=({"choices": [{"delta": {"content": parts}}]}, STOP)))
    heard = await ask()
    assert (heard.reasoning, heard.text) == ("hm", "yes")


PARALLEL = [("weather", '{"city":"Oslo"}'), ("weather", '{"city":"Rome"}')]
FREE_SPELLINGS: dict[str, tuple[Json, ...]] = {
    "interleaved by index": (
        fragment(index=0, id="call_aaaaaa", function={"name": "weather", "arguments": ""}),
        fragment(index=1, id="call_bbbbbb", function={"name": "weather", "arguments": '{"city":'}),
        fragment(index=0, function={"arguments": '{"city":"Oslo"}'}),
        fragment(index=1, function={"arguments": '"Rome"}'}),
    ),
    "whole calls, all at index 0": (
        fragment(index=0, id="call_aaaaaa", function={"name": "weather", "arguments": '{"city":"Oslo"}'}),
        fragment(index=0, id="call_bbbbbb", function={"name": "weather", "arguments": '{"city":"Rome"}'}),
    ),
    "no ids, index always 0": (
        fragment(index=0, function={"name": "weather", "arguments": '{"city":"Oslo"}'}),
        fragment(index=0, function={"name": "weather", "arguments": '{"city":"Rome"}'}),
    ),
    "neither id nor index": (
        fragment(function={"name": "weather", "arguments": '{"city":'}),
        fragment(function={"arguments": '"Oslo"}'}),
        fragment(function={"name": "weather", "arguments": '{"city":"Rome"}'}),
    ),
    "arguments as an object": (
        fragment(index=0, id="call_aaaaaa", function={"name": "weather", "arguments": {"city": "Oslo"}}),
        fragment(index=1, id="call_bbbbbb", function={"name": "weather", "arguments": {"city": "Rome"}}),
    ),
    "id and name in every fragment": (
        fragment(index=0, id="call_aaaaaa", function={"name": "weather", "arguments": '{"city":'}),
        fragment(index=0, id="call_aaaaaa", function={"name": "weather", "arguments": '"Oslo"}'}),
        fragment(index=1, id="call_bbbbbb", function={"name": "weather", "arguments": '{"city":'}),
        fragment(index=1, id="call_bbbbbb", function={"name": "weather", "arguments": '"Rome"}'}),
    ),
    "name after the id": (
        fragment(index=0, id="call_aaaaaa", function={"arguments": '{"city":'}),
        fragment(index=0, function={"name": "weather", "arguments": '"Oslo"}'}),
        fragment(index=1, id="call_bbbbbb", function={"name": "weather", "arguments": '{"city":"Rome"}'}),
    ),
}


@pytest.mark.parametrize("spelling", FREE_SPELLINGS)
async def test_tool_calls_however_they_are_cut(ask: Asker, scripted: OpenAIServer, spelling: str) -> None:
    scripted.queue(Reply(chunks=(*FREE_SPELLINGS[spelling], STOP, "[DONE]")))
    heard = await ask()
    assert heard.error is None
    assert [(name, arguments) for _, name, arguments in heard.calls] == PARALLEL
    assert len({call_id for call_id, _, _ in heard.calls}) == 2
    assert heard.finish == "tool_calls"


async def test_ids_that_only_count_are_replaced(ask: Asker, scripted: OpenAIServer) -> None:
    whole = fragment(index=0, id="call_0", function={"name": "weather", "arguments": "{}"})
    scripted.queue(Reply(chunks=(whole, STOP)), Reply(chunks=(whole, STOP)))
    first, second = await ask(), await ask()
    assert first.calls[0][0] != second.calls[0][0]


async def test_plain_json_instead_of_a_stream(ask: Asker, scripted: OpenAIServer) -> None:
    reply = Reply("Look outside.", calls=(("weather", {"city": "Oslo"}),), reasoning="hm", plain=True)
    scripted.queue(reply)
    heard = await ask()
    assert (heard.text, heard.reasoning, heard.finish) == ("Look outside.", "hm", "tool_calls")
    assert heard.calls[0][1:] == ("weather", '{"city": "Oslo"}')
    assert heard.usage is not None


async def test_comments_and_carriage_returns_in_the_stream(ask: Asker, scripted: OpenAIServer) -> None:
    body = b': waiting\r\n\r\nevent: x\r\ndata: {"choices":[{"delta":{"content":"hi"}}]}\r\n\r\n'
    body += b'data:{"choices":[{"delta":{},"finish_reason":"stop"}]}'
    scripted.queue(Reply(raw=body, headers={"content-type": "text/event-stream"}))
    heard = await ask()
    assert (heard.text, heard.finish) == ("hi", "stop")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<html>Welcome</html>", "not JSON"),
        (b"{", "not JSON"),
        (b"[1, 2]", "no JSON object"),
        (b'data: {"choices": [null]}\n\n', "without a choice"),
        (b'data: {"choices": {"a": 1}}\n\n', "without a choice"),
        (
            b'data: {"choices": [{"delta": {"tool_calls": [{"index": 0}]}, "finish_reason": "stop"}]}\n\n',
            "without naming",
        ),
        (b'data: {"error": {"message": "GPU on fire", "code": 503}}\n\n', "GPU on fire"),
        (b'{"object": "error", "message": "bad luck"}', "bad luck"),
    ],
)
async def test_malformed_answers(ask: Asker, scripted: OpenAIServer, body: bytes, says: str) -> None:
    scripted.queue(Reply(raw=body))
    heard = await ask()
    assert heard.error is not None
    assert says in heard.error.detail
    assert "openai" in heard.error.detail
    assert "127.0.0.1" in heard.error.detail


@pytest.mark.parametrize("chunks", [(), (STOP, "[DONE]"), ("[DONE]",)])
async def test_an_empty_answer_is_an_error(ask: Asker, scripted: OpenAIServer, chunks: tuple[Json | str, ...]) -> None:
    scripted.queue(Reply(chunks=chunks))
    heard = await ask()
    assert heard.error is not None
    assert heard.error.code == "llm_empty_response"


@pytest.mark.parametrize(("sent", "finish"), [("length", "length"), ("content_filter", "content_filter")])
async def test_why_it_stopped(ask: Asker, scripted: OpenAIServer, sent: str, finish: str) -> None:
    scripted.queue(Reply("half a sen", finish=sent))
    assert (await ask()).finish == finish


async def test_a_cut_connection_after_text_is_a_broken_stream(ask: Asker, scripted: OpenAIServer) -> None:
    scripted.queue(Reply("one two three four", cut_after=3))
    heard = await ask()
    assert heard.text == "one two "
    assert isinstance(heard.error, StreamBroken)
    assert heard.error.code == "stream_incomplete"
    assert len(scripted.chats) == 1, "what was already passed on is not asked for again"


async def test_a_stream_without_an_end_is_broken(ask: Asker, scripted: OpenAIServer) -> None:
    scripted.queue(Reply(chunks=(HELLO,)))
    heard = await ask()
    assert isinstance(heard.error, StreamBroken)


async def test_rubbish_after_text_is_a_broken_stream(ask: Asker, scripted: OpenAIServer) -> None:
    scripted.queue(Reply(chunks=(HELLO, "{not json")))
    assert isinstance((await ask()).error, StreamBroken)


async def test_silence_after_text_is_a_broken_stream(scripted: OpenAIServer, ask: Asker) -> None:
    scripted.queue(Reply("one two", chunk_delay=2))
    got: list[object] = []
    with pytest.raises(StreamBroken):
        async for delta in ask.provider(timeout=0.2).stream(Call("m", [message("user", "hi")])):
            got.append(delta)
    assert not got or isinstance(got[0], TextDelta | ReasoningDelta)


async def test_closing_the_answer_closes_the_request(scripted: OpenAIServer, ask: Asker) -> None:
    scripted.queue(Reply(" ".join(["word"] * 1000), chunk_delay=0.02))
    stream = ask.provider().stream(Call("gpt-4o-mini", [message("user", "talk")]))
    async with aclosing(cast(AsyncGenerator[Delta, None], stream)) as deltas:
        async for _ in deltas:
            break
    assert await asyncio.to_thread(scripted.dropped.wait, 5)


async def test_cancelling_the_task_closes_the_request(scripted: OpenAIServer, ask: Asker) -> None:
    scripted.queue(Reply("never", delay=30))
    task = asyncio.create_task(ask("talk"))
    assert await asyncio.to_thread(scripted.asked.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(scripted.dropped.wait, 5)


MEANINGLESS: list[tuple[Any, ...]] = [
    (STOP, STOP, STOP, "[DONE]", "[DONE]"),
    ({"choices": None}, {"choices": []}, {}, STOP),
    ({"choices": [{"index": 0, "delta": None, "finish_reason": None}]}, STOP),
    ({"choices": [{"delta": {"content": None, "tool_calls": None, "reasoning_content": None}}]}, STOP),
    ({"choices": [{"delta": {"tool_calls": [], "content": ""}}]}, {"choices": [{"finish_reason": "stop"}]}),
    ({"choices": [{"delta": {"tool_calls": [None, "x", {}][:2]}}]}, STOP),
    ({"choices": [{"index": 1, "delta": {"content": "another choice"}}]}, STOP),
    ({"usage": None, "choices": [{"delta": {}}]}, {"usage": "many", "choices": []}, STOP),
    ({"choices": [{"delta": {}, "message": {"content": "Hel"}, "finish_reason": "stop"}]},),
]


@pytest.mark.parametrize("chunks", MEANINGLESS)
async def test_what_means_nothing_is_passed_over(
    ask: Asker, scripted: OpenAIServer, chunks: tuple[Json | str, ...]
) -> None:
    scripted.queue(Reply(chunks=(HELLO, *chunks)))
    heard = await ask()
    assert (heard.text, heard.finish, heard.error, heard.calls) == ("Hel", "stop", None, [])


async def test_of_several_choices_the_first_counts(ask: Asker, scripted: OpenAIServer) -> None:
    both = {"choices": [{"index": 1, "delta": {"content": "B"}}, {"index": 0, "delta": {"content": "A"}}]}
    scripted.queue(Reply(chunks=(both, both, STOP)))
    assert (await ask()).text == "AA"


async def test_a_call_that_comes_twice_is_one_call(ask: Asker, scripted: OpenAIServer) -> None:
    whole = fragment(index=0, id="call_aaaaaa", function={"name": "weather", "arguments": '{"city":"Oslo"}'})
    scripted.queue(Reply(chunks=(whole, whole, STOP)))
    assert [call[1:] for call in (await ask()).calls] == [PARALLEL[0]]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"<html>Sign in</html>", {"content-type": "text/html"}),
        (b"\x1f\x8bnot gzip at all", {"content-encoding": "gzip"}),
        (b"\xff\xfe\x00\x01", {}),
        (b"data: \xff\xfe\n\n", {}),
    ],
)
async def test_bodies_that_are_no_answer(
    ask: Asker, scripted: OpenAIServer, body: bytes, headers: dict[str, str]
) -> None:
    scripted.queue(Reply(raw=body, headers=headers))
    heard = await ask()
    assert heard.error is not None
    assert heard.error.code == "llm_error"
    assert "OPENAI_API_BASE" in heard.error.detail


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_characters_that_are_cut_in_the_middle(size: int) -> None:
    said = "Grüße 🦊 漢字"
    body = f'data: {{"choices": [{{"delta": {{"content": "{said}"}}}}]}}\r\n\r\ndata: [DONE]\n\n'.encode()
    framing, answer = Events(), ChatAnswer(Target("openai", "http://x"), "m")
    cut = [body[at : at + size] for at in range(0, len(body), size)]
    deltas = [delta for piece in cut for data in framing.feed(piece) for delta in answer.read(data)]
    assert "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)) == said


ENCRYPTED = {"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_1", "format": "openai-responses-v1", "index": 0}


async def test_detailed_reasoning_goes_back_as_it_came(ask: Asker, scripted: OpenAIServer) -> None:
    signed = {"type": "reasoning.text", "text": "", "signature": "sig==", "format": "anthropic-claude-v1", "index": 0}
    details = [{"type": "reasoning.text", "text": text, "index": 0} for text in ("Let me ", "see.")]
    thoughts = [{"choices": [{"delta": {"reasoning": each["text"], "reasoning_details": [each]}}]} for each in details]
    ends = [{"choices": [{"delta": {"reasoning_details": [each]}}]} for each in (signed, ENCRYPTED)]
    scripted.queue(Reply(chunks=(*thoughts, *ends, HELLO, STOP)))
    answer = Answer()
    async for delta in ask.provider().stream(Call("m", [message("user", "hi")])):
        answer.add(delta)
    assert [type(part).__name__ for part in answer.parts] == ["ReasoningPart", "RedactedReasoningPart", "TextPart"]
    models = ask.models({"OPENROUTER_API_KEY": "k"})
    card = models.card("openrouter/anthropic/claude-sonnet-4.5")
    body = models.provider(card).preview(Call(card.name, [message("assistant", answer.parts)]))
    [wire] = body["messages"]
    assert wire["reasoning_details"] == [{**signed, "text": "Let me see."}, ENCRYPTED]


async def test_official_reasoning_models_think_without_showing_what(ask: Asker, scripted: OpenAIServer) -> None:
    [place] = catalog.configured({"OPENAI_API_KEY": "k"})
    row = catalog.row_of("openai")
    assert row is not None
    for name, omitted in (("gpt-5", True), ("gpt-4.1", False)):
        scripted.queue(Reply("Done."))
        client = ModelClient()
        provider = OpenAI(client, place, row, Target("openai", scripted.url))
        heard = await hear(provider, Call(name, [message("user", "hi")]))
        await client.close()
        assert (heard.omitted, heard.text) == (omitted, "Done.")


async def test_the_tokens_that_were_chosen(ask: Asker, scripted: OpenAIServer) -> None:
    told = {"content": [{"token": "Hel", "bytes": [72], "logprob": -0.1, "top_logprobs": []}], "refusal": None}
    chunk = {"choices": [{"index": 0, "delta": {"content": "Hel"}, "logprobs": told, "token_ids": [7, 8]}]}
    odd = {"choices": [{"delta": {}, "logprobs": {"content": [{"odd": 1}]}, "token_ids": "x"}]}
    scripted.queue(Reply(chunks=(chunk, odd, STOP)))
    [sampled] = (await ask()).sampled
    assert (sampled.logprobs, sampled.ids) == (told["content"], [7, 8])
