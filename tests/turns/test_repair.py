"""Any stored transcript can be sent (DESIGN law 2)."""

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from holdfast.loop.repair import sendable
from holdfast.loop.transcript import GrowingTranscript
from holdfast.messages.model import (
    ApprovalPart,
    Base64Image,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)

IDS = st.sampled_from(["", "a", "b", "c"])
NAMES = st.sampled_from(["", "look", "write"])
PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(TextPart, text=st.sampled_from(["", "  \n", "hello"])),
    st.builds(ImagePart, source=st.just(Base64Image(media_type="image/png", data="aGk="))),
    st.builds(ReasoningPart, reasoning=st.just("hm")),
    st.builds(ToolCallPart, id=IDS, name=NAMES, arguments=st.just("{}")),
    st.builds(ToolReturnPart, call_id=IDS, name=NAMES, output=st.just("done")),
    st.builds(ApprovalPart, call_id=IDS, approve=st.booleans()),
)
MESSAGES = st.lists(
    st.builds(
        Message,
        id=st.uuids().map("message-{}".format),
        organization_id=st.just("org-1"),
        agent_id=st.just("agent-1"),
        thread_id=st.just("agent-1"),
        role=st.sampled_from(get_args(Role)),
        content=st.lists(PARTS, max_size=5),
    ),
    max_size=12,
)


@given(MESSAGES)
def test_every_call_is_followed_by_its_return_and_nothing_else_is_returned(messages: list[Message]) -> None:
    open_calls = set[str]()
    for message in sendable(messages):
        ids = [part.call_id for part in message.returns]
        if ids:
            assert message.role == "tool"
            assert len(message.content) == len(ids) == len(set(ids))
            assert open_calls.issuperset(ids)
            open_calls -= set(ids)
            continue
        assert not open_calls
        assert message.role in ("assistant", "approval") or not message.calls
        calls = [call.id for call in message.calls]
        assert len(calls) == len(set(calls))
        assert all(call.id and call.name for call in message.calls)
        open_calls = set(calls)
    assert not open_calls


@given(MESSAGES)
def test_every_message_shows_something(messages: list[Message]) -> None:
    for message in sendable(messages):
        assert any(
            isinstance(part, ImagePart | ToolCallPart | ToolReturnPart)
            or (isinstance(part, TextPart) and part.text.strip())
            for part in message.content
        )


@given(MESSAGES)
def test_what_was_repaired_needs_no_repair(messages: list[Message]) -> None:
    once = sendable(messages)
    assert sendable(once) == once


@given(MESSAGES)
def test_what_was_said_and_done_is_kept_in_order(messages: list[Message]) -> None:
    def said(found: list[Message]) -> list[str]:
        return [p.text for m in found for p in m.content if isinstance(p, TextPart) and p.text.strip()]

    before = [message.model_copy(deep=True) for message in messages]
    assert said(sendable(messages)) == said(messages)
    assert messages == before


@given(MESSAGES, st.lists(st.integers(0, 12), max_size=6))
def test_a_growing_transcript_is_the_whole_one(messages: list[Message], stops: list[int]) -> None:
    transcript = GrowingTranscript()
    for stop in sorted(stops):
        assert transcript.of(messages[:stop], lambda message: message, "same") == sendable(messages[:stop])
    assert transcript.of(messages, lambda message: message, "same") == sendable(messages)


@given(MESSAGES, st.integers(0, 12), st.integers(0, 12))
def test_a_transcript_that_was_cut_is_made_anew(messages: list[Message], start: int, stop: int) -> None:
    transcript = GrowingTranscript()
    transcript.of(messages[:stop], lambda message: message, "same")
    assert transcript.of(messages[start:], lambda message: message, "same") == sendable(messages[start:])
