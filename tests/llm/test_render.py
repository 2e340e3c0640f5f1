"""Requests as a chat-completions server gets them."""

import json
from typing import Any

import openai
import pytest
from openai.types.chat import completion_create_params as params
from pydantic import TypeAdapter

from holdfast.llm.model import Call, ToolSchema
from holdfast.messages.model import (
    ApprovalPart,
    Base64Image,
    ImagePart,
    Message,
    ReasoningPart,
    StoredImage,
    ToolCallPart,
    ToolReturnPart,
    UrlImage,
)
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.llm.asking import WEATHER, Asker, message

Json = dict[str, Any]
KEYS: dict[str, str] = dict.fromkeys(
    ("OPENAI_API_KEY", "DEEPSEEK_API_KEY", "MISTRAL_API_KEY", "GROQ_API_KEY", "ZAI_API_KEY", "OPENROUTER_API_KEY"),
    "key",
) | {"VLLM_API_BASE": "http://127.0.0.1:9"}


def sent(ask: Asker, *messages: Message, handle: str = "openai/gpt-4.1", **options: Any) -> Json:
    """The request for these messages, to the provider's own server."""
    models = ask.models(KEYS)
    card = models.card(handle)
    return json.loads(json.dumps(models.provider(card).preview(Call(card.name, messages, **options))))


def rendered(ask: Asker, *messages: Message, handle: str = "openai/gpt-4.1") -> list[Json]:
    return sent(ask, *messages, handle=handle)["messages"]


CALL = ToolCallPart(id="call_1234567890", name="weather", arguments='{"city":"Oslo"}')


def test_each_role(ask: Asker) -> None:
    messages = [
        message("system", "Be brief."),
        message("summary", "They talked about rain."),
        message("user", "And now?"),
        message("assistant", [ReasoningPart(reasoning="hm"), *message("assistant", "I look.").content, CALL]),
        message("tool", [ToolReturnPart(call_id=CALL.id, name="weather", output="sun")]),
    ]
    assert rendered(ask, *messages) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "They talked about rain."},
        {"role": "user", "content": "And now?"},
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [
                {"id": CALL.id, "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": CALL.id, "content": "sun"},
    ]


def test_several_returns_in_one_message(ask: Asker) -> None:
    returns = [ToolReturnPart(call_id=f"call_{number}", name="weather", output=str(number)) for number in range(3)]
    wires = rendered(ask, message("tool", returns))
    assert [(wire["role"], wire["tool_call_id"], wire["content"]) for wire in wires] == [
        ("tool", "call_0", "0"),
        ("tool", "call_1", "1"),
        ("tool", "call_2", "2"),
    ]


def test_decisions_and_bare_reasoning_are_not_sent(ask: Asker) -> None:
    decision = message("approval", [ApprovalPart(call_id="call_0", approve=True)])
    thought = message("assistant", [ReasoningPart(reasoning="hm")])
    assert rendered(ask, decision, thought) == []


def test_a_request_for_approval_is_the_assistants_call(ask: Asker) -> None:
    [wire] = rendered(ask, message("approval", [CALL]))
    assert (wire["role"], wire["tool_calls"][0]["id"]) == ("assistant", CALL.id)


def test_images(ask: Asker) -> None:
    images = [
        ImagePart(source=UrlImage(url="https://example.org/a.png")),
        ImagePart(source=Base64Image(media_type="image/jpeg", data="AAAA", detail="low")),
        ImagePart(source=StoredImage(file_id="file-1")),
    ]
    [wire] = rendered(ask, message("user", [*message("user", "Look").content, *images]))
    assert wire["content"] == [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,AAAA", "detail": "low"}},
        {"type": "text", "text": "[An image that is no longer stored]"},
    ]


def test_images_for_a_model_that_cannot_see(ask: Asker) -> None:
    image = ImagePart(source=UrlImage(url="https://example.org/a.png"))
    [wire] = rendered(ask, message("user", [image]), handle="deepseek/deepseek-chat")
    assert wire["content"] == [{"type": "text", "text": "[An image that deepseek-chat cannot see]"}]


@pytest.mark.parametrize("arguments", ["", "{", '"text"', "[1]", "null"])
def test_arguments_are_always_a_json_object(ask: Asker, arguments: str) -> None:
    [wire] = rendered(ask, message("assistant", [ToolCallPart(id="c", name="weather", arguments=arguments)]))
    assert isinstance(json.loads(wire["tool_calls"][0]["function"]["arguments"]), dict)


def test_ids_that_a_server_refuses_are_replaced_on_both_sides(ask: Asker) -> None:
    call_id = "call_" + "x" * 60
    messages = [
        message("assistant", [ToolCallPart(id=call_id, name="weather", arguments="{}")]),
        message("tool", [ToolReturnPart(call_id=call_id, name="weather", output="sun")]),
    ]
    for handle, length in (("openai/gpt-4.1", 40), ("mistral/mistral-large-latest", 9)):
        spoken, returned = rendered(ask, *messages, handle=handle)
        assert spoken["tool_calls"][0]["id"] == returned["tool_call_id"]
        assert len(returned["tool_call_id"]) <= length


def test_reasoning_goes_back_only_to_who_wants_it(ask: Asker) -> None:
    spoken = message("assistant", [ReasoningPart(reasoning="hm"), CALL])
    [deepseek] = rendered(ask, spoken, handle="deepseek/deepseek-reasoner")
    [openai] = rendered(ask, spoken)
    assert deepseek["reasoning_content"] == "hm"
    assert "reasoning_content" not in openai


def test_tools_and_choices(ask: Asker) -> None:
    user = message("user", "hi")
    body = sent(ask, user, tools=[WEATHER], tool_choice="weather", parallel_tool_calls=True)
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Tells the weather.",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
            },
        }
    ]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert body["parallel_tool_calls"] is True
    assert sent(ask, user, tools=[WEATHER], tool_choice="required")["tool_choice"] == "required"
    mistral = sent(ask, user, tools=[WEATHER], tool_choice="required", handle="mistral/mistral-large-latest")
    assert mistral["tool_choice"] == "any"
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & sent(ask, user).keys()


CLOSED = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("parameters", "strict"),
    [
        (CLOSED, True),
        ({**CLOSED, "required": []}, False),
        ({"type": "object", "properties": {}}, False),
        ({**CLOSED, "properties": {"city": {"type": "object", "properties": {}}}}, False),
        ({**CLOSED, "properties": {"city": {"type": "array", "items": {"oneOf": []}}}}, False),
        ({**CLOSED, "properties": {"city": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}, True),
        ({}, False),
    ],
)
def test_strict_only_where_the_schema_allows_it(ask: Asker, parameters: Json, strict: bool) -> None:
    body = sent(ask, message("user", "hi"), tools=[ToolSchema("weather", "", parameters, strict=True)])
    function = body["tools"][0]["function"]
    assert function.get("strict", False) is strict
    assert function["parameters"]["type"] == "object"


def test_sampling_per_model(ask: Asker) -> None:
    user = message("user", "hi")
    options: Json = {
        "temperature": 0.5,
        "max_tokens": 50,
        "settings": {"reasoning": {"reasoning_effort": "low"}, "verbosity": "high", "frequency_penalty": 0.1},
    }
    plain = sent(ask, user, **options)
    assert (plain["temperature"], plain["max_completion_tokens"], plain["frequency_penalty"]) == (0.5, 50, 0.1)
    assert not {"reasoning_effort", "verbosity", "max_tokens"} & plain.keys()
    reasoning = sent(ask, user, handle="openai/gpt-5-mini", **options)
    assert (reasoning["reasoning_effort"], reasoning["verbosity"]) == ("low", "high")
    assert not {"temperature", "frequency_penalty"} & reasoning.keys()
    elsewhere = sent(ask, user, handle="deepseek/deepseek-chat", **options)
    assert (elsewhere["temperature"], elsewhere["max_tokens"]) == (0.5, 50)
    assert not {"reasoning_effort", "max_completion_tokens", "parallel_tool_calls"} & elsewhere.keys()
    zai = sent(ask, user, handle="zai/glm-4.6", settings={"thinking": {"type": "disabled"}})
    assert zai["thinking"] == {"type": "disabled"}


def test_the_limit_behind_a_proxy(ask: Asker) -> None:
    models = ask.models({"OPENAI_API_BASE": "https://proxy.example/v1"})
    for name, field in (("gpt-4o", "max_tokens"), ("gpt-5", "max_completion_tokens")):
        card = models.card(f"openai/{name}")
        assert models.provider(card).preview(Call(name, [], max_tokens=9))[field] == 9


def test_response_format(ask: Asker) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "answer", "schema": CLOSED}}
    strict = {"type": "json_schema", "json_schema": {"name": "answer", "schema": CLOSED, "strict": True}}
    assert sent(ask, message("user", "hi"), response_format=schema)["response_format"] == strict
    assert "response_format" not in sent(ask, message("user", "hi"), response_format={"type": "text"})


@pytest.mark.parametrize(
    ("asked", "sent_name", "strict"),
    [
        ({"schema": CLOSED}, "response", True),
        ({"name": "my answer!", "schema": CLOSED}, "my_answer_", True),
        (CLOSED, "response", True),
        ({"name": "a", "schema": CLOSED, "strict": False}, "a", False),
        ({"name": "a", "schema": {"type": "object", "properties": {}}, "strict": True}, "a", False),
    ],
)
def test_a_schema_has_a_name_and_is_strict_where_it_may(ask: Asker, asked: Json, sent_name: str, strict: bool) -> None:
    format = {"type": "json_schema", "json_schema": asked}
    found = sent(ask, message("user", "hi"), response_format=format)["response_format"]["json_schema"]
    assert found["name"] == sent_name
    assert found.get("strict", False) is strict
    assert found["schema"]["type"] == "object"


def test_a_server_without_schemas_is_told_in_words(ask: Asker) -> None:
    messages = [message("system", "Be brief."), message("user", "hi")]
    format = {"type": "json_schema", "json_schema": {"name": "a", "schema": CLOSED}}
    body = sent(ask, *messages, handle="deepseek/deepseek-chat", response_format=format)
    assert body["response_format"] == {"type": "json_object"}
    assert body["messages"][0]["content"].startswith("Be brief.")
    assert json.dumps(CLOSED, separators=(",", ":")) in body["messages"][0]["content"]


def test_cached_prefixes_are_marked_where_a_model_needs_it(ask: Asker) -> None:
    messages = [
        message("system", "Be brief."),
        message("user", "hi"),
        message("assistant", "yes"),
        message("user", "so"),
    ]
    marked = sent(ask, *messages, handle="openrouter/anthropic/claude-sonnet-4.5")["messages"]
    ends = [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}} for text in ("Be brief.", "so")]
    assert [marked[0]["content"], marked[-1]["content"]] == [[end] for end in ends]
    assert [wire["content"] for wire in marked[1:-1]] == ["hi", "yes"]
    plain = sent(ask, *messages, handle="openrouter/openai/gpt-4.1")["messages"]
    assert "cache_control" not in json.dumps(plain)


def test_tokens_are_asked_for_where_they_are_told(ask: Asker) -> None:
    user, settings = message("user", "hi"), {"return_logprobs": True, "top_logprobs": 3, "return_token_ids": True}
    openai = sent(ask, user, settings=settings)
    assert (openai["logprobs"], openai["top_logprobs"]) == (True, 3)
    assert "return_token_ids" not in openai
    assert "logprobs" not in sent(ask, user, handle="openai/gpt-5", settings=settings), "reasoning models refuse it"
    assert "logprobs" not in sent(ask, user, handle="groq/llama-3.1-8b-instant", settings=settings)
    assert sent(ask, user, handle="vllm/x", settings=settings)["return_token_ids"] is True


def test_strict_tools_are_a_setting(ask: Asker) -> None:
    tools = [ToolSchema("weather", "", CLOSED)]
    for handle, strict in (("openai/gpt-4.1", True), ("deepseek/deepseek-chat", False)):
        body = sent(ask, message("user", "hi"), handle=handle, tools=tools, settings={"strict": True})
        assert body["tools"][0]["function"].get("strict", False) is strict


async def test_what_is_previewed_is_what_is_sent(ask: Asker, scripted: OpenAIServer) -> None:
    call = Call("gpt-4o-mini", [message("user", "hi")], tools=[WEATHER], temperature=0.1)
    await ask.call(call)
    [request] = scripted.chats
    assert request.body == json.loads(json.dumps(ask.provider().preview(call)))
    assert request.headers["authorization"] == "Bearer sk-test"
    assert request.body["stream_options"] == {"include_usage": True}


def test_what_is_sent_fits_the_sdks_types(ask: Asker) -> None:
    picture = ImagePart(source=UrlImage(url="https://example.org/a.png"))
    messages = [
        message("system", "Be brief."),
        message("user", [*message("user", "Look").content, picture]),
        message("assistant", [CALL]),
        message("tool", [ToolReturnPart(call_id=CALL.id, name="weather", output="sun")]),
    ]
    options: Json = {
        "tools": [WEATHER, ToolSchema("closed", "", CLOSED, strict=True)],
        "parallel_tool_calls": True,
        "temperature": 0.5,
        "max_tokens": 50,
        "response_format": {"type": "json_schema", "json_schema": {"schema": CLOSED}},
        "settings": {
            "frequency_penalty": 0.5,
            "return_logprobs": True,
            "top_logprobs": 2,
            "reasoning_effort": "low",
            "verbosity": "low",
        },
    }
    for handle in ("openai/gpt-4.1", "openai/gpt-5", "groq/llama-3.1-8b-instant", "mistral/mistral-large-latest"):
        for choice in ("auto", "none", "required", "weather"):
            body = sent(ask, *messages, handle=handle, tool_choice=choice, **options)
            if body.get("tool_choice") == "any":
                body["tool_choice"] = "required"  # Mistral's own word
            checked = TypeAdapter(params.CompletionCreateParamsStreaming).validate_python(body, strict=True)
            assert checked.keys() == body.keys(), handle


async def test_what_the_scripted_server_says_is_read_by_the_sdk_as_by_us(ask: Asker, scripted: OpenAIServer) -> None:
    sdk = openai.AsyncOpenAI(api_key="k", base_url=scripted.url, max_retries=0)
    reply = Reply("Look outside.", calls=(("weather", {"city": "Oslo"}),))
    scripted.queue(reply, reply, reply)
    messages: Any = [{"role": "user", "content": "hi"}]
    whole = await sdk.chat.completions.create(model="m", messages=messages)
    text, arguments, finish = "", "", None
    async for chunk in await sdk.chat.completions.create(model="m", messages=messages, stream=True):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            for call in choice.delta.tool_calls or ():
                arguments += (call.function and call.function.arguments) or ""
            finish = choice.finish_reason or finish
    ours = await ask()
    await sdk.close()
    said = whole.choices[0].message
    assert said.tool_calls
    assert ours.text == text == said.content
    assert ours.calls[0][2] == arguments == said.tool_calls[0].function.arguments  # pyright: ignore[reportAttributeAccessIssue,reportUnknownMemberType] -- the one kind of call that there is here
    assert ours.finish == finish == whole.choices[0].finish_reason
