"""Gemini's protocol: what is asked, and what is understood of the answers."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from google import genai

from holdfast.errors import ModelError
from holdfast.llm import catalog
from holdfast.llm.failures import ContextOverflow, StreamBroken
from holdfast.llm.model import Call, TextDelta, ToolCallDelta, ToolSchema
from holdfast.llm.models import Models
from holdfast.messages.model import Base64Image, ImagePart, ReasoningPart, TextPart, ToolCallPart, ToolReturnPart
from tests.fakes.gemini_server import KEY, GeminiServer
from tests.fakes.openai_script import Json, Reply
from tests.llm.asking import WEATHER, Asker, Heard, hear, message

FLASH, NEWER = "gemini-2.5-flash", "gemini-3-pro-preview"
HELLO = Call(FLASH, [message("system", "You are brief."), message("user", "hello")])
PIXEL = b64encode(b"\x89PNG\r\n\x1a\n pixel").decode()


@pytest.fixture(scope="module")
def served() -> Iterator[GeminiServer]:
    with GeminiServer() as server:
        yield server


@pytest.fixture
def server(served: GeminiServer) -> GeminiServer:
    served.reset()
    return served


@pytest_asyncio.fixture
async def models(ask: Asker, server: GeminiServer) -> AsyncIterator[Models]:
    yield ask.models({"GEMINI_API_KEY": KEY, "GEMINI_BASE_URL": server.url})


async def say(models: Models, call: Call = HELLO, **changed: Any) -> Heard:
    call = replace(call, **changed)
    return await hear(models.provider(models.card(f"google_ai/{call.model}")), call)


async def test_a_whole_answer(models: Models, server: GeminiServer) -> None:
    server.queue(Reply("Good day to you.", reasoning="They greet me."))
    heard = await say(models)
    assert (heard.text, heard.reasoning, heard.finish, heard.error) == (
        "Good day to you.",
        "They greet me.",
        "stop",
        None,
    )
    assert heard.usage is not None
    assert (heard.usage.prompt_tokens, heard.usage.cached_input_tokens, heard.usage.reasoning_tokens) == (100, 64, 3)
    assert heard.usage.total_tokens == heard.usage.prompt_tokens + heard.usage.completion_tokens
    [request] = server.requests
    assert request.path == f"/v1beta/models/{FLASH}:streamGenerateContent?alt=sse"
    assert request.headers["x-goog-api-key"] == KEY, "a key in the address would be in every log"


@pytest.mark.parametrize("ending", ["", "/", "/v1beta", "/v1beta/", "/v1beta/openai/", "/v1beta/models"])
async def test_every_spelling_of_the_address(ask: Asker, server: GeminiServer, ending: str) -> None:
    heard = await say(ask.models({"GEMINI_API_KEY": KEY, "GEMINI_BASE_URL": server.url + ending}))
    assert heard.error is None


@pytest.mark.parametrize("address", ["https://generativelanguage.googleapis.com", "https://proxy.example/gemini/"])
def test_addresses(address: str) -> None:
    [place] = catalog.configured({"GEMINI_API_KEY": KEY, "GEMINI_BASE_URL": address})
    assert place.base_url == f"{address.rstrip('/')}/v1beta"
    assert [found.base_url for found in catalog.configured({"GEMINI_API_KEY": KEY})] == [
        "https://generativelanguage.googleapis.com/v1beta"
    ]
    if "googleapis" in address:
        assert catalog.configured({"GEMINI_BASE_URL": address}) == [], "Google's own service needs a key"


async def test_the_list_has_all_pages(models: Models, server: GeminiServer) -> None:
    cards = {card.name: card for card in await models.list()}
    assert set(cards) == {"gemini-2.5-flash", "gemini-9-pro", "demo"}
    newest = cards["gemini-9-pro"]
    assert (newest.context_window, newest.max_output_tokens, newest.images, newest.reasoning) == (
        2_097_152,
        65_536,
        True,
        True,
    )
    assert (await say(models, model="gemini-9-pro", max_tokens=100_000)).error is None
    assert server.chats[-1]["generationConfig"] == {
        "maxOutputTokens": 65_536,
        "thinkingConfig": {"includeThoughts": True},
    }


async def test_tool_calls(models: Models, server: GeminiServer) -> None:
    server.queue(Reply("I look.", calls=(("weather", {"city": "Oslo"}), ("weather", {}))))
    heard = await say(models, tools=[WEATHER])
    assert [(name, json.loads(arguments)) for _, name, arguments in heard.calls] == [
        ("weather", {"city": "Oslo"}),
        ("weather", {}),
    ]
    assert (heard.text, heard.finish) == ("I look.", "tool_calls")
    assert len({id for id, _, _ in heard.calls}) == 2


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ("weather", {"mode": "ANY", "allowedFunctionNames": ["weather"]}),
    ],
)
async def test_the_choice_of_tools(models: Models, server: GeminiServer, choice: str, sent: Json) -> None:
    nothing = ToolSchema("nothing", "Takes nothing.", {"type": "object", "properties": {}})
    assert (await say(models, tools=[WEATHER, nothing], tool_choice=choice)).error is None
    assert server.chats[0]["toolConfig"] == {"functionCallingConfig": sent}
    assert server.chats[0]["tools"] == [
        {
            "functionDeclarations": [
                {"name": "weather", "description": "Tells the weather.", "parametersJsonSchema": WEATHER.parameters},
                {"name": "nothing", "description": "Takes nothing."},
            ]
        }
    ]


async def test_user_and_model_take_turns(models: Models, server: GeminiServer) -> None:
    call = ToolCallPart(id="call_1", name="weather", arguments='{"city": "Oslo"}', signature="c2lnbmVk")
    second = ToolCallPart(id="call_2", name="weather", arguments="[1]")
    said = [
        message("system", "You are brief."),
        message("assistant", "Hello!"),
        message("user", "one"),
        message("user", [TextPart(text="two"), ImagePart(source=Base64Image(media_type="image/png", data=PIXEL))]),
        message("assistant", [ReasoningPart(reasoning="hm", signature="x"), call, second], model=FLASH),
        message("tool", [_returned("call_1", "cold"), _returned("call_2", "no list", status="error")]),
        message("user", "and?"),
        message("approval", []),
        message("assistant", [TextPart(text="It is cold.", signature="dGV4dA==")], model=FLASH),
        message("user", "thanks"),
    ]
    assert (await say(models, messages=said, tools=[WEATHER])).error is None
    sent = server.chats[0]
    assert sent["systemInstruction"] == {"parts": [{"text": "You are brief."}]}
    assert sent["contents"] == [
        {"role": "user", "parts": [{"text": "[The conversation begins.]"}]},
        {"role": "model", "parts": [{"text": "Hello!"}]},
        {
            "role": "user",
            "parts": [{"text": "one"}, {"text": "two"}, {"inlineData": {"mimeType": "image/png", "data": PIXEL}}],
        },
        {
            "role": "model",
            "parts": [
                {
                    "functionCall": {"id": "call_1", "name": "weather", "args": {"city": "Oslo"}},
                    "thoughtSignature": "c2lnbmVk",
                },
                {"functionCall": {"id": "call_2", "name": "weather", "args": {"value": [1]}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "call_1", "name": "weather", "response": {"output": "cold"}}},
                {"functionResponse": {"id": "call_2", "name": "weather", "response": {"error": "no list"}}},
                {"text": "and?"},
            ],
        },
        {"role": "model", "parts": [{"text": "It is cold.", "thoughtSignature": "dGV4dA=="}]},
        {"role": "user", "parts": [{"text": "thanks"}]},
    ]


async def test_signatures_are_told_and_belong_to_their_model(models: Models, server: GeminiServer) -> None:
    server.queue(Reply("Yes.", calls=(("weather", {}),)), Reply("Plain."))
    deltas = [
        delta async for delta in models.provider(models.card(f"google_ai/{NEWER}")).stream(replace(HELLO, model=NEWER))
    ]
    [signature] = [delta.signature for delta in deltas if isinstance(delta, ToolCallDelta)]
    plain = [
        delta async for delta in models.provider(models.card(f"google_ai/{NEWER}")).stream(replace(HELLO, model=NEWER))
    ]
    assert [delta.text for delta in plain if isinstance(delta, TextDelta) and delta.signature] == [""]
    assert signature
    called = ToolCallPart(id="c1", name="weather", arguments="{}", signature=signature)
    for spoke, sent in ((NEWER, signature), (FLASH, "skip_thought_signature_validator")):
        said = [
            message("user", "hi"),
            message("assistant", [called], model=spoke),
            message("tool", [_returned("c1", "x")]),
        ]
        assert (await say(models, model=NEWER, messages=said)).error is None
        assert server.chats[-1]["contents"][1]["parts"][0]["thoughtSignature"] == sent


@pytest.mark.parametrize(
    ("model", "settings", "sent"),
    [
        (FLASH, {}, {"includeThoughts": True}),
        (FLASH, {"thinking_config": {"thinking_budget": 2048}}, {"includeThoughts": True, "thinkingBudget": 2048}),
        (FLASH, {"thinking_config": {"thinking_budget": 0}}, {"includeThoughts": False, "thinkingBudget": 0}),
        (FLASH, {"thinking_config": {"include_thoughts": False}}, {"includeThoughts": False}),
        (FLASH, {"enable_reasoner": False}, {"includeThoughts": False, "thinkingBudget": 0}),
        (FLASH, {"max_reasoning_tokens": 300}, {"includeThoughts": True, "thinkingBudget": 300}),
        (FLASH, {"reasoning_effort": "medium"}, {"includeThoughts": True, "thinkingBudget": 8192}),
        ("gemini-2.5-pro", {"enable_reasoner": False}, {"includeThoughts": False, "thinkingBudget": 128}),
        (NEWER, {"thinking_config": {"thinking_budget": 1024}}, {"includeThoughts": True}),
        (NEWER, {"reasoning_effort": "minimal"}, {"includeThoughts": True, "thinkingLevel": "LOW"}),
        (NEWER, {"reasoning_effort": "medium"}, {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        ("gemini-3-flash-preview", {"enable_reasoner": False}, {"includeThoughts": False, "thinkingLevel": "MINIMAL"}),
        ("gemini-7-flash", {"reasoning_effort": "xhigh"}, {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        ("gemini-2.0-flash", {"reasoning_effort": "high"}, None),
    ],
)
async def test_thinking(
    models: Models, server: GeminiServer, model: str, settings: dict[str, Any], sent: Json | None
) -> None:
    assert (await say(models, model=model, settings=settings)).error is None
    assert server.chats[0]["generationConfig"].get("thinkingConfig") == sent


SCHEMA = {"type": "object", "properties": {"mood": {"const": "good"}}, "additionalProperties": False, "default": {}}
CLEAN = {"type": "object", "properties": {"mood": {"enum": ["good"]}}, "additionalProperties": False}


async def test_structured_answers(models: Models, server: GeminiServer) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "mood", "schema": SCHEMA}}
    chosen: list[dict[str, Any]] = [
        {"response_format": form},
        {"settings": {"response_schema": form}},
        {"response_format": form, "tools": [WEATHER], "model": NEWER},
    ]
    for changed in chosen:
        assert (await say(models, **changed)).error is None
        config = server.chats[-1]["generationConfig"]
        assert (config["responseMimeType"], config["responseJsonSchema"]) == ("application/json", CLEAN)
    assert (await say(models, response_format=form, tools=[WEATHER])).error is None
    assert "responseMimeType" not in server.chats[-1]["generationConfig"], "older models take no form beside tools"


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("SPII", "content_filter"),
    ],
)
async def test_why_it_stopped(models: Models, server: GeminiServer, finish: str, reason: str) -> None:
    server.queue(Reply("So far", finish=finish))
    heard = await say(models)
    assert (heard.finish, heard.text, heard.error) == (reason, "So far", None)


@pytest.mark.parametrize("finish", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "OTHER", "NEW_REASON"])
async def test_an_answer_that_google_threw_away_is_asked_for_again(
    models: Models, server: GeminiServer, finish: str
) -> None:
    spoiled = Reply(chunks=({"candidates": [{"finishReason": finish, "finishMessage": "call:weather(", "index": 0}]},))
    server.queue(spoiled, spoiled, Reply("there"))
    assert (await say(models)).text == "there"
    server.queue(spoiled, spoiled, spoiled)
    heard = await say(models)
    assert heard.error is not None
    assert finish in heard.error.detail
    assert len(server.chats) == 6
    server.queue(Reply("So far", finish=finish))
    assert isinstance((await say(models)).error, StreamBroken), "what was passed on is not said twice"


@pytest.mark.parametrize(
    ("reply", "code", "says"),
    [
        (Reply(chunks=({"promptFeedback": {"blockReason": "SAFETY"}},)), "llm_bad_request", "in other words"),
        (Reply(status=400, error="Invalid value at 'contents'"), "llm_bad_request", "Invalid value"),
        (Reply(status=403, error="Generative Language API has not been used"), "llm_authentication", "GEMINI_API_KEY"),
        (Reply(status=404, error="models/x is not found for API version v1beta"), "llm_bad_request", "not found"),
        (Reply(status=429, error="Quota exceeded", headers={"retry-delay": "3600s"}), "llm_rate_limit", "Quota"),
        (
            Reply(status=400, raw=b'[{"error": {"code": 400, "message": "in a list"}}]'),
            "llm_bad_request",
            "400: in a list",
        ),
        (Reply(raw=b"<html>hello</html>"), "llm_error", "not JSON"),
        (Reply(raw=b""), "llm_empty_response", "empty answer"),
        (Reply(raw=b'["nothing"]'), "llm_empty_response", "empty answer"),
        (Reply(raw=b"[{"), "llm_error", "not JSON"),
        (Reply(raw=b'data: "words"\n\n'), "llm_error", "no JSON object"),
        (Reply(chunks=({"error": {"code": 503, "message": "overloaded"}},)), "llm_error", "overloaded"),
        (Reply(chunks=({"candidates": [{"content": {}, "finishReason": "STOP"}]},)), "llm_empty_response", "empty"),
        (
            Reply(chunks=({"candidates": [None], "usageMetadata": "x", "promptFeedback": 3},)),
            "llm_empty_response",
            "empty",
        ),
        (
            Reply(chunks=({"candidates": [{"content": {"parts": [{"functionCall": {"args": {}}, "text": 3}]}}]},)),
            "llm_error",
            "naming",
        ),
    ],
)
async def test_failures_name_the_way_out(
    models: Models, server: GeminiServer, reply: Reply, code: str, says: str
) -> None:
    server.queue(reply)
    heard = await say(models)
    assert heard.error is not None
    assert heard.error.code == code
    assert says in heard.error.detail + heard.error.explanation


async def test_a_key_that_is_not_accepted(ask: Asker, server: GeminiServer) -> None:
    heard = await say(ask.models({"GEMINI_API_KEY": "wrong-key", "GEMINI_BASE_URL": server.url}))
    assert heard.error is not None
    assert heard.error.code == "llm_authentication"
    assert "GEMINI_API_KEY" in heard.error.detail
    assert "wrong-key" not in repr(heard.error) + heard.error.explanation


async def test_a_short_wait_that_google_asks_for_is_waited(models: Models, server: GeminiServer) -> None:
    server.queue(Reply(status=429, error="slow down", headers={"retry-delay": "0.01s"}), Reply("there"))
    assert (await say(models)).text == "there"


async def test_a_prompt_that_is_too_long_is_told_as_that(models: Models, server: GeminiServer) -> None:
    said = "The input token count (1300000) exceeds the maximum number of tokens allowed (1048576)."
    server.queue(Reply(status=400, error=said))
    assert isinstance((await say(models)).error, ContextOverflow)


@pytest.mark.parametrize(
    "reply",
    [
        Reply("one two three", cut_after=2),
        Reply(chunks=({"candidates": [{"content": {"parts": [{"text": "one"}]}}]},)),
        Reply(chunks=({"candidates": [{"content": {"parts": [{"text": "one"}]}}]}, {"error": {"message": "lost"}})),
        Reply(chunks=({"candidates": [{"content": {"parts": [{"text": "one"}]}}]}, '{"candid')),
    ],
)
async def test_an_answer_that_breaks_off(models: Models, server: GeminiServer, reply: Reply) -> None:
    server.queue(reply)
    heard = await say(models)
    assert isinstance(heard.error, StreamBroken)
    assert heard.text.startswith("one")
    assert len(server.chats) == 1


async def test_a_proxy_that_sends_everything_at_once(models: Models, server: GeminiServer) -> None:
    parts = [{"candidates": [{"content": {"parts": [{"text": word}]}}]} for word in ("one ", "two")]
    body = [*parts, {"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 7}}]
    server.queue(Reply(raw=json.dumps(body, indent=2).encode()))
    heard = await say(models)
    assert (heard.text, heard.finish, heard.error) == ("one two", "stop", None)


REPLIES = [
    Reply("Good day.", reasoning="They greet."),
    Reply("I look.", calls=(("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"}))),
    Reply("Too lo", finish="MAX_TOKENS"),
]


@pytest.mark.parametrize("reply", REPLIES)
async def test_the_scripted_server_is_understood_by_googles_own_sdk(server: GeminiServer, reply: Reply) -> None:
    client: Any = genai.Client(api_key=KEY, http_options={"base_url": server.url})
    server.queue(reply, reply)
    whole = await client.aio.models.generate_content(model=FLASH, contents="hello")
    pieces = [piece async for piece in await client.aio.models.generate_content_stream(model=FLASH, contents="hello")]
    streamed = [part for piece in pieces for part in piece.candidates[0].content.parts or ()]
    for parts in (whole.candidates[0].content.parts, streamed):
        assert "".join(part.text or "" for part in parts if not part.thought) == reply.text
        assert [part.function_call.name for part in parts if part.function_call] == [name for name, _ in reply.calls]
        assert [part.thought_signature[:9] for part in parts if part.thought_signature] == [b"signature"]
    assert whole.candidates[0].finish_reason == pieces[-1].candidates[0].finish_reason == (reply.finish or "STOP")
    assert whole.usage_metadata.cached_content_token_count == 64


async def test_nobody_there(ask: Asker) -> None:
    heard = await say(ask.models({"GEMINI_API_KEY": KEY, "GEMINI_BASE_URL": "http://127.0.0.1:9"}))
    assert isinstance(heard.error, ModelError)
    assert "GEMINI_BASE_URL" in heard.error.detail


def _returned(call_id: str, output: str, status: Any = "success") -> ToolReturnPart:
    return ToolReturnPart(call_id=call_id, name="weather", output=output, status=status)
