"""Tools that the client runs itself, for one request (CONTRACT §5.3)."""

import json
from typing import Any

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import agent, say
from tests.turns.approving import (
    ASKS,
    NOTES,
    PARALLEL,
    Json,
    answer,
    careful,
    decided,
    insert,
    notes,
    pending,
    result,
    send,
    waiting_of,
)
from tests.turns.listening import asked, kinds, streamed
from tests.turns.test_tool_calls import returned

WEATHER: Json = {
    "name": "weather",
    "description": "Tells the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CALL = ("weather", {"city": "Ulm"})
TOOLS = {"client_tools": [WEATHER]}


def offered(models: OpenAIServer, number: int = -1) -> list[str]:
    return [tool["function"]["name"] for tool in models.chats[number].body.get("tools") or ()]


@pytest.mark.contract("approvals.client-tools.call")
def test_a_call_of_a_clients_tool_is_the_clients(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    (call,) = pending(org, models, owner, CALL, **TOOLS)
    assert (call["name"], call["arguments"]) == ("weather", '{"city": "Ulm"}')
    sent = models.chats[0].body["tools"][0]["function"]
    assert (sent["description"], sent["parameters"]) == (WEATHER["description"], WEATHER["parameters"])
    models.queue(Reply("Sunny."))
    item = {"type": "tool_return", "tool_returns": [{**result(call), "stdout": ["looked out"]}]}
    got = send(org, f"agents/{owner}", item, **TOOLS)
    assert got.status_code == 200, got.text
    assert returned(got.json()) == [("success", "sunny")]
    assert got.json()["messages"][0]["stdout"] == ["looked out"]
    assert asked(models)[-1]["content"] == "sunny"
    assert offered(models) == ["weather"]


@pytest.mark.contract("approvals.client-tools.answer")
def test_results_and_decisions_come_together(org: Org, models: OpenAIServer) -> None:
    owner = careful(org, **PARALLEL)
    here, there = pending(org, models, owner, CALL, insert(), **TOOLS)
    approved = send(org, f"agents/{owner}", {"type": "approval", "approvals": [decided(here), decided(there)]})
    assert approved.status_code == 400
    assert here["tool_call_id"] in approved.json()["detail"]
    models.queue(Reply("Done."))
    got = answer(org, f"agents/{owner}", result(here, "no idea", "error"), decided(there))
    assert [status for status, _ in returned(got)] == ["error", "success"]
    assert "tea" in notes(org, owner)
    assert "weather" not in offered(models)
    models.queue(Reply(calls=(CALL,)), Reply("It is gone."))
    ((status, text),) = returned(say(org, f"agents/{owner}", "again"))
    assert (status, "weather" in text) == ("error", True)


@pytest.mark.contract("approvals.client-tools.refused")
def test_a_client_may_refuse_its_own_call(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    (call,) = pending(org, models, owner, CALL, **TOOLS)
    models.queue(Reply("Never mind."))
    ((status, text),) = returned(answer(org, f"agents/{owner}", decided(call, approve=False, reason="offline")))
    assert (status, "offline" in text) == ("error", True)


@pytest.mark.contract("approvals.client-tools.cut")
def test_long_results_are_cut(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, context_window_limit=8000)
    (call,) = pending(org, models, owner, CALL, **TOOLS)
    models.queue(Reply("Long."))
    ((_, text),) = returned(answer(org, f"agents/{owner}", result(call, "a" * 7000)))
    assert text == "a" * 6400 + "... [truncated 600 chars]"


@pytest.mark.contract("approvals.client-tools.override")
def test_a_clients_tool_stands_before_the_agents_own(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, **NOTES)
    tools = [{"name": "memory_insert", "description": "Mine."}]
    (call,) = pending(org, models, owner, insert(), client_tools=tools)
    assert offered(models) == ["conversation_search", "memory_insert"]
    models.queue(Reply("Done."))
    answer(org, f"agents/{owner}", result(call, "kept here"))
    assert notes(org, owner) == ""
    say(org, f"agents/{owner}", f'CALL memory_insert {{"label": "notes", "new_string": "{ASKS["type"]}"}}')
    assert ASKS["type"] in notes(org, owner)


@pytest.mark.contract("approvals.client-tools.parts")
def test_a_result_may_hold_an_image(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    (call,) = pending(org, models, owner, CALL, **TOOLS)
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
    models.queue(Reply("A cloud."))
    got = answer(org, f"agents/{owner}", result(call, [{"type": "text", "text": "look"}, image]))
    back = got["messages"][0]
    assert [part["type"] for part in back["tool_returns"][0]["tool_return"]] == ["text", "image"]
    assert back["tool_return"] == "look\n[Image]"


@pytest.mark.contract("approvals.client-tools.wrong")
@pytest.mark.parametrize(
    "tools",
    [
        [{"name": ""}],
        [{"name": "two words"}],
        [{"name": "weather", "parameters": "none"}],
        [WEATHER, WEATHER],
        [{"description": "nameless"}],
        "weather",
    ],
    ids=["empty", "spaces", "parameters", "twice", "nameless", "text"],
)
def test_tools_that_cannot_be_offered_are_refused(org: Org, tools: Any) -> None:
    refused = send(org, f"agents/{agent(org)}", {"role": "user", "content": "hi"}, client_tools=tools)
    assert refused.status_code == 422, refused.text
    assert "client_tools" in refused.json()["detail"]


@pytest.mark.contract("approvals.client-tools.wrong-answers")
def test_results_that_do_not_fit_are_refused(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    (call,) = pending(org, models, owner, CALL, **TOOLS)
    stray = {"type": "tool_return", "tool_returns": [{**result(call), "tool_call_id": "call_elsewhere"}]}
    assert send(org, f"agents/{owner}", stray).status_code == 400
    for wrong in ({"status": "maybe"}, {"tool_return": 7}, {"tool_return": [{"type": "video"}]}):
        body = {"type": "tool_return", "tool_returns": [{**result(call), **wrong}]}
        assert send(org, f"agents/{owner}", body).status_code == 422
    assert waiting_of(org, owner) is not None
    models.queue(Reply("Fine."))
    odd = json.dumps({"messages": [{"type": "tool_return", "tool_returns": [result(call, "a\x00b\ud83d")]}]})
    path, headers = f"/v1/agents/{owner}/messages", {"content-type": "application/json"}
    assert org.http.post(path, content=odd.encode(), headers=headers).status_code == 200


@pytest.mark.contract("approvals.client-tools.stream")
def test_a_stream_asks_the_client(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply(calls=(CALL,)))
    found = streamed(org, f"agents/{agent(org)}", "weather?", stream_tokens=True, **TOOLS)
    assert kinds(found) == ["approval_request_message", "stop_reason", "usage_statistics", "[DONE]"]
    request = next(event.json for event in found if event.kind == "approval_request_message")
    assert request["tool_call"] == request["tool_calls"]
    assert request["tool_call"]["arguments"] == '{"city": "Ulm"}'
