"""Requests as Anthropic's Messages API gets them."""

import json
from typing import Any

import pytest
from anthropic.types.beta.message_create_params import MessageCreateParamsStreaming as BetaParams
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from holdfast.llm.anthropic_request import body_of
from holdfast.llm.model import Call, ModelCard, ToolSchema
from holdfast.loop.repair import sendable
from holdfast.messages.model import (
    ApprovalPart,
    Base64Image,
    ImagePart,
    Message,
    OmittedReasoningPart,
    Part,
    ReasoningPart,
    RedactedReasoningPart,
    Role,
    StoredImage,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UrlImage,
)
from tests.fakes.anthropic_script import text
from tests.llm.asking import WEATHER, message
from tests.llm.claude import CALL, NEWEST, RETURN, SONNET, SYSTEM, THOUGHT, USER, Claude, spoken

Json = dict[str, Any]


def unmarked(body: Any) -> Any:
    """The request without its cache markers."""
    if isinstance(body, list):
        return [unmarked(each) for each in body]  # pyright: ignore[reportUnknownVariableType] -- decoded JSON
    if not isinstance(body, dict):
        return body
    return {name: unmarked(value) for name, value in body.items() if name != "cache_control"}  # pyright: ignore[reportUnknownVariableType] -- decoded JSON


def talk(claude: Claude, *messages: Message, model: str = SONNET, **options: Any) -> list[tuple[str, list[Json]]]:
    """The turns of the request: who, and what."""
    turns = unmarked(claude.sent(*messages, model=model, **options)["messages"])
    return [(turn["role"], turn["content"]) for turn in turns]


def test_a_whole_conversation(claude: Claude) -> None:
    body = claude.sent(
        SYSTEM,
        message("summary", "They talked about rain."),
        USER,
        spoken(THOUGHT, RedactedReasoningPart(data="opaque"), TextPart(text="I look."), CALL),
        RETURN,
        tools=[WEATHER],
    )
    assert unmarked(body["system"]) == [text("You are brief.")]
    assert unmarked(body["messages"]) == [
        {"role": "user", "content": [text("They talked about rain."), text("Is it warm?")]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "sig-1"},
                {"type": "redacted_thinking", "data": "opaque"},
                text("I look."),
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": [text("sun")]}]},
    ]
    assert (body["stream"], body["max_tokens"]) == (True, 16_384)


def test_turns_alternate_and_begin_and_end_with_the_user(claude: Claude) -> None:
    turns = talk(claude, SYSTEM, spoken(TextPart(text="Hello!")), spoken(TextPart(text="Anybody? \n")))
    assert [role for role, _ in turns] == ["user", "assistant", "user"]
    assert turns[1][1] == [text("Hello!"), text("Anybody? \n")]
    assert [role for role, _ in talk(claude, SYSTEM)] == ["user"]


def test_results_stand_before_words(claude: Claude) -> None:
    picture = ImagePart(source=Base64Image(media_type="image/png", data="AAAA"))
    returned = ToolReturnPart(call_id="b", name="look", output="[1 image]", parts=[TextPart(text="See:"), picture])
    failed = ToolReturnPart(call_id="a", name="weather", output="no such city", status="error")
    two = spoken(*(ToolCallPart(id=id, name="weather", arguments="{}") for id in "ab"))
    turns = talk(claude, USER, two, message("user", "Hurry."), message("tool", [failed]), message("tool", [returned]))
    assert turns[-1][1] == [
        {"type": "tool_result", "tool_use_id": "a", "content": [text("no such city")], "is_error": True},
        {
            "type": "tool_result",
            "tool_use_id": "b",
            "content": [
                text("See:"),
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            ],
        },
        text("Hurry."),
    ]


def test_blank_texts_are_not_sent(claude: Claude) -> None:
    body = claude.sent(
        message("system", " "),
        USER,
        spoken(TextPart(text="\n"), CALL),
        message("tool", [ToolReturnPart(call_id="toolu_1", name="weather", output=" ")]),
        message("approval", [ApprovalPart(call_id="toolu_1", approve=True)]),
    )
    assert "system" not in body
    assert [block["type"] for turn in body["messages"] for block in turn["content"]] == [
        "text",
        "tool_use",
        "tool_result",
    ]
    assert "content" not in body["messages"][2]["content"][0]


def test_a_system_message_within_the_conversation(claude: Claude) -> None:
    [(_, blocks)] = talk(claude, SYSTEM, USER, message("system", "The user is in Oslo."))
    assert blocks[1] == text("<system>\nThe user is in Oslo.\n</system>")


def test_images(claude: Claude) -> None:
    sources = [
        UrlImage(url="https://example.org/a.png"),
        Base64Image(media_type="image/jpg", data="AAAA", detail="low"),
        StoredImage(file_id="file-1"),
        Base64Image(media_type="image/tiff", data="AAAA"),
    ]
    [(_, blocks)] = talk(claude, message("user", [ImagePart(source=source) for source in sources]))
    assert [block["type"] for block in blocks] == ["image", "image", "text", "text"]
    assert blocks[0]["source"] == {"type": "url", "url": "https://example.org/a.png"}
    assert blocks[1]["source"] == {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}
    assert "image/tiff" in blocks[3]["text"]
    [(_, blind)] = talk(claude, message("user", [ImagePart(source=sources[0])]), model="MiniMax-M2")
    assert blind == [text("[An image that MiniMax-M2 cannot see]")]


@pytest.mark.parametrize("arguments", ["", "{", '"text"', "[1]", "null", "\x00"])
def test_arguments_are_always_an_object(claude: Claude, arguments: str) -> None:
    call = ToolCallPart(id="toolu_1", name="weather", arguments=arguments)
    assert isinstance(talk(claude, USER, spoken(call), RETURN)[1][1][0]["input"], dict)


def test_ids_and_names_that_the_api_refuses(claude: Claude) -> None:
    odd = ToolCallPart(id="call:1/ä", name="météo", arguments="{}")
    tool = ToolSchema("météo", "", {})
    returned = message("tool", [ToolReturnPart(call_id=odd.id, name=odd.name, output="sun")])
    body = claude.sent(USER, spoken(odd), returned, tools=[tool], tool_choice="météo")
    used, result = body["messages"][1]["content"][0], body["messages"][2]["content"][0]
    assert used["id"] == result["tool_use_id"]
    assert used["name"] == body["tools"][0]["name"] == body["tool_choice"]["name"]
    for name in (used["id"], used["name"]):
        assert name.isascii()
        assert name.replace("_", "").replace("-", "").isalnum()
    other = claude.sent(USER, tools=[ToolSchema("méteo", "", {})])["tools"][0]["name"]
    assert other != used["name"]


@pytest.mark.parametrize("model", ["claude-opus-4-5", "claude-sonnet-4.5", None])
def test_thoughts_go_back_only_to_the_model_that_had_them(claude: Claude, model: str | None) -> None:
    thoughts = [THOUGHT, RedactedReasoningPart(data="x"), OmittedReasoningPart(signature="y")]
    turns = talk(claude, USER, message("assistant", [*thoughts, TextPart(text="Yes.")], model=model), USER)
    assert turns[1][1] == [text("Yes.")]


def test_thoughts_without_a_signature_stay_here(claude: Claude) -> None:
    thought = ReasoningPart(reasoning="hm", is_native=False)
    assert talk(claude, USER, spoken(thought, OmittedReasoningPart(), TextPart(text="Yes.")), USER)[1][1] == [
        text("Yes.")
    ]


def test_a_thought_that_was_not_shown_goes_back_too(claude: Claude) -> None:
    said = spoken(OmittedReasoningPart(signature="sig-2"), TextPart(text="Yes."), model=NEWEST)
    assert talk(claude, USER, said, USER, model=NEWEST)[1][1][0] == {
        "type": "thinking",
        "thinking": "",
        "signature": "sig-2",
    }


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        ("auto", True, {"type": "auto"}),
        ("auto", False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("required", True, {"type": "any"}),
        ("weather", False, {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}),
        ("none", False, {"type": "none"}),
    ],
)
def test_tools_and_choices(claude: Claude, choice: str, parallel: bool, sent: Json) -> None:
    body = claude.sent(USER, spoken(THOUGHT, TextPart(text="Yes.")), USER,
                       tools=[WEATHER], tool_choice=choice, parallel_tool_calls=parallel)  # fmt: skip
    assert unmarked(body["tools"]) == [
        {"name": "weather", "description": "Tells the weather.", "input_schema": WEATHER.parameters}
    ]
    assert body["tool_choice"] == sent
    is_forced = choice not in ("auto", "none")
    assert ("thinking" in body) is not is_forced, "the API refuses to think about a tool that must be called"
    assert ("thinking" in json.dumps(body["messages"])) is not is_forced


def test_a_model_that_cannot_be_made_to_call_a_tool_is_told_to(claude: Claude) -> None:
    body = claude.sent(USER, model=NEWEST, tools=[WEATHER], tool_choice="weather")
    assert body["tool_choice"]["type"] == "auto"
    assert body["messages"][-1]["content"][-1] == text("[Answer by calling the tool weather.]")
    older = claude.sent(USER, model="claude-sonnet-5", tools=[WEATHER], tool_choice="required")
    assert (older["tool_choice"]["type"], older["thinking"]) == ("any", {"type": "disabled"})


def test_calls_in_the_past_need_tools(claude: Claude) -> None:
    body = claude.sent(USER, spoken(THOUGHT, CALL), RETURN)
    assert [tool["name"] for tool in body["tools"]] == ["weather"]
    assert body["tool_choice"] == {"type": "none"}
    assert not {"tools", "tool_choice"} & claude.sent(USER).keys()


def test_the_longest_answer(claude: Claude) -> None:
    assert claude.sent(USER, max_tokens=500_000)["max_tokens"] == 64_000
    assert claude.sent(USER, max_tokens=50)["max_tokens"] == 50
    assert claude.sent(USER, model="claude-3-opus-20240229")["max_tokens"] == 16_384


SHAPE: Json = {
    "title": "Answer",
    "type": "object",
    "properties": {
        "minimum": {"type": "integer", "minimum": 1},
        "who": {"oneOf": [{"type": "string", "maxLength": 9}, {"properties": {"name": {"type": "string"}}}]},
        "tags": {"type": "array", "items": {"type": "object", "properties": {}}, "minItems": 2},
    },
    "required": ["minimum"],
}


def test_an_answer_held_to_a_schema(claude: Claude) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SHAPE}}
    body = claude.sent(SYSTEM, USER, response_format=wanted)
    assert body["output_config"]["format"] == {
        "type": "json_schema",
        "schema": {
            "type": "object",
            "properties": {
                "minimum": {"type": "integer"},
                "who": {
                    "anyOf": [
                        {"type": "string"},
                        {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False},
                    ]
                },
                "tags": {
                    "type": "array",
                    "items": {"type": "object", "properties": {}, "additionalProperties": False},
                },
            },
            "required": ["minimum"],
            "additionalProperties": False,
        },
    }
    older = claude.sent(SYSTEM, USER, model="claude-3-7-sonnet-latest", response_format=wanted)
    assert "output_config" not in older
    assert '"minimum"' in older["system"][1]["text"]
    free = claude.sent(SYSTEM, USER, response_format={"type": "json_object"})
    assert "one JSON object" in free["system"][1]["text"]
    assert len(claude.sent(SYSTEM, USER, response_format={"type": "text"})["system"]) == 1


def marks(body: Json) -> list[str]:
    places = [*body.get("tools", []), *body.get("system", [])]
    places += [block for turn in body["messages"] for block in turn["content"]]
    return [block.get("text") or block.get("name") or block["type"] for block in places if "cache_control" in block]


def test_cache_markers(claude: Claude) -> None:
    two = [ToolSchema("first", "", {}), WEATHER]
    turns = [message("user", "one"), spoken(TextPart(text="1")), message("user", "two"), spoken(THOUGHT, CALL), RETURN]
    assert marks(claude.sent(SYSTEM, *turns, tools=two)) == ["weather", "You are brief.", "two", "tool_result"]
    assert marks(claude.sent(USER)) == ["Is it warm?"]
    forced = claude.sent(USER, model=NEWEST, tools=[WEATHER], tool_choice="required")
    assert marks(forced) == ["weather", "Is it warm?"], "what is said once is not kept"


def test_a_longer_conversation_begins_with_the_shorter_one(claude: Claude) -> None:
    turns = [USER, spoken(THOUGHT, CALL), RETURN, spoken(TextPart(text="Yes.")), message("user", "And now?")]
    before: Json = {}
    for count in range(1, len(turns) + 1, 2):
        now = unmarked(claude.sent(SYSTEM, *turns[:count], tools=[WEATHER]))
        if before:
            assert now["messages"][: len(before["messages"])] == before["messages"]
            assert (now["system"], now["tools"]) == (before["system"], before["tools"])
        before = now


@pytest.mark.parametrize("model", [SONNET, "claude-opus-4-6", "claude-sonnet-5", NEWEST, "claude-sonnet-5-5"])
@pytest.mark.parametrize("choice", ["auto", "required", "none", "weather"])
def test_what_is_sent_fits_the_sdks_types(claude: Claude, model: str, choice: str) -> None:
    picture = ImagePart(source=UrlImage(url="https://example.org/a.png"))
    body = claude.sent(
        SYSTEM,
        message("user", [TextPart(text="Look"), picture]),
        spoken(THOUGHT, RedactedReasoningPart(data="x"), CALL, model=model),
        message("tool", [ToolReturnPart(call_id="toolu_1", name="weather", output="sun", parts=[picture])]),
        model=model,
        tools=[WEATHER],
        tool_choice=choice,
        settings={"effort": "high"},
        response_format={"type": "json_schema", "json_schema": {"schema": SHAPE}},
    )
    if model == "claude-sonnet-5-5" or "block_binding" in body.get("thinking", {}):
        checked: Json = dict(TypeAdapter(BetaParams).validate_python(body))
    else:
        checked = dict(TypeAdapter(MessageCreateParamsStreaming).validate_python(body))
    assert checked.keys() == body.keys()


texts = st.sampled_from(["", " ", "hi", "\n", "Ähm…"]).map(lambda said: TextPart(text=said))
ids = st.sampled_from(["a", "b", "c:1", ""])
calls = st.builds(ToolCallPart, id=ids, name=st.sampled_from(["weather", "", "x.y"]), arguments=st.just("{}"))
returns = st.builds(ToolReturnPart, call_id=ids, name=st.just("weather"), output=st.sampled_from(["", "sun"]))
thoughts = st.builds(ReasoningPart, reasoning=st.just("hm"), signature=st.sampled_from([None, "sig"]))
roles = st.sampled_from(["user", "assistant", "tool", "system", "approval", "summary"])
histories = st.lists(st.tuples(roles, st.lists(texts | calls | returns | thoughts, max_size=4)), max_size=9)


@given(histories, st.sampled_from([SONNET, NEWEST, "claude-3-opus-20240229"]))
def test_any_history_becomes_a_conversation_that_the_api_takes(
    history: list[tuple[Role, list[Part]]], model: str
) -> None:
    card = ModelCard("anthropic", "anthropic", model, "", 200_000, reasoning=True)
    messages = [message(role, parts, model=model) for role, parts in history]
    turns = body_of(Call(model, [SYSTEM, *sendable(messages)]), card)["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant"] * (len(turns) // 2) + ["user"]
    asked: list[str] = []
    for turn in turns:
        blocks = turn["content"]
        assert blocks
        assert all(block.get("text", "x").strip() for block in blocks)
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        assert sorted(results) == sorted(asked), "every call is answered by the next turn, and nothing else is"
        assert all(block["type"] == "tool_result" for block in blocks[: len(results)])
        asked = [block["id"] for block in blocks if block["type"] == "tool_use"]
