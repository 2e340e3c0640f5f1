"""Ollama's own protocol: what is asked, and what is understood of the answers of its various versions."""

import json
import logging
from base64 import b64encode
from typing import Any

import pytest
from ollama import AsyncClient

from holdfast.llm.model import ToolSchema
from holdfast.llm.models import Models
from holdfast.messages.model import (
    Base64Image,
    ImagePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UrlImage,
)
from tests.fakes.ollama_server import OllamaServer, described
from tests.fakes.openai_script import Reply
from tests.llm.asking import WEATHER, Asker, message
from tests.llm.ollama_asking import DONE, say

PIXEL = b64encode(b"\x89PNG\r\n\x1a\n pixel").decode()


async def test_a_whole_answer(ollama_models: Models, ollama: OllamaServer) -> None:
    ollama.queue(Reply("Good day to you.", reasoning="They greet me."))
    heard = await say(ollama_models)
    assert (heard.text, heard.reasoning, heard.finish, heard.error) == (
        "Good day to you.",
        "They greet me.",
        "stop",
        None,
    )
    assert heard.usage is not None
    assert heard.usage.total_tokens == heard.usage.prompt_tokens + heard.usage.completion_tokens > 2


async def test_the_request(ollama_models: Models, ollama: OllamaServer) -> None:
    await say(ollama_models, tools=[WEATHER], temperature=0.5, max_tokens=100, context_window=8192)
    [sent] = ollama.chats
    assert sent["options"] == {"temperature": 0.5, "num_ctx": 8192, "num_predict": 100}
    assert (sent["truncate"], sent["shift"], sent["stream"], sent["think"]) == (False, False, True, True)
    assert sent["tools"][0]["function"]["name"] == "weather"
    assert "keep_alive" not in sent, "how long a model stays loaded is the business of whoever runs Ollama"
    assert sent["messages"] == [
        {"role": "system", "content": "You are brief."},
        {"role": "user", "content": "hello"},
    ]


@pytest.mark.parametrize(
    ("wanted", "window", "parameters", "sent"),
    [
        (8192, 40_960, "", 8192),
        (100_000, 40_960, "", 40_960),
        (None, 131_072, "", 32_768),
        (None, 8192, "", 8192),
        (None, 131_072, 'stop   "<|im_end|>"\nnum_ctx                        16384', 16_384),
        (None, 8192, "num_ctx 999999999999999999999", 8192),
    ],
)
async def test_the_window_that_is_asked_for(
    ollama_models: Models, ollama: OllamaServer, wanted: int | None, window: int, parameters: str, sent: int
) -> None:
    ollama.models["qwen3:8b"] = described(window, "tools", parameters=parameters)
    await say(ollama_models, context_window=wanted)
    assert ollama.chats[0]["options"]["num_ctx"] == sent


async def test_the_list_says_what_each_model_can_do(ollama_models: Models, ollama: OllamaServer) -> None:
    ollama.models = {
        "llava:7b": described(4096, "vision", family="llama"),
        "nomic-embed-text:latest": described(2048, "embedding", family="nomic-bert") | {"capabilities": ["embedding"]},
        "qwen3:8b": described(131_072, "tools", "thinking"),
    }
    cards = {card.name: card for card in await ollama_models.list()}
    assert set(cards) == {"llava:7b", "qwen3:8b", "demo"}
    llava, qwen = cards["llava:7b"], cards["qwen3:8b"]
    assert (llava.context_window, llava.images, llava.tools, llava.reasoning) == (4096, True, False, False)
    assert (qwen.context_window, qwen.default_window, qwen.tools, qwen.reasoning) == (131_072, 32_768, True, True)
    assert "ollama/nomic-embed-text" in {card.handle for card in ollama_models.embedding_cards()}


async def test_an_ollama_that_cannot_describe_its_models(ollama_models: Models, ollama: OllamaServer) -> None:
    ollama.can_describe = False
    assert [card.name for card in await ollama_models.list()] == ["qwen3:8b", "demo"]
    ollama.queue(Reply("<think>hm, what</think>\n\nYes."))
    heard = await say(ollama_models, tools=[WEATHER])
    assert (heard.text, heard.reasoning) == ("Yes.", "hm, what")
    [sent] = ollama.chats
    assert "think" not in sent
    assert sent["options"]["num_ctx"] == 32_768


async def test_a_version_without_capabilities(ollama_models: Models, ollama: OllamaServer) -> None:
    del ollama.models["qwen3:8b"]["capabilities"]
    [card, _] = await ollama_models.list()
    assert (card.context_window, card.tools) == (40_960, True)


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/", "/api", "/api/chat", "/v1/chat/completions"])
async def test_every_spelling_of_the_address(ask: Asker, ollama: OllamaServer, ending: str) -> None:
    for address in (ollama.url + ending, ollama.url.removeprefix("http://") + ending):
        heard = await say(ask.models({"OLLAMA_BASE_URL": address}))
        assert heard.error is None, address
    assert len(ollama.chats) == 2


async def test_a_key_for_whatever_stands_before_ollama(ask: Asker, ollama: OllamaServer) -> None:
    await say(ask.models({"OLLAMA_BASE_URL": ollama.url, "OLLAMA_API_KEY": "sesame", "OLLAMA_KEEP_ALIVE": "-1"}))
    assert {request.headers.get("authorization") for request in ollama.requests} == {"Bearer sesame"}
    assert ollama.chats[0]["keep_alive"] == -1


async def test_tool_calls(ollama_models: Models, ollama: OllamaServer) -> None:
    ollama.queue(Reply(calls=(("weather", {"city": "Oslo"}), ("weather", {}))))
    heard = await say(ollama_models, tools=[WEATHER])
    assert [(name, json.loads(arguments)) for _, name, arguments in heard.calls] == [
        ("weather", {"city": "Oslo"}),
        ("weather", {}),
    ]
    assert heard.finish == "tool_calls"
    assert len({id for id, _, _ in heard.calls}) == 2


async def test_calls_with_ids_and_with_arguments_as_text(ollama_models: Models, ollama: OllamaServer) -> None:
    calls: list[Any] = [
        {"id": "call_abcdefgh", "function": {"index": 0, "name": "weather", "arguments": '{"city": "Rome"}'}},
        {"id": "1", "function": {"name": "weather", "arguments": None}},
        {"function": {"arguments": {}}},
        "nonsense",
    ]
    ollama.queue(Reply(chunks=({**DONE, "message": {"role": "assistant", "content": "", "tool_calls": calls}},)))
    heard = await say(ollama_models, tools=[WEATHER])
    [first, second] = heard.calls
    assert first == ("call_abcdefgh", "weather", '{"city": "Rome"}')
    assert second[0].startswith("call_")
    assert second[2] == "{}"


async def test_the_conversation_is_sent_back_in_ollamas_form(ollama_models: Models, ollama: OllamaServer) -> None:
    ollama.models["qwen3:8b"]["capabilities"].append("vision")
    call = ToolCallPart(id="call_1", name="weather", arguments='{"city": "Oslo"}')
    broken = ToolCallPart(id="call_2", name="weather", arguments="{oops")
    picture = ImagePart(source=Base64Image(media_type="image/png", data=PIXEL))
    far = ImagePart(source=UrlImage(url="https://pictures.example/cat.png"))
    said = [
        message("system", "You are brief."),
        message("user", [TextPart(text="look"), picture, far]),
        message("assistant", [ReasoningPart(reasoning="ask"), TextPart(text="I ask."), call, broken]),
        message("tool", [_returned("call_1", "cold"), _returned("call_2", "what?")]),
        message("user", "and?"),
    ]
    assert (await say(ollama_models, messages=said, tools=[WEATHER])).error is None
    assert ollama.chats[0]["messages"][1:] == [
        {
            "role": "user",
            "content": "look\n[An image at https://pictures.example/cat.png that qwen3:8b cannot see]",
            "images": [PIXEL],
        },
        {
            "role": "assistant",
            "content": "I ask.",
            "thinking": "ask",
            "tool_calls": [
                {"function": {"name": "weather", "arguments": {"city": "Oslo"}}},
                {"function": {"name": "weather", "arguments": {"malformed": "{oops"}}},
            ],
        },
        {"role": "tool", "tool_name": "weather", "content": "cold"},
        {"role": "tool", "tool_name": "weather", "content": "what?"},
        {"role": "user", "content": "and?"},
    ]


async def test_a_forced_tool_is_the_only_one_offered(ollama_models: Models, ollama: OllamaServer) -> None:
    other = ToolSchema("other", "", {"type": "object", "properties": {}})
    await say(ollama_models, tools=[WEATHER, other], tool_choice="other")
    await say(ollama_models, tools=[WEATHER, other], tool_choice="none")
    assert [tool["function"]["name"] for tool in ollama.chats[0]["tools"]] == ["other"]
    assert "tools" not in ollama.chats[1]


@pytest.mark.parametrize("choice", ["required", "weather"])
async def test_a_model_without_tools_is_held_to_the_form_of_a_call(
    ollama_models: Models, ollama: OllamaServer, choice: str
) -> None:
    ollama.models["qwen3:8b"] = described(8192, "insert")
    ollama.queue(Reply(' {"name": "weather", "arguments": {"city": "Oslo"}}'))
    heard = await say(ollama_models, tools=[WEATHER], tool_choice=choice)
    assert [call[1:] for call in heard.calls] == [("weather", '{"city":"Oslo"}')]
    assert (heard.finish, heard.text) == ("tool_calls", "")
    [sent] = ollama.chats
    assert "tools" not in sent
    assert sent["format"]["properties"]["name"] == {"type": "string", "enum": ["weather"]}
    assert "Tells the weather." in sent["messages"][0]["content"]


async def test_a_forced_call_that_is_none_is_text(ollama_models: Models, ollama: OllamaServer) -> None:
    ollama.models["qwen3:8b"] = described(8192, "insert")
    ollama.queue(Reply('{"name": "weather", "argum', finish="length"))
    heard = await say(ollama_models, tools=[WEATHER], tool_choice="required")
    assert (heard.text, heard.finish, heard.calls) == ('{"name": "weather", "argum', "length", [])


async def test_a_model_that_turns_out_to_know_no_tools(
    ollama_models: Models, ollama: OllamaServer, caplog: pytest.LogCaptureFixture
) -> None:
    ollama.refuses = "registry.ollama.ai/library/qwen3:8b does not support tools"
    with caplog.at_level(logging.WARNING, "holdfast.models"):
        heard = await say(ollama_models, tools=[WEATHER])
        await say(ollama_models, tools=[WEATHER])
    assert heard.error is None
    assert ["tools" in sent for sent in ollama.chats] == [True, False, False]
    assert [record.message for record in caplog.records] == [
        "ollama/qwen3:8b: registry.ollama.ai/library/qwen3:8b does not support tools; it is asked without"
    ]


async def test_a_model_that_turns_out_not_to_think(ollama_models: Models, ollama: OllamaServer) -> None:
    ollama.refuses = '"qwen3:8b" does not support thinking'
    assert (await say(ollama_models)).error is None
    assert ["think" in sent for sent in ollama.chats] == [True, False]


@pytest.mark.parametrize(
    ("family", "settings", "think"),
    [
        ("qwen3", {}, True),
        ("qwen3", {"enable_reasoner": False}, False),
        ("qwen3", {"reasoning": {"reasoning_effort": "high"}}, True),
        ("qwen3", {"reasoning_effort": "none"}, False),
        ("gptoss", {}, "medium"),
        ("gptoss", {"reasoning_effort": "minimal"}, "low"),
        ("gptoss", {"reasoning_effort": "xhigh"}, "high"),
        ("gptoss", {"enable_reasoner": False}, "low"),
    ],
)
async def test_thinking(
    ollama_models: Models, ollama: OllamaServer, family: str, settings: dict[str, Any], think: bool | str
) -> None:
    ollama.models["qwen3:8b"] = described(8192, "thinking", family=family)
    assert (await say(ollama_models, settings=settings)).error is None
    assert ollama.chats[0]["think"] == think


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({"type": "json_object"}, "json"),
        ({"type": "text"}, None),
        (
            {
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": {"$ref": "#/$defs/A", "$defs": {"A": {"type": "object"}}}},
            },
            {"type": "object"},
        ),
        ({"type": "json_schema", "json_schema": {"type": "object"}}, {"type": "object"}),
    ],
)
async def test_structured_answers(
    ollama_models: Models, ollama: OllamaServer, asked: dict[str, Any], sent: Any
) -> None:
    assert (await say(ollama_models, response_format=asked)).error is None
    assert ollama.chats[0].get("format") == sent


async def test_references_in_the_schema_of_a_tool_are_written_out(ollama_models: Models, ollama: OllamaServer) -> None:
    parameters = {
        "type": "object",
        "properties": {"place": {"$ref": "#/$defs/Place"}, "anything": True},
        "$defs": {"Place": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Place"}}}},
    }
    assert (await say(ollama_models, tools=[ToolSchema("go", "", parameters)])).error is None
    assert ollama.chats[0]["tools"][0]["function"]["parameters"] == {
        "type": "object",
        "properties": {"place": {"type": "object", "properties": {"next": {}}}, "anything": {}},
    }


async def test_only_models_that_were_pulled_are_the_default(ask: Asker, ollama: OllamaServer) -> None:
    models = ask.models({"OLLAMA_BASE_URL": ollama.url})
    ollama.models = {"llama2:7b": described(4096, "insert"), "mistral-nemo:latest": described(8192, "tools")}
    assert models.default == "ollama/qwen3:8b", "nothing is known of it yet"
    await models.settle()
    assert models.default == "ollama/mistral-nemo:latest", "one that knows tools is better than one that does not"
    assert models.card("mistral-nemo").handle == "ollama/mistral-nemo"
    assert models.card("ollama/mistral-nemo").context_window == 8192
    assert (await say(models, model="mistral-nemo")).error is None


async def test_an_ollama_with_no_models_is_not_the_default(ask: Asker, ollama: OllamaServer) -> None:
    ollama.models = {}
    models = ask.models({"OLLAMA_BASE_URL": ollama.url})
    await models.settle()
    assert models.default == "holdfast/demo"
    assert [card.handle for card in await models.list()] == ["holdfast/demo"]


async def test_a_dead_ollama_stays_the_default(ask: Asker) -> None:
    models = ask.models({"OLLAMA_BASE_URL": "http://127.0.0.1:9"})
    await models.settle()
    assert models.default == "ollama/qwen3:8b", "so that the next turn says what is wrong"


REPLIES = [
    Reply("Good day."),
    Reply("Good day.", reasoning="They greet."),
    Reply("I look.", calls=(("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"}))),
    Reply("Too lo", finish="length"),
]


@pytest.mark.parametrize("reply", REPLIES)
async def test_the_scripted_server_is_understood_by_ollamas_own_sdk(ollama: OllamaServer, reply: Reply) -> None:
    client: Any = AsyncClient(host=ollama.url)
    ollama.queue(reply, reply)
    asked: list[dict[str, Any]] = [{"role": "user", "content": "hello"}]
    whole = await client.chat("qwen3:8b", asked)
    pieces = [piece async for piece in await client.chat("qwen3:8b", asked, stream=True)]
    assert whole.message.content == "".join(piece.message.content or "" for piece in pieces) == reply.text
    assert [call.function.name for call in whole.message.tool_calls or ()] == [name for name, _ in reply.calls]
    assert whole.done_reason == pieces[-1].done_reason == (reply.finish or "stop")
    assert [model.model for model in (await client.list()).models] == ["qwen3:8b"]
    shown = await client.show("qwen3:8b")
    assert shown.capabilities == ["completion", "tools", "thinking"]
    assert (shown.modelinfo or {})["qwen3.context_length"] == 40_960


def _returned(call_id: str, output: str) -> ToolReturnPart:
    return ToolReturnPart(call_id=call_id, name="weather", output=output)
