"""A model server that answers with nonsense: the turn ends with an answer or a model's error, the next one works."""

import json
from typing import Any

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.models import MODEL
from tests.harness.server import Server


def _message(**fields: Any) -> bytes:
    message = {"role": "assistant", "content": None, **fields}
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()


def _call(name: Any, arguments: Any, **more: Any) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def _chunk(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "html": b"<html><body>nginx</body></html>",
    "null": b"null",
    "list": b"[]",
    "number": b"1e400",
    "object": b"{}",
    "no-choices": b'{"choices": []}',
    "null-choice": b'{"choices": [null]}',
    "text-choice": b'{"choices": "x"}',
    "no-message": b'{"choices": [{"index": 0}]}',
    "error-in-200": b'{"error": {"message": "overloaded", "code": 529}}',
    "error-text": b'{"error": "no"}',
    "half": b'{"choices": [{"message": {"content": "hal',
    "binary": bytes(range(256)) * 10,
    "no-utf-8": b'{"choices": [{"message": {"role": "assistant", "content": "\xff\xfe"}}]}',
    "number-content": _message(content=17),
    "object-content": _message(content={"a": 1}),
    "list-content": _message(content=[{"type": "text", "text": "in a list"}, 5, None]),
    "strange-text": _message(content="NUL \x00, half \ud83d of a pair, \u202e backwards"),
    "large": _message(content="word " * 400_000),
    "null-call": _message(tool_calls=[None]),
    "text-calls": _message(tool_calls="send_message"),
    "call-without-function": _message(tool_calls=[{"id": "x"}]),
    "call-without-name": _message(tool_calls=[_call(None, "{}")]),
    "unknown-tool": _message(tool_calls=[_call("rm_rf", "{}")]),
    "strange-name": _message(tool_calls=[_call("a\x00b \ud800" * 100, "{}")]),
    "no-json-arguments": _message(tool_calls=[_call("conversation_search", "{'query': ")]),
    "list-arguments": _message(tool_calls=[_call("conversation_search", "[1, 2]")]),
    "object-arguments": _message(tool_calls=[_call("conversation_search", {"query": "x"})]),
    "nested-arguments": _message(tool_calls=[_call("conversation_search", '{"query": ' + "[" * 50_000)]),
    "huge-number": _message(tool_calls=[_call("conversation_search", '{"query": "x", "limit": 1e400}')]),
    "strange-arguments": _message(tool_calls=[_call("conversation_search", '{"query": "\\u0000\\ud800"}')]),
    "same-id-twice": _message(tool_calls=[_call("conversation_search", '{"query": "a"}')] * 2),
    "strange-usage": _message(content="ok")[:-1] + b', "usage": {"prompt_tokens": "many", "total_tokens": -1e99}}',
    "usage-text": _message(content="ok")[:-1] + b', "usage": "none"}',
    "strange-finish": b'{"choices": [{"message": {"content": "ok"}, "finish_reason": {"a": []}}]}',
}

STREAMS: dict[str, Reply] = {
    "no-json": Reply(chunks=("{", "}", "nonsense")),
    "scalars": Reply(chunks=("null", "5", "[]", '"x"')),
    "nothing": Reply(chunks=()),
    "only-done": Reply(chunks=("[DONE]",)),
    "error-in-the-middle": Reply(chunks=(_chunk(content="half"), {"error": {"message": "out of memory"}})),
    "cut": Reply("one two three", cut_after=2),
    "call-in-pieces": Reply(chunks=(_chunk(tool_calls=[{"index": 7, "function": {"arguments": "{"}}]), "[DONE]")),
    "negative-index": Reply(chunks=(_chunk(tool_calls=[{"index": -1, "id": 5, "function": {"name": 5}}]), "[DONE]")),
    "strange-text": Reply(chunks=(_chunk(content="a\x00b\ud800"), _chunk(content=None), _chunk(content=7), "[DONE]")),
    "no-delta": Reply(chunks=({"choices": [{"index": 0}]}, {"choices": [{"index": 0, "delta": None}]}, "[DONE]")),
    "not-a-stream": Reply(raw=b"<html>busy</html>"),
}


@pytest.fixture
def agent(target: Server) -> str:
    made = target.http.post("/v1/agents/", json={"model": MODEL})
    return made.raise_for_status().json()["id"]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_bodies(target: Server, models: OpenAIServer, agent: str, body: bytes) -> None:
    models.queue(Reply(raw=body, headers={"content-type": "application/json"}))
    answer = _say(target, agent, "hello")
    _check(answer.status_code, answer.json())
    _still_works(target, models, agent)


@pytest.mark.parametrize("reply", STREAMS.values(), ids=STREAMS.keys())
def test_streams(target: Server, models: OpenAIServer, agent: str, reply: Reply) -> None:
    models.queue(reply)
    body = {"messages": [{"role": "user", "content": "hello"}], "stream_tokens": True}
    answer = target.http.post(f"/v1/agents/{agent}/messages/stream", json=body)
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    if answer.status_code == 200:
        assert events[-1] == "[DONE]"
        assert all(isinstance(json.loads(event), dict) for event in events[:-1])
    else:
        _check(answer.status_code, answer.json())
    _still_works(target, models, agent)


def _check(status: int, body: Any) -> None:
    """An answer, or the error of a model: never a mistake of the server."""
    if status == 200:
        assert body["stop_reason"]["stop_reason"]
        return
    error = body["error"]
    assert error["type"].startswith("llm_")
    assert len(error["message"]) > 8


def _say(server: Server, agent: str, text: str) -> Any:
    return server.http.post(f"/v1/agents/{agent}/messages", json={"messages": [{"role": "user", "content": text}]})


def _still_works(server: Server, models: OpenAIServer, agent: str) -> None:
    models.reset()
    again = _say(server, agent, "REPLY still here")
    assert again.status_code == 200, again.text
    assert "still here" in again.text
    _check_transcript(models.chats[-1].body["messages"])
    listed = server.http.get(f"/v1/agents/{agent}/messages", params={"limit": 100})
    assert listed.status_code == 200


def _check_transcript(messages: list[dict[str, Any]]) -> None:
    """What the model was sent is whole: every call has its return, every return its call."""
    called = [call["id"] for message in messages for call in message.get("tool_calls") or ()]
    returned = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert sorted(called) == sorted(returned)
    assert len(set(called)) == len(called)
