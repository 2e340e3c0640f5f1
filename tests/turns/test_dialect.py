"""What the heartbeat dialect adds to a call, and takes away again."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from holdfast.llm.model import ToolSchema
from holdfast.loop.dialect import HEARTBEATS, without_thinking
from holdfast.messages.model import Message, ToolCallPart

VALUES = st.dictionaries(
    st.text(max_size=5), st.recursive(st.text() | st.integers(-9, 9) | st.none(), st.lists, max_leaves=5), max_size=4
)


@given(VALUES, st.text(min_size=1).filter(str.strip), st.integers(0, 2))
def test_a_thought_is_taken_out_and_the_rest_stays(own: dict[str, Any], thought: str, indent: int) -> None:
    own.pop("thinking", None)
    text = json.dumps({"thinking": thought, **own}, indent=indent or None)
    found, rest = without_thinking(text)
    assert found == thought.strip().replace("\x00", "")
    assert json.loads(rest) == own


@given(st.text() | st.binary().map(lambda raw: "{" + raw.decode("latin-1")))
def test_what_cannot_be_read_stays_as_it_is(text: str) -> None:
    thought, rest = without_thinking(text)
    assert thought or rest == text


@given(VALUES.filter(lambda own: not {"thinking", "request_heartbeat"} & own.keys()))
def test_a_tool_gets_what_is_its_own(own: dict[str, Any]) -> None:
    sent = {"thinking": "hm", **own, "request_heartbeat": True}
    call = ToolCallPart(id="a", name="look", arguments=json.dumps(sent))
    assert HEARTBEATS.asks(call)
    given_ = json.loads(HEARTBEATS.given(call, {}).arguments)
    assert given_.keys() == {key.replace("\x00", "") for key in own}
    assert json.loads(HEARTBEATS.given(call, {"look": ["thinking"]}).arguments)["thinking"] == "hm"


def test_the_model_sees_its_thoughts_where_it_wrote_them() -> None:
    written = '{"thinking": "hm", "city": "Oslo", "request_heartbeat": false}'
    parts = HEARTBEATS.kept([], [ToolCallPart(id="a", name="look", arguments=written)], {})
    stored = Message(
        id="message-1",
        organization_id="org-1",
        agent_id="agent-1",
        thread_id="agent-1",
        role="assistant",
        content=parts,
    )
    assert HEARTBEATS.shown(stored, thinks=True).calls[0].arguments == written
    assert "hm" not in HEARTBEATS.shown(stored, thinks=False).model_dump_json()


def test_a_schema_that_somebody_sent_may_hold_anything() -> None:
    wrong: list[dict[str, Any]] = [{}, {"properties": [], "required": "x"}, {"properties": None, "required": None}]
    for odd in wrong:
        schema = HEARTBEATS.schema(ToolSchema("look", "", odd), thinks=True)
        assert list(schema.parameters["properties"]) == ["thinking", "request_heartbeat"]
        assert schema.parameters["required"] == ["thinking", "request_heartbeat"]
