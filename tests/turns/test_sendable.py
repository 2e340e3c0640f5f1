"""Whatever is stored becomes a request that its provider accepts, on every wire and in both dialects (DESIGN law 2)."""

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest
from hypothesis import given
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


CHECKS: Mapping[str, Callable[[Json], None]] = {"openai": chat_completions, "anthropic": claude, "bedrock": converse}
"""What a wire's server demands; of the others, that a request can be written at all."""


@pytest.mark.parametrize("dialect", [NATIVE, HEARTBEATS], ids=["native", "heartbeat"])
@pytest.mark.parametrize("wire", WIRES)
def test_any_history_can_be_sent(wire: str, dialect: LoopDialect) -> None:
    speaks = provider(wire)

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
