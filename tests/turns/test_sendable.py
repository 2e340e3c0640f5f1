"""Whatever is stored becomes a request that its provider accepts, on every wire and in both dialects (DESIGN law 2)."""

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.llm.catalog import Configured
from holdfast.llm.client import ModelClient
from holdfast.llm.failures import Target
from holdfast.llm.model import Call, Provider, ToolSchema
from holdfast.llm.rows import ROWS
from holdfast.llm.wires import WIRES
from holdfast.loop.dialect import HEARTBEATS, NATIVE, LoopDialect
from holdfast.loop.repair import sendable
from holdfast.messages.model import (
    Message,
    OmittedReasoningPart,
    Part,
    ReasoningPart,
    RedactedReasoningPart,
    TextPart,
    ToolCallPart,
)
from tests.turns.test_repair import MESSAGES

Json = dict[str, Any]

ODD: st.SearchStrategy[list[Part]] = st.lists(
    st.one_of(
        st.builds(ReasoningPart, reasoning=st.sampled_from(["", "hm"]), is_native=st.booleans()),
        st.builds(RedactedReasoningPart, data=st.just("x")),
        st.builds(OmittedReasoningPart),
        st.builds(
            ToolCallPart,
            id=st.sampled_from(["", "a", "long" * 30]),
            name=st.sampled_from(["", "look"]),
            arguments=st.sampled_from(["", "{", "[]", '{"a": 1}', '{"thinking": "x"}', '{"a": "\\ud800"}']),
        ),
    ),
    max_size=4,
)
"""Parts that make trouble, beside those of the other tests."""

patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine makes no history worse."""

URL = "http://127.0.0.1:9/v1"


def provider(wire: str) -> Provider:
    """One that speaks the wire; it is never asked anything."""
    row = next(row for row in ROWS if row.wire == wire)
    return WIRES[wire](ModelClient(), Configured(row.type, row.type, URL, "key"), row, Target(row.type, URL))


def chat_completions(body: Json) -> None:
    """Calls are answered at once and only calls are, nothing is empty, arguments are objects."""
    waiting = set[str]()
    for message in body["messages"]:
        if message["role"] == "tool":
            assert message["tool_call_id"] in waiting
            waiting.remove(message["tool_call_id"])
            continue
        assert not waiting
        calls: list[Json] = message.get("tool_calls") or []
        assert calls or message["content"]
        waiting = {call["id"] for call in calls}
        assert len(waiting) == len(calls)
        assert all(call["id"] and call["function"]["name"] for call in calls)
        assert all(isinstance(json.loads(call["function"]["arguments"]), dict) for call in calls)
    assert not waiting


def claude(body: Json) -> None:
    """User and assistant take turns, calls are answered by the very next message, no text is empty."""
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"] * (len(roles) % 2)
    waiting = set[str]()
    for message in body["messages"]:
        content: str | list[Json] = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        assert blocks
        assert all(block["text"].strip() for block in blocks if block["type"] == "text")
        assert {block["tool_use_id"] for block in blocks if block["type"] == "tool_result"} == waiting
        uses = [block["id"] for block in blocks if block["type"] == "tool_use"]
        waiting = set(uses)
        assert len(waiting) == len(uses)
    assert not waiting


def converse(body: Json) -> None:
    """The same of Bedrock, whose blocks are named by their only key."""

    def block(sent: Json) -> Json:
        if use := sent.get("toolUse"):
            return {"type": "tool_use", "id": use["toolUseId"]}
        if result := sent.get("toolResult"):
            return {"type": "tool_result", "tool_use_id": result["toolUseId"]}
        return {"type": "text", "text": sent["text"]} if "text" in sent else {"type": next(iter(sent))}

    claude({"messages": [{**m, "content": list(map(block, m["content"]))} for m in body["messages"]]})


def gemini(body: Json) -> None:
    """User and model take turns, all calls are answered first thing by the next message, the first one is signed."""
    roles = [content["role"] for content in body["contents"]]
    assert roles == ["user", "model"] * (len(roles) // 2) + ["user"] * (len(roles) % 2)
    waiting = list[tuple[str, str]]()
    for content in body["contents"]:
        parts: list[Json] = content["parts"]
        assert parts
        assert all(part["text"] or "thoughtSignature" in part for part in parts if "text" in part)
        answers = [_named(part["functionResponse"]) for part in parts if "functionResponse" in part]
        assert sorted(answers) == sorted(waiting)
        assert all("functionResponse" in part for part in parts[: len(answers)])
        calls = [part for part in parts if "functionCall" in part]
        assert all(part["functionCall"]["name"] and isinstance(part["functionCall"]["args"], dict) for part in calls)
        assert not calls or (content["role"] == "model" and "thoughtSignature" in calls[0])
        waiting = [_named(part["functionCall"]) for part in calls]
    assert not waiting


def _named(part: Json) -> tuple[str, str]:
    return part["id"], part["name"]


def ollama(body: Json) -> None:
    """Nothing is empty, calls are answered by name and at once, arguments are objects."""
    waiting = list[str]()
    assert body["messages"][0]["role"] == "system"
    for message in body["messages"]:
        if message["role"] == "tool":
            waiting.remove(message["tool_name"])
            continue
        assert not waiting
        sent: list[Json] = message.get("tool_calls") or []
        calls: list[Json] = [call["function"] for call in sent]
        assert calls or message["content"] or message.get("images")
        assert all(call["name"] and isinstance(call["arguments"], dict) for call in calls)
        assert not calls or message["role"] == "assistant"
        waiting = [call["name"] for call in calls]
    assert not waiting


CHECKS: Mapping[str, Callable[[Json], None]] = {
    "openai": chat_completions,
    "anthropic": claude,
    "bedrock": converse,
    "gemini": gemini,
    "vertex": gemini,
    "ollama": ollama,
}
"""What a wire's server demands; of the others, that a request can be written at all."""


@pytest.mark.parametrize("dialect", [NATIVE, HEARTBEATS], ids=["native", "heartbeat"])
@pytest.mark.parametrize("wire", WIRES)
def test_any_history_can_be_sent(wire: str, dialect: LoopDialect) -> None:
    speaks = provider(wire)

    @patiently
    @given(MESSAGES, st.lists(ODD, max_size=12), st.booleans())
    def sends(messages: list[Message], odd: list[list[Part]], thinks: bool) -> None:
        for message, more in zip(messages, odd, strict=False):
            message.content = [*message.content, *more]
        seen = sendable([dialect.shown(message, thinks=thinks) for message in messages])
        tool = dialect.schema(ToolSchema("look", "Looks.", {"type": "object", "properties": {}}), thinks=thinks)
        body = speaks.preview(Call("some-model", [PROMPT, *seen], [tool]))
        json.dumps(body)
        CHECKS.get(wire, no_check)(body)

    cast(Callable[[], None], sends)()


SIGNED: st.SearchStrategy[list[Part]] = st.lists(
    st.one_of(
        st.builds(TextPart, text=st.sampled_from(["", "hello"]), signature=st.sampled_from([None, "signed"])),
        st.builds(
            ToolCallPart,
            id=st.uuids().map(str),
            name=st.just("look"),
            arguments=st.just("{}"),
            signature=st.sampled_from([None, "signed"]),
        ),
    ),
    max_size=4,
)


@pytest.mark.parametrize("wire", ["gemini", "vertex"])
def test_signatures_go_back_to_the_model_that_made_them_and_to_no_other(wire: str) -> None:
    speaks = provider(wire)

    @patiently
    @given(MESSAGES, st.lists(st.tuples(SIGNED, st.sampled_from(["some-model", "another"])), max_size=12))
    def keeps(messages: list[Message], signed: list[tuple[list[Part], str]]) -> None:
        for message, (more, model) in zip(messages, signed, strict=False):
            if message.role == "assistant":
                message.content, message.model = [*message.content, *more], model
        seen = sendable([NATIVE.shown(message, thinks=True) for message in messages])
        body = speaks.preview(Call("some-model", [PROMPT, *seen]))
        gemini(body)
        own = [part for message in seen if message.model == "some-model" for part in message.content]
        made = [part for part in own if isinstance(part, TextPart | ToolCallPart) and part.signature]
        sent = [part for content in body["contents"] for part in content["parts"]]
        assert sum(part.get("thoughtSignature") == "signed" for part in sent) == len(made)

    cast(Callable[[], None], keeps)()


def no_check(body: Json) -> None:
    assert body


PROMPT = Message(
    id="message-0",
    organization_id="org-1",
    agent_id="agent-1",
    thread_id="agent-1",
    role="system",
    content=[TextPart(text="You are brief.")],
)
