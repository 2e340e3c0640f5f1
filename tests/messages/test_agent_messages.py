"""Messages of an agent as lists show them (CONTRACT §1.4, §2.2, §3.4)."""

from datetime import datetime

import pytest
from letta_client import APIStatusError

from tests.harness.tenants import Org, new_org
from tests.messages.talking import Json, agent, messages, missing, of_agent, texts

COMMON = {"id", "date", "name", "message_type", "otid", "sender_id", "step_id", "is_err", "seq_id", "run_id"}
PACKED = '{"type": "user_message", "message": "unpacked", "time": "2024-05-01 10:00:00 AM UTC+0000"}'
HEARTBEAT = '{"type": "heartbeat", "reason": "go on", "time": "2024-05-01 10:00:00 AM UTC+0000"}'
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.mark.contract("messages.fields")
def test_every_message_has_the_common_fields(org: Org) -> None:
    listed = of_agent(org, agent(org, "hello", "hi there"), order="asc")
    assert [message["message_type"] for message in listed] == ["system_message", "user_message", "assistant_message"]
    assert all(set(message) == COMMON | {"content"} for message in listed)
    assert all(message["is_err"] is None and message["id"].startswith("message-") for message in listed)


@pytest.mark.contract("messages.date")
def test_dates_have_seconds_and_the_offset_of_utc(org: Org) -> None:
    (newest,) = of_agent(org, agent(org, "hello"), limit=1)
    assert datetime.fromisoformat(newest["date"]).microsecond == 0
    assert len(newest["date"]) == 25
    assert newest["date"].endswith("+00:00")


@pytest.mark.contract("messages.otid")
def test_an_otid_is_kept_and_otherwise_made(org: Org) -> None:
    mine = {"role": "user", "content": "hello", "otid": "my-own-id", "name": "Ada", "sender_id": missing("identity")}
    kept, made = of_agent(org, agent(org, mine, {"role": "user", "content": "again"}), order="asc")[1:]
    assert (kept["otid"], kept["name"], kept["sender_id"]) == ("my-own-id", "Ada", mine["sender_id"])
    assert made["otid"] not in (None, "my-own-id")


@pytest.mark.contract("messages.list.default-order")
def test_the_newest_come_first_unless_asked_otherwise(org: Org) -> None:
    told = agent(org, "one", "two", "three")
    assert texts(of_agent(org, told)) == ["three", "two", "one"]
    assert texts(of_agent(org, told, order="asc", order_by="created_at")) == ["one", "two", "three"]
    assert texts(of_agent(org, told, limit=2)) == ["three", "two"]


@pytest.mark.contract("messages.list.absolute-cursors")
@pytest.mark.parametrize(
    "order,after,before", [("desc", ["five", "four"], ["two", "one"]), ("asc", ["four", "five"], ["one", "two"])]
)
def test_after_is_newer_and_before_is_older_whatever_the_order(
    org: Org, order: str, after: list[str], before: list[str]
) -> None:
    told = agent(org, "one", "two", "three", "four", "five")
    middle = next(m["id"] for m in of_agent(org, told) if m["content"] == "three")
    assert texts(of_agent(org, told, order=order, after=middle)) == after
    assert texts(of_agent(org, told, order=order, before=middle)) == before


@pytest.mark.contract("messages.list.page-back")
def test_a_client_pages_back_with_the_oldest_it_has(org: Org) -> None:
    told = agent(org, *[f"message {number}" for number in range(7)])
    seen: list[str] = []
    page = of_agent(org, told, limit=3)
    while page:
        seen += texts(page)
        page = of_agent(org, told, limit=3, before=page[-1]["id"])
    assert seen == [f"message {number}" for number in reversed(range(7))]


@pytest.mark.contract("messages.list.unknown-cursor")
def test_an_unknown_cursor_is_an_error(org: Org) -> None:
    cursor = missing("message")
    refused = org.http.get(f"/v1/agents/{agent(org, 'one')}/messages", params={"after": cursor})
    assert refused.status_code == 404
    assert cursor in refused.json()["detail"]


@pytest.mark.contract("messages.list.sdk")
def test_the_clients_iteration_ends(org: Org) -> None:
    """Oldest first it sees everything; newest first it goes back to newer ones, but stops (CONTRACT §1.4)."""
    told = agent(org, "one", "two", "three", "four", "five")
    listed = [message["id"] for message in of_agent(org, told, order="asc")]
    assert [message.id for message in org.client.agents.messages.list(told, limit=2, order="asc")] == listed
    newest_first = [message.id for message in org.client.agents.messages.list(told, limit=2)]
    assert newest_first[:2] == listed[:-3:-1]
    assert len(newest_first) < 2 * len(listed)


@pytest.mark.contract("messages.list.types")
def test_only_the_types_that_are_asked_for(org: Org) -> None:
    told = agent(org, "one", "two", "three")
    only = of_agent(org, told, include_return_message_types=["user_message"])
    assert {message["message_type"] for message in only} == {"user_message"}
    two = of_agent(org, told, include_return_message_types=["system_message", "assistant_message"])
    assert {message["message_type"] for message in two} == {"system_message", "assistant_message"}
    assert of_agent(org, told, include_return_message_types=["tool_call_message"]) == []
    unknown = org.http.get(f"/v1/agents/{told}/messages", params={"include_return_message_types": "speech"})
    assert unknown.status_code == 422


def test_a_filtered_page_is_full_while_there_is_more(org: Org) -> None:
    told = agent(org, "q1", "a1", "q2", "a2", "q3", "a3")
    only = of_agent(org, told, include_return_message_types=["user_message"], limit=2)
    assert texts(only) == ["q3", "q2"]


@pytest.mark.contract("messages.user.content")
def test_a_single_text_is_a_string_and_anything_else_a_list(org: Org) -> None:
    image: Json = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    single = {"role": "user", "content": [{"type": "text", "text": "plain"}]}
    mixed = {"role": "user", "content": [{"type": "text", "text": "see"}, image]}
    first, second = of_agent(org, agent(org, single, mixed), order="asc")[1:]
    assert first["content"] == "plain"
    text, picture = second["content"]
    assert (text["type"], text["text"]) == ("text", "see")
    assert picture == {"type": "image", "source": {**image["source"], "detail": None}}


@pytest.mark.contract("messages.user.envelope")
def test_texts_that_v1_had_wrapped_are_unwrapped(org: Org) -> None:
    told = agent(org, *({"role": "user", "content": text} for text in (PACKED, HEARTBEAT, '{"type": "user_message"}')))
    assert texts(of_agent(org, told, order="asc")) == ["unpacked", HEARTBEAT, '{"type": "user_message"}']


@pytest.mark.contract("messages.list.conversation")
def test_a_thread_of_the_agent_can_be_asked_for(org: Org) -> None:
    told = agent(org, "in the agent's own thread")
    other = org.http.post("/v1/conversations/", params={"agent_id": told}, json={}).json()["id"]
    own = of_agent(org, told, conversation_id="default")
    assert own == of_agent(org, told, conversation_id=told)
    assert texts(own) == ["in the agent's own thread"]
    assert texts(of_agent(org, told, conversation_id=other)) == []
    assert len(of_agent(org, told)) == len(own) + 1


def test_a_thread_of_another_agent_is_not_found(org: Org) -> None:
    first, second = agent(org, "one"), agent(org, "two")
    other = org.http.post("/v1/conversations/", params={"agent_id": second}, json={}).json()["id"]
    for thread in (other, second, missing("conv")):
        assert org.http.get(f"/v1/agents/{first}/messages", params={"conversation_id": thread}).status_code == 404


def test_a_group_can_be_asked_for(org: Org) -> None:
    group = missing("group")
    told = agent(
        org, {"role": "user", "content": "in the group", "group_id": group}, {"role": "user", "content": "not"}
    )
    assert texts(of_agent(org, told, group_id=group)) == ["in the group"]


@pytest.mark.contract("messages.list.unknown-agent")
def test_an_unknown_agent_is_an_error(org: Org) -> None:
    assert org.http.get(f"/v1/agents/{missing('agent')}/messages").status_code == 404
    malformed = org.http.get("/v1/agents/agent-1/messages")
    assert malformed.status_code == 422


@pytest.mark.contract("messages.edit")
def test_messages_cannot_be_edited(org: Org) -> None:
    told = agent(org, "one")
    (newest,) = of_agent(org, told, limit=1)
    for message_id in (newest["id"], missing("message")):
        body = {"message_type": "user_message", "content": "changed"}
        refused = org.http.patch(f"/v1/agents/{told}/messages/{message_id}", json=body)
        assert refused.status_code == 405
        assert message_id in refused.json()["detail"]
    assert texts(of_agent(org, told)) == ["one"]


@pytest.mark.contract("messages.list.all")
def test_the_organization_lists_the_messages_of_all_agents(org: Org) -> None:
    first, second = agent(org, "one"), agent(org, "two")
    assert texts(messages(org, "/v1/messages/")) == ["two", "one"]
    assert texts(messages(org, "/v1/messages/", order="asc", limit=2)) == ["one"]
    assert texts(messages(org, "/v1/messages/", include_return_message_types=["user_message"])) == ["two", "one"]
    assert texts(messages(org, "/v1/messages/", conversation_id=first)) == ["one"]
    assert texts(messages(org, "/v1/messages/", conversation_id="default")) == ["two", "one"]
    newest = of_agent(org, second, limit=1)[0]["id"]
    assert texts(messages(org, "/v1/messages/", before=newest)) == ["one"]
    assert [m.id for m in org.client.messages.list()] == [m["id"] for m in messages(org, "/v1/messages/")]


@pytest.mark.contract("messages.retrieve")
def test_one_message_is_a_list(org: Org) -> None:
    (newest,) = of_agent(org, agent(org, "one"), limit=1)
    assert org.http.get(f"/v1/messages/{newest['id']}").json() == [newest]
    assert [message.id for message in org.client.messages.retrieve(newest["id"])] == [newest["id"]]
    with pytest.raises(APIStatusError) as unknown:
        org.client.messages.retrieve(missing("message"))
    assert unknown.value.status_code == 404
    assert org.http.get("/v1/messages/message-1").status_code == 422


def test_another_organization_sees_nothing(org: Org) -> None:
    told = agent(org, "a secret")
    (newest,) = of_agent(org, told, limit=1)
    stranger = new_org(org.server)
    assert stranger.http.get(f"/v1/messages/{newest['id']}").status_code == 404
    assert stranger.http.get(f"/v1/agents/{told}/messages").status_code == 404
    assert messages(stranger, "/v1/messages/") == []
    assert stranger.http.get("/v1/messages/", params={"conversation_id": told}).status_code == 404
    assert stranger.http.get("/v1/messages/", params={"after": newest["id"]}).status_code == 404
