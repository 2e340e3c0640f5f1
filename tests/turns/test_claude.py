"""Whole turns on Claude's own protocol."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.anthropic_script import error, events, plain, redacted, streamed, text, thinking, tool_use
from tests.fakes.aws_frames import invoked
from tests.fakes.scripted_http import Answer, ScriptedHttp
from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org, new_org
from tests.messages.talking import Json, agent, of_agent, say
from tests.turns.listening import streamed as listened
from tests.turns.listening import user

MESSAGES = "/v1/messages"
NOTES: Json = {"memory_blocks": [{"label": "notes", "value": ""}], "tools": ["memory_insert"]}
INSERT = tool_use("memory_insert", {"label": "notes", "new_string": "Likes tea."})
NOTED = (thinking("It matters.", "sig-1"), redacted("opaque"), text("Noting."), INSERT)


@pytest.fixture
def claude() -> Iterator[ScriptedHttp]:
    with ScriptedHttp() as server:
        yield server


@pytest.fixture
def org(fresh_server: FreshServer, claude: ScriptedHttp) -> Org:
    """An organization on a server that knows Claude, directly and through Bedrock."""
    env = {
        "ANTHROPIC_API_KEY": "sk-ant-scripted",
        "ANTHROPIC_BASE_URL": claude.url,
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": "s3cr3t",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": claude.url,
    }
    return new_org(fresh_server(env))


def asked(claude: ScriptedHttp) -> list[Json]:
    return [request.body for request in claude.to(MESSAGES)]


def thoughts(body: Json) -> list[Json]:
    blocks = (block for turn in body["messages"] if turn["role"] == "assistant" for block in turn["content"])
    return [block for block in blocks if "thinking" in block["type"]]


@pytest.mark.contract("turns.claude")
def test_thoughts_go_back_unchanged_over_two_turns(org: Org, claude: ScriptedHttp) -> None:
    counted = {"cache_read_input_tokens": 800, "cache_creation_input_tokens": 100, "input_tokens": 100}
    claude.on(
        MESSAGES,
        streamed(events(*NOTED, usage={**counted, "output_tokens": 20})),
        streamed(events(text("Noted."), usage={**counted, "output_tokens": 5})),
        streamed(events(thinking("Tea.", "sig-2"), text("Tea!"))),
    )
    owner = agent(org, model="anthropic/claude-sonnet-4-5", **NOTES)
    answer = say(org, f"agents/{owner}", "I like tea.")
    assert [each["message_type"] for each in answer["messages"]] == [
        *("reasoning_message", "hidden_reasoning_message", "assistant_message"),
        *("tool_call_message", "tool_return_message", "assistant_message"),
    ]
    assert answer["messages"][0]["signature"] == "sig-1"
    usage = answer["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (2000, 25, 2025)
    assert (usage["cached_input_tokens"], usage["cache_write_tokens"]) == (1600, 200)
    assert say(org, f"agents/{owner}", "What do I like?")["messages"][-1]["content"] == "Tea!"
    first, second, third = asked(claude)
    assert thoughts(first) == []
    assert thoughts(second) == thoughts(third) == [NOTED[0], NOTED[1]]
    [turn] = [turn for turn in second["messages"] if turn["role"] == "assistant"]
    assert [block["type"] for block in turn["content"]] == ["thinking", "redacted_thinking", "text", "tool_use"]
    assert second["messages"][-1]["content"][0]["tool_use_id"] == INSERT["id"]
    assert org.http.get(f"/v1/agents/{owner}/core-memory/blocks/notes").json()["value"].strip() == "Likes tea."


def test_what_is_kept_is_marked(org: Org, claude: ScriptedHttp) -> None:
    claude.on(MESSAGES, *[streamed(events(text("Hm.")))] * 2)
    owner = agent(org, model="anthropic/claude-sonnet-4-5", **NOTES)
    for said in ("one", "two"):
        say(org, f"agents/{owner}", said)
    first, second = (request.content for request in claude.to(MESSAGES))
    assert first.count(b"cache_control") == 3
    assert second.count(b"cache_control") == 4
    assert json.loads(first)["system"] == json.loads(second)["system"]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ({"model_settings": {"provider_type": "anthropic", "thinking": {"type": "disabled"}}}, None),
        ({"model_settings": {"provider_type": "anthropic", "thinking": {"budget_tokens": 2000}}}, 2000),
        ({"reasoning": False}, None),
        ({"max_reasoning_tokens": 3000}, 3000),
        ({}, 1024),
    ],
)
def test_thinking_as_the_agent_was_told(org: Org, choice: Json, sent: int | None) -> None:
    owner = agent(org, model="anthropic/claude-sonnet-4-5", **choice)
    body: Json = org.http.post(f"/v1/agents/{owner}/messages/preview-raw-payload", json=user("hi")).json()
    assert body.get("thinking", {"budget_tokens": None})["budget_tokens"] == sent


def test_tokens_as_they_come(org: Org, claude: ScriptedHttp) -> None:
    claude.on(MESSAGES, streamed(events(*NOTED)), streamed(events(text("Noted."))))
    owner = agent(org, model="anthropic/claude-sonnet-4-5", **NOTES)
    found = listened(org, f"agents/{owner}", "I like tea.", stream_tokens=True)
    assert found[-1].kind == "[DONE]"
    told = [event.json for event in found if event.data != "[DONE]"]
    reasoning = "".join(each["reasoning"] for each in told if each["message_type"] == "reasoning_message")
    said = [each["content"] for each in told if each["message_type"] == "assistant_message"]
    assert (reasoning, "".join(said)) == ("It matters.", "Noting.Noted.")


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (plain(error("authentication_error", "invalid x-api-key"), 401), 401, "llm_authentication"),
        (plain(error("rate_limit_error", "slow down"), 429, retry_after="3600"), 429, "llm_rate_limit"),
        (streamed(events(text("Hello, world"))[:4], is_cut=True), 500, "stream_incomplete"),
        (Answer((b"<html>",)), 500, "llm_error"),
    ],
)
def test_a_failure_ends_one_turn_and_not_the_agent(
    org: Org, claude: ScriptedHttp, answer: Answer, status: int, code: str
) -> None:
    claude.on(MESSAGES, answer, streamed(events(text("Here I am."))))
    owner = agent(org, model="anthropic/claude-sonnet-4-5")
    failed = org.http.post(f"/v1/agents/{owner}/messages", json=user("hello"))
    assert (failed.status_code, failed.json()["error"]["type"]) == (status, code)
    assert "sk-ant-scripted" not in failed.text
    assert say(org, f"agents/{owner}", "again?")["messages"][-1]["content"] == "Here I am."


@pytest.mark.contract("turns.bedrock-denied")
def test_bedrock_answers_and_denies(org: Org, claude: ScriptedHttp) -> None:
    path = "/invoke-with-response-stream"
    claude.on(path, invoked(events(text("Hello."))), plain({"message": "You don't have access to the model."}, 403))
    owner = agent(org, model="bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0")
    assert say(org, f"agents/{owner}", "hello")["messages"][-1]["content"] == "Hello."
    denied = org.http.post(f"/v1/agents/{owner}/messages", json=user("again"))
    assert (denied.status_code, denied.json()["error"]["type"]) == (403, "bedrock_permission_denied")
    assert denied.headers["x-should-retry"] == "false"
    assert "s3cr3t" not in str(claude.requests[0].headers)


def test_the_service_lists_its_models(org: Org, claude: ScriptedHttp) -> None:
    listed = {"type": "model", "id": "claude-new", "max_input_tokens": 500_000, "lifecycle": "active"}
    claude.on("/v1/models", plain({"data": [listed], "has_more": False}))
    found: list[Any] = org.http.get("/v1/models/", params={"provider_name": "anthropic"}).json()
    assert [(each["handle"], each["max_context_window"]) for each in found] == [("anthropic/claude-new", 500_000)]
    assert of_agent(org, agent(org, model="anthropic/claude-new"))
