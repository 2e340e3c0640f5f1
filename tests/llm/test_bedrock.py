"""Amazon Bedrock: Claude's own protocol in AWS's frames, other models through Converse, and who may ask."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from pydantic import TypeAdapter

from holdfast.errors import ModelError
from holdfast.llm import catalog
from holdfast.llm.aws import Signer
from holdfast.llm.catalog import Configured
from holdfast.llm.client import ModelClient
from holdfast.llm.failures import ContextOverflow, StreamBroken, Target
from holdfast.llm.model import Call, Delta, ReasoningDelta, ToolSchema
from holdfast.llm.wires import WIRES
from holdfast.messages.model import (
    Base64Image,
    ImagePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UrlImage,
)
from tests.fakes.anthropic_script import Json, events, plain, text, thinking, tool_use
from tests.fakes.aws_frames import STREAM, chunk, conversed, event, exception, invoked
from tests.fakes.scripted_http import Answer, Request, ScriptedHttp
from tests.llm.asking import WEATHER, Heard, message
from tests.llm.claude import SYSTEM, Claude

INVOKE, CONVERSE = "/invoke-with-response-stream", "/converse-stream"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-pro-v1:0"
USER = message("user", "Is it warm?")
PAIR = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s3cr3t", "AWS_DEFAULT_REGION": "eu-west-1"}


def environment(server: ScriptedHttp, **further: str) -> dict[str, str]:
    return {**PAIR, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": server.url, **further}


@pytest_asyncio.fixture
async def bedrock(service: ScriptedHttp) -> AsyncIterator[Claude]:
    asker = Claude(service, environment(service))
    yield asker
    await asker.close()


def check_signature(request: Request, url: str, token: str | None = None) -> None:
    """The signature is the one that AWS would calculate from what came over the line."""
    moment = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    signer = Signer("AKIDEXAMPLE", "s3cr3t", "eu-west-1", "bedrock", token)
    expected = signer.headers(request.method, url + request.path, request.content, moment)
    assert request.headers["authorization"] == expected["authorization"]
    assert request.headers["host"] == expected["host"]
    assert "s3cr3t" not in str(request.headers)


async def test_claude_in_frames(bedrock: Claude, service: ScriptedHttp) -> None:
    told = events(thinking("hm"), text("I look."), tool_use("weather", {"city": "Oslo"}), usage={"output_tokens": 9})
    service.on(INVOKE, invoked(told))
    heard = await bedrock(model=CLAUDE, tools=[WEATHER])
    assert heard.error is None
    assert (heard.reasoning, heard.text, heard.finish) == ("hm", "I look.", "tool_calls")
    assert json.loads(heard.calls[0][2]) == {"city": "Oslo"}
    assert heard.usage is not None
    assert heard.usage.completion_tokens == 9


async def test_what_claude_is_asked(bedrock: Claude, service: ScriptedHttp) -> None:
    service.on(INVOKE, invoked(events(text("hi"))))
    await bedrock(model=CLAUDE, tools=[WEATHER])
    [request] = service.requests
    assert request.path == f"/model/us.anthropic.claude-sonnet-4-5-20250929-v1:0{INVOKE}"
    check_signature(request, service.url)
    body = request.body
    assert body.pop("anthropic_version") == "bedrock-2023-05-31"
    assert not {"model", "stream"} & body.keys()
    body |= {"model": "x", "stream": True}
    assert dict(TypeAdapter(MessageCreateParamsStreaming).validate_python(body)).keys() == body.keys()


def test_features_are_named_in_the_body(bedrock: Claude) -> None:
    body = bedrock.sent(USER, model="global.anthropic.claude-opus-5-5")
    assert body["anthropic_beta"] == ["thinking-binding-controls-2026-08-01"]
    assert "anthropic_beta" not in bedrock.sent(USER, model=CLAUDE)


async def test_models_by_arn(bedrock: Claude, service: ScriptedHttp) -> None:
    arn = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
    service.on(INVOKE, invoked(events(text("hi"))))
    assert (await bedrock(model=arn)).text == "hi"
    [request] = service.requests
    assert request.path.startswith("/model/arn:aws:bedrock:eu-west-1:123456789012:inference-profile%2Feu.")
    check_signature(request, service.url)


async def test_a_session(service: ScriptedHttp) -> None:
    asker = Claude(service, environment(service, AWS_SESSION_TOKEN="of-today"))
    service.on(INVOKE, invoked(events(text("hi"))))
    await asker(model=CLAUDE)
    await asker.close()
    assert service.requests[0].headers["x-amz-security-token"] == "of-today"
    check_signature(service.requests[0], service.url, "of-today")


async def test_a_key_that_is_sent(service: ScriptedHttp) -> None:
    asker = Claude(service, environment(service, AWS_BEARER_TOKEN_BEDROCK="bedrock-api-key-1"))
    service.on(INVOKE, invoked(events(text("hi"))))
    await asker(model=CLAUDE)
    await asker.close()
    [request] = service.requests
    assert request.headers["authorization"] == "Bearer bedrock-api-key-1"
    assert "x-amz-date" not in request.headers


@pytest.mark.parametrize(
    ("set_up", "url"),
    [
        (PAIR, "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        ({**PAIR, "AWS_REGION": "us-east-1"}, "https://bedrock-runtime.us-east-1.amazonaws.com"),
        ({"AWS_BEARER_TOKEN_BEDROCK": "k", "AWS_REGION": "us-east-1"},
         "https://bedrock-runtime.us-east-1.amazonaws.com"),
        ({**PAIR, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "https://vpce-1.example/"}, "https://vpce-1.example"),
        ({**PAIR, "AWS_DEFAULT_REGION": " "}, None),
        ({**PAIR, "AWS_ACCESS_KEY_ID": ""}, None),
        ({"AWS_REGION": "us-east-1"}, None),
    ],
)  # fmt: skip
def test_from_the_environment(set_up: dict[str, str], url: str | None) -> None:
    assert [place.base_url for place in catalog.configured(set_up)] == ([url] if url else [])
    assert "s3cr3t" not in repr(catalog.configured(set_up))


@pytest.mark.parametrize("region", [None, "", "evil.example/#", "EU-WEST-1", "a" * 41])
def test_a_region_that_is_none(region: str | None) -> None:
    row = catalog.row_of("bedrock")
    assert row is not None
    place = Configured("mine", "bedrock", row.url or "", "secret", access_key="AKID", region=region)
    with pytest.raises(ModelError, match="us-east-1") as caught:
        WIRES["bedrock"](ModelClient(), place, row, Target("mine", place.base_url))
    assert caught.value.code == "llm_bad_request"


CONVERSED: tuple[tuple[str, Json], ...] = (
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "hm"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "sig"}}}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "I "}}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "look."}}),
    ("contentBlockStop", {"contentBlockIndex": 1}),
    ("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t_1", "name": "weather"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '{"city":'}}}),
    ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '"Oslo"}'}}}),
    ("contentBlockStop", {"contentBlockIndex": 2}),
    ("somethingNew", {"x": 1}),
    ("messageStop", {"stopReason": "tool_use"}),
    ("metadata", {
        "usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 35, "cacheReadInputTokens": 20},
        "metrics": {"latencyMs": 7},
    }),
)  # fmt: skip


async def test_another_model(bedrock: Claude, service: ScriptedHttp) -> None:
    service.on(CONVERSE, conversed(*CONVERSED))
    heard = await bedrock(model=NOVA, tools=[WEATHER])
    assert heard.error is None
    assert (heard.reasoning, heard.text, heard.finish) == ("hm", "I look.", "tool_calls")
    assert heard.calls == [("t_1", "weather", '{"city":"Oslo"}')]
    assert heard.usage is not None
    assert (heard.usage.prompt_tokens, heard.usage.completion_tokens, heard.usage.cached_input_tokens) == (30, 5, 20)
    [request] = service.requests
    assert request.path == f"/model/amazon.nova-pro-v1:0{CONVERSE}"
    check_signature(request, service.url)


async def test_its_thoughts(bedrock: Claude, service: ScriptedHttp) -> None:
    redacted = ("contentBlockDelta", {"contentBlockIndex": 9, "delta": {"reasoningContent": {"redactedContent": "x"}}})
    service.on(CONVERSE, conversed(redacted, *CONVERSED))
    found: list[Delta] = [delta async for delta in bedrock.provider(NOVA).stream(Call(NOVA, [USER]))]
    assert [delta for delta in found if isinstance(delta, ReasoningDelta)] == [
        ReasoningDelta(redacted="x"),
        ReasoningDelta("hm"),
        ReasoningDelta(signature="sig"),
    ]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("end_turn", "stop"), ("max_tokens", "length"), ("guardrail_intervened", "content_filter")],
)
async def test_why_it_stopped(bedrock: Claude, service: ScriptedHttp, reason: str, finish: str) -> None:
    said = ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "hi"}})
    service.on(CONVERSE, conversed(said, ("messageStop", {"stopReason": reason})))
    assert (await bedrock(model=NOVA)).finish == finish


def test_what_another_model_is_asked(bedrock: Claude) -> None:
    png = base64.b64encode(b"png").decode()
    pictures = [ImagePart(source=Base64Image(media_type="image/png", data=png)), ImagePart(source=UrlImage(url="u"))]
    call = ToolCallPart(id="t_1", name="weather", arguments='{"city":"Oslo"}')
    returned = ToolReturnPart(call_id="t_1", name="weather", output="", status="error")
    body = bedrock.sent(
        SYSTEM,
        message("user", [TextPart(text="Look"), *pictures]),
        message("assistant", [ReasoningPart(reasoning="hm", signature="s"), call], model="meta.llama4-vl-x"),
        message("tool", [returned]),
        model="meta.llama4-vl-x",
        tools=[WEATHER, ToolSchema("nothing", " ", {})],
        tool_choice="required",
        temperature=0.5,
        max_tokens=99,
    )
    assert body == {
        "system": [{"text": "You are brief."}],
        "inferenceConfig": {"maxTokens": 99, "temperature": 0.5},
        "messages": [
            {
                "role": "user",
                "content": [
                    {"text": "Look"},
                    {"image": {"format": "png", "source": {"bytes": png}}},
                    {"text": "[An image at u]"},
                ],
            },
            {
                "role": "assistant",
                "content": [{"toolUse": {"toolUseId": "t_1", "name": "weather", "input": {"city": "Oslo"}}}],
            },
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "t_1", "content": [{"text": "(no output)"}], "status": "error"}}
                ],
            },
        ],
        "toolConfig": {
            "tools": [
                {
                    "toolSpec": {
                        "name": "weather",
                        "description": "Tells the weather.",
                        "inputSchema": {"json": WEATHER.parameters},
                    }
                },
                {"toolSpec": {"name": "nothing", "inputSchema": {"json": {"type": "object", "properties": {}}}}},
            ],
            "toolChoice": {"any": {}},
        },
    }
    assert bedrock.sent(USER, model=NOVA)["inferenceConfig"] == {}
    assert bedrock.sent(USER, model=NOVA, tools=[WEATHER], tool_choice="weather")["toolConfig"]["toolChoice"] == {
        "tool": {"name": "weather"}
    }


def begun(*further: bytes) -> Answer:
    """An answer that says a word before the rest comes."""
    return Answer((*map(chunk, events(text("Hello, world"))[:4]), *further), headers=STREAM)


BROKEN: dict[str, Answer] = {
    "within a frame": begun(chunk({"type": "ping"})[:-3]),
    "connection cut": invoked(events(text("Hello, world"))[:4], is_cut=True),
    "a damaged frame": begun(b"\0" * 32),
    "an exception": begun(exception("throttlingException", "busy")),
    "what is no base64": begun(event("chunk", {"bytes": "é"})),
    "what is no event": begun(event("chunk", {"bytes": base64.b64encode(b"[]").decode()})),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_an_answer_that_stops_in_the_middle(bedrock: Claude, service: ScriptedHttp, case: str) -> None:
    service.on(INVOKE, BROKEN[case], invoked(events(text("again"))))
    assert isinstance(_error(await bedrock(model=CLAUDE)), StreamBroken)
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(),
        Answer((b"<html>a page of some proxy</html>",)),
        Answer((b'{"message": "this is no event stream"}',)),
        Answer((event("chunk", {}), event("chunk", {"bytes": 5}), event("metadata", {"usage": 5})), headers=STREAM),
        invoked(events()),
    ],
)
async def test_answers_that_are_none(bedrock: Claude, service: ScriptedHttp, answer: Answer) -> None:
    service.on(INVOKE, answer)
    assert _error(await bedrock(model=CLAUDE)).code in ("llm_error", "llm_empty_response")


@pytest.mark.parametrize("kind", ["throttlingException", "serviceUnavailableException", "internalServerException"])
async def test_an_exception_before_any_word_is_tried_again(bedrock: Claude, service: ScriptedHttp, kind: str) -> None:
    service.on(CONVERSE, Answer((exception(kind, "busy"),), headers=STREAM), conversed(*CONVERSED))
    heard = await bedrock(model=NOVA, tools=[WEATHER])
    assert (heard.text, heard.error) == ("I look.", None)
    first, second = service.requests
    assert hashlib.sha256(first.content).digest() == hashlib.sha256(second.content).digest()


@pytest.mark.parametrize(
    ("status", "said", "code", "http_status"),
    [
        (403, "You don't have access to the model with the specified model ID.", "bedrock_permission_denied", 403),
        (403, "User: arn:x is not authorized to perform: bedrock:InvokeModel", "bedrock_permission_denied", 403),
        (403, "The security token included in the request is invalid.", "llm_authentication", 401),
        (403, "The request signature we calculated does not match", "llm_authentication", 401),
        (401, "no", "llm_authentication", 401),
        (400, "The provided model identifier is invalid.", "llm_bad_request", 400),
        (404, "Could not resolve the foundation model", "llm_bad_request", 400),
    ],
)
async def test_refusals(
    bedrock: Claude, service: ScriptedHttp, status: int, said: str, code: str, http_status: int
) -> None:
    service.on(INVOKE, plain({"message": said}, status))
    found = _error(await bedrock(model=CLAUDE))
    assert (found.code, found.http_status) == (code, http_status)
    assert said in found.detail
    assert ("AWS_SECRET_ACCESS_KEY" in found.detail) is (code == "llm_authentication")


async def test_too_long_and_too_much_are_told_apart(bedrock: Claude, service: ScriptedHttp) -> None:
    service.on(INVOKE, plain({"message": "Input is too long for requested model."}, 400))
    assert isinstance(_error(await bedrock(model=CLAUDE)), ContextOverflow)
    service.on(INVOKE, plain({"message": "Too many tokens, please wait before trying again."}, 429, retry_after="99"))
    assert _error(await bedrock(model=CLAUDE)).code == "llm_rate_limit"


async def test_the_list_of_models(bedrock: Claude, service: ScriptedHttp) -> None:
    found: list[Any] = [
        {"modelId": NOVA, "inputModalities": ["TEXT", "IMAGE"], "responseStreamingSupported": True},
        {"modelId": "amazon.titan-embed-text-v2:0", "inputModalities": ["TEXT"]},
        {"modelId": "ai21.whole", "inputModalities": ["TEXT"], "responseStreamingSupported": False},
        "odd",
        {},
    ]
    profiles = [{"inferenceProfileId": CLAUDE, "status": "ACTIVE"}, {"inferenceProfileId": 7}]
    service.on("/foundation-models", plain({"modelSummaries": found}))
    service.on("/inference-profiles", plain({"inferenceProfileSummaries": profiles}))
    listed = await bedrock.provider(CLAUDE).models()
    assert [(each.name, each.images, each.is_chat) for each in listed] == [
        (NOVA, True, True),
        ("amazon.titan-embed-text-v2:0", False, False),
        (CLAUDE, None, True),
    ]
    for request in service.requests:
        check_signature(request, service.url)


def _error(heard: Heard) -> ModelError:
    assert heard.error is not None
    return heard.error
