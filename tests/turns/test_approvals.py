"""Calls that a person must approve (CONTRACT §5.1): stop, answer, go on, and always a way out."""

import pytest
from letta_client.types.agents import ApprovalRequestMessage, ApprovalReturnParam

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.harness.waiting import until
from tests.messages.talking import agent, missing, of_agent, say
from tests.turns.approving import (
    ASKS,
    PARALLEL,
    SEARCH,
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
from tests.turns.listening import MODERN, asked, kinds, streamed, user
from tests.turns.test_tool_calls import returned


def shown(messages: list[Json]) -> list[str]:
    return [message["message_type"] for message in messages]


@pytest.mark.contract("approvals.stop")
def test_a_call_that_needs_approval_stops_the_run(org: Org, models: OpenAIServer) -> None:
    owner = careful(org)
    models.queue(Reply("May I?", calls=(insert(),)))
    got = say(org, f"agents/{owner}", "I like tea")
    assert shown(got["messages"]) == ["assistant_message", "approval_request_message"]
    request = got["messages"][-1]
    assert request["tool_call"] == request["tool_calls"][0]
    assert request["tool_call"]["name"] == "memory_insert"
    (run,) = got["usage"]["run_ids"]
    stored = org.http.get(f"/v1/runs/{run}").json()
    assert (stored["status"], stored["stop_reason"]) == ("completed", "requires_approval")
    assert waiting_of(org, owner) == of_agent(org, owner, order="asc")[-1]
    assert notes(org, owner) == ""


@pytest.mark.contract("approvals.approve")
def test_an_approved_call_is_run_in_the_step_that_asked(org: Org, models: OpenAIServer) -> None:
    owner = careful(org)
    calls = pending(org, models, owner)
    models.queue(Reply("Noted."))
    got = answer(org, f"agents/{owner}", decided(calls[0]))
    assert shown(got["messages"]) == ["tool_return_message", "assistant_message"]
    assert "Likes tea." in notes(org, owner)
    listed = of_agent(org, owner, order="asc")[1:]
    assert shown(listed) == [
        *("user_message", "approval_request_message", "approval_response_message"),
        *("tool_return_message", "assistant_message"),
    ]
    asked_for, response, back = listed[1:4]
    assert asked_for["step_id"] == response["step_id"] == back["step_id"] != listed[4]["step_id"]
    assert response["approvals"] == [decided(calls[0])]
    assert (response["approve"], response["reason"]) == (True, None)
    assert waiting_of(org, owner) is None
    sent = asked(models)
    assert [m["role"] for m in sent] == ["system", "user", "assistant", "tool"]
    assert sent[2]["tool_calls"][0]["id"] == sent[3]["tool_call_id"]
    (run,) = got["usage"]["run_ids"]
    of_run = org.http.get(f"/v1/runs/{run}/messages", params={"order": "asc"}).json()
    assert shown(of_run)[0] == "approval_response_message"


@pytest.mark.contract("approvals.deny")
def test_a_denied_call_tells_the_model_why(org: Org, models: OpenAIServer) -> None:
    owner = careful(org)
    (call,) = pending(org, models, owner)
    models.queue(Reply("I see."))
    got = answer(org, f"agents/{owner}", decided(call, approve=False, reason="too private"))
    ((status, text),) = returned(got)
    assert status == "error"
    assert "too private" in text
    assert notes(org, owner) == ""
    assert "too private" in asked(models)[-1]["content"]


@pytest.mark.contract("approvals.withheld")
def test_other_calls_of_the_message_wait_with_it(org: Org, models: OpenAIServer) -> None:
    owner = careful(org, **PARALLEL)
    models.queue(Reply(calls=(SEARCH, insert(), insert("Likes jam."))))
    got = say(org, f"agents/{owner}", "I like tea")
    assert shown(got["messages"]) == ["tool_call_message", "approval_request_message"]
    withheld, request = got["messages"]
    assert [call["name"] for call in withheld["tool_calls"]] == ["conversation_search"]
    assert len(request["tool_calls"]) == 2
    models.queue(Reply("Done."))
    yes, no = request["tool_calls"]
    after = answer(org, f"agents/{owner}", decided(no, approve=False), decided(yes))
    assert [status for status, _ in returned(after)] == ["success", "success", "error"]
    assert ("tea" in notes(org, owner), "jam" in notes(org, owner)) == (True, False)
    sent = asked(models)
    assert [m["tool_call_id"] for m in sent if m["role"] == "tool"] == [c["id"] for c in sent[2]["tool_calls"]]


@pytest.mark.contract("approvals.single-form")
@pytest.mark.parametrize("named", ["message", "call", "nothing"])
def test_the_older_form_answers_too(org: Org, models: OpenAIServer, named: str) -> None:
    owner = careful(org)
    (call,) = pending(org, models, owner)
    waiting = waiting_of(org, owner)
    assert waiting is not None
    named_id = {"message": waiting["id"], "call": call["tool_call_id"], "nothing": None}[named]
    models.queue(Reply("Noted."))
    got = send(org, f"agents/{owner}", {"approve": True, "approval_request_id": named_id})
    assert got.status_code == 200, got.text
    assert "tea" in notes(org, owner)


@pytest.mark.contract("approvals.wrong-answers")
def test_an_answer_that_does_not_fit_says_what_is_expected(org: Org, models: OpenAIServer) -> None:
    owner = careful(org, **PARALLEL)
    first, second = pending(org, models, owner, insert(), insert("Likes jam."))
    other = {**decided(first), "tool_call_id": "call_elsewhere"}
    wrong = [
        [decided(first)],
        [decided(first), decided(second), other],
        [decided(first), decided(first), decided(second)],
        [decided(first), other],
    ]
    for decisions in wrong:
        refused = send(org, f"agents/{owner}", {"type": "approval", "approvals": decisions})
        assert refused.status_code == 400, refused.text
        detail = refused.json()["detail"]
        assert first["tool_call_id"] in detail
        assert second["tool_call_id"] in detail
    late = send(org, f"agents/{owner}", {"role": "user", "content": "hi"}, {"type": "approval", "approve": True})
    assert late.status_code == 400
    bodies: list[Json] = [
        {"type": "approval", "approvals": []},
        {"type": "approval"},
        {"type": "approval", "approve": True, "approval_request_id": missing("message")},
        {"type": "tool_return", "tool_returns": []},
        {"type": "approval", "approvals": [{**decided(first), "tool_call_id": ""}]},
    ]
    for body in bodies:
        refused = send(org, f"agents/{owner}", body)
        assert refused.status_code == 400, refused.text
    garbled = send(org, f"agents/{owner}", {"type": "approval", "approvals": [{"tool_call_id": 7, "approve": "maybe"}]})
    assert garbled.status_code == 422
    assert notes(org, owner) == ""
    assert waiting_of(org, owner) is not None
    models.queue(Reply("Done."))
    answer(org, f"agents/{owner}", decided(first), decided(second))
    assert "jam" in notes(org, owner)


@pytest.mark.contract("approvals.pending")
def test_a_message_while_a_call_waits_is_a_conflict(org: Org, models: OpenAIServer) -> None:
    owner = careful(org)
    pending(org, models, owner)
    waiting = waiting_of(org, owner)
    assert waiting is not None
    for path in ("messages", "messages/stream", "messages/async"):
        refused = org.http.post(f"/v1/agents/{owner}/{path}", json=user("hello"))
        assert refused.status_code == 409, refused.text
        detail = refused.json()["detail"]
        assert detail["code"] == "PENDING_APPROVAL"
        assert detail["pending_request_id"] == waiting["id"]
        assert refused.headers["x-should-retry"] == "false"
    assert shown(of_agent(org, owner))[0] == "approval_request_message"


@pytest.mark.contract("approvals.replay")
def test_an_answer_that_comes_twice_is_taken_again(org: Org, models: OpenAIServer) -> None:
    owner = careful(org)
    (call,) = pending(org, models, owner)
    models.queue(Reply("Noted."), Reply("As I said."), Reply("Good bye."))
    answer(org, f"agents/{owner}", decided(call))
    again = answer(org, f"agents/{owner}", decided(call))
    assert shown(again["messages"]) == ["assistant_message"]
    assert notes(org, owner).count("tea") == 1
    item = {"type": "approval", "approvals": [decided(call)]}
    more = send(org, f"agents/{owner}", item, {"role": "user", "content": "bye"})
    assert more.json()["messages"][0]["content"] == "Good bye."
    assert asked(models)[-1]["content"] == "bye"


@pytest.mark.contract("approvals.nothing-pending")
def test_an_answer_that_nothing_waits_for_is_refused(org: Org) -> None:
    owner = careful(org)
    call = {"tool_call_id": "call_1"}
    for body in ({"type": "approval", "approvals": [decided(call)]}, {"type": "approval", "approve": True}):
        refused = send(org, f"agents/{owner}", body)
        assert refused.status_code == 400, refused.text
        assert owner in refused.json()["detail"]


@pytest.mark.contract("approvals.follow-up")
def test_messages_may_follow_the_answer(org: Org, models: OpenAIServer) -> None:
    owner = careful(org)
    (call,) = pending(org, models, owner)
    models.queue(Reply("Noted, and hello."))
    item = {"type": "approval", "approvals": [decided(call)]}
    got = send(org, f"agents/{owner}", item, {"role": "user", "content": "and hello"})
    assert got.status_code == 200, got.text
    assert [(m["role"], m["content"]) for m in asked(models)][-1] == ("user", "and hello")
    assert [m["role"] for m in asked(models)][-2:] == ["tool", "user"]


@pytest.mark.contract("approvals.result")
def test_a_client_may_answer_with_the_result(org: Org, models: OpenAIServer) -> None:
    owner = careful(org)
    (call,) = pending(org, models, owner)
    models.queue(Reply("Fine."))
    got = answer(org, f"agents/{owner}", result(call, "kept elsewhere"))
    assert returned(got) == [("success", "kept elsewhere")]
    assert notes(org, owner) == ""


@pytest.mark.contract("approvals.stream")
@pytest.mark.parametrize("tokens", [False, True], ids=["steps", "tokens"])
def test_streams_show_requests_and_go_on_after_answers(org: Org, models: OpenAIServer, tokens: bool) -> None:
    owner = careful(org, **PARALLEL)
    models.queue(Reply("May I?", calls=(SEARCH, insert())))
    found = streamed(org, f"agents/{owner}", "I like tea", stream_tokens=tokens)
    order = list(dict.fromkeys(kinds(found)))
    assert order == [
        *("assistant_message", "tool_call_message", "approval_request_message"),
        *("stop_reason", "usage_statistics", "[DONE]"),
    ]
    (request,) = [e.json for e in found if e.kind == "approval_request_message"]
    assert request["tool_call"]["name"] == "memory_insert"
    assert found[-3].json["stop_reason"] == "requires_approval"
    models.queue(Reply("Noted."))
    body = {"messages": [{"type": "approval", "approvals": [decided(request["tool_call"])]}], "streaming": True}
    after = org.http.post(f"/v1/agents/{owner}/messages", json={**body, "stream_tokens": tokens}, headers=MODERN)
    assert after.text.index("tool_return_message") < after.text.index("assistant_message")
    assert "approval_response_message" not in after.text
    assert "tea" in notes(org, owner)


@pytest.mark.contract("approvals.background")
def test_background_and_async_runs_ask_and_go_on(org: Org, models: OpenAIServer) -> None:
    owner = careful(org)
    models.queue(Reply(calls=(insert(),)), Reply("Noted."))
    found = streamed(org, f"agents/{owner}", "I like tea", background=True)
    (request,) = [e.json for e in found if e.kind == "approval_request_message"]
    body = {"messages": [{"type": "approval", "approvals": [decided(request["tool_call"])]}]}
    run = org.http.post(f"/v1/agents/{owner}/messages/async", json=body).json()
    ended = until(lambda: _over(org, run["id"]), "the end of the run", seconds=30)
    assert ended["status"] == "completed"
    assert shown(ended["metadata"]["result"]["messages"]) == ["tool_return_message", "assistant_message"]
    assert "tea" in notes(org, owner)


def _over(org: Org, run_id: str) -> Json:
    """The run as soon as it has ended; nothing before."""
    run: Json = org.http.get(f"/v1/runs/{run_id}").json()
    return {} if run["status"] in ("created", "running") else run


@pytest.mark.contract("approvals.conversation")
def test_a_conversation_waits_alone(org: Org, models: OpenAIServer) -> None:
    owner = careful(org)
    talk = org.http.post("/v1/conversations/", params={"agent_id": owner}, json={}).json()["id"]
    models.queue(Reply(calls=(insert(),)), Reply("Still here."), Reply("Noted."))
    got = say(org, f"conversations/{talk}", "I like tea")
    call = got["messages"][-1]["tool_call"]
    refused = send(org, f"conversations/{talk}", {"role": "user", "content": "hello"})
    assert refused.json()["detail"]["code"] == "PENDING_APPROVAL"
    assert say(org, f"agents/{owner}", "hello")["messages"][0]["content"] == "Still here."
    answer(org, f"conversations/{talk}", decided(call))
    assert "tea" in notes(org, owner)


@pytest.mark.contract("approvals.changed")
def test_a_call_is_checked_again_when_it_is_approved(org: Org, models: OpenAIServer) -> None:
    owner = careful(org)
    (call,) = pending(org, models, owner)
    tools = org.http.get(f"/v1/agents/{owner}/tools").json()
    tool = next(each["id"] for each in tools if each["name"] == "memory_insert")
    assert org.http.patch(f"/v1/agents/{owner}/tools/detach/{tool}").status_code == 200
    models.queue(Reply("Oh."))
    ((status, text),) = returned(answer(org, f"agents/{owner}", decided(call)))
    assert status == "error"
    assert "memory_insert" in text
    other = careful(org)
    (call,) = pending(org, models, other)
    free = org.http.patch(f"/v1/agents/{other}/tools/approval/memory_insert", json={"requires_approval": False})
    assert free.status_code == 200
    models.queue(Reply("Noted."))
    answer(org, f"agents/{other}", decided(call))
    assert "tea" in notes(org, other)


@pytest.mark.contract("approvals.unreadable")
def test_nobody_is_asked_about_a_call_that_cannot_be_run(org: Org, models: OpenAIServer) -> None:
    owner = careful(org)
    models.queue(Reply(calls=(("memory_insert", {"label": "notes"}),)), Reply("Sorry."))
    got = say(org, f"agents/{owner}", "go")
    assert got["stop_reason"]["stop_reason"] == "end_turn"
    ((status, text),) = returned(got)
    assert status == "error"
    assert "new_string" in text


def test_nobody_is_asked_about_a_custom_tool_that_would_not_take_the_arguments(org: Org, models: OpenAIServer) -> None:
    arguments = "Args:\n        cups (int): How many."
    source = f'def brew(cups: int) -> str:\n    """Make tea.\n\n    {arguments}\n    """\n    return "tea"'
    made = org.http.post("/v1/tools/", json={"source_code": source, "default_requires_approval": True}).json()
    owner = agent(org, tool_ids=[made["id"]])
    models.queue(Reply(calls=(("brew", {"cups": "many"}),)), Reply(calls=(("brew", {"cups": "2"}),)))
    got = say(org, f"agents/{owner}", "tea, please")
    ((status, text),) = returned(got)
    assert status == "error"
    assert "cups" in text
    assert got["stop_reason"]["stop_reason"] == "requires_approval"
    (waiting,) = got["messages"][-1]["tool_calls"]
    assert "2" in waiting["arguments"]


@pytest.mark.contract("approvals.rules")
def test_rules_see_what_was_called_before_the_answer(org: Org, models: OpenAIServer) -> None:
    rules = [
        *(ASKS, {"type": "required_before_exit", "tool_name": "conversation_search"}),
        {"type": "run_first", "tool_name": "conversation_search"},
        {"type": "exit_loop", "tool_name": "memory_insert"},
    ]
    owner = careful(org, tool_rules=rules)
    models.queue(Reply(calls=(SEARCH,)), Reply(calls=(insert(),)), Reply("never asked for"))
    call = say(org, f"agents/{owner}", "I like tea")["messages"][-1]["tool_call"]
    got = answer(org, f"agents/{owner}", decided(call))
    assert got["stop_reason"]["stop_reason"] == "tool_rule"
    assert shown(got["messages"]) == ["tool_return_message"]
    assert len(models.chats) == 2


@pytest.mark.contract("approvals.heartbeats")
def test_the_heartbeat_dialect_asks_too(org: Org, models: OpenAIServer) -> None:
    fields = {"agent_type": "memgpt_v2_agent", "tools": ["send_message", "memory_insert"]}
    owner = careful(org, **fields)
    name, arguments = insert()
    models.queue(Reply(calls=((name, {"thinking": "May I?", **arguments, "request_heartbeat": True}),)))
    got = say(org, f"agents/{owner}", "I like tea")
    assert shown(got["messages"]) == ["reasoning_message", "approval_request_message"]
    call = got["messages"][-1]["tool_call"]
    models.queue(Reply(calls=(("send_message", {"thinking": "", "message": "Noted.", "request_heartbeat": False}),)))
    after = answer(org, f"agents/{owner}", decided(call))
    assert "tea" in notes(org, owner)
    assert after["messages"][-1]["content"] == "Noted."


@pytest.mark.contract("approvals.default")
def test_a_tool_that_asks_by_default_asks_where_it_is_attached(org: Org) -> None:
    source = (
        'def nail(where: str) -> str:\n    """Nail.\n\n    Args:\n        where: Place.\n    """\n    return where\n'
    )
    tool = org.http.post("/v1/tools/", json={"source_code": source, "default_requires_approval": True}).json()
    owner = careful(org, tool_rules=[])
    org.http.patch(f"/v1/agents/{owner}/tools/attach/{tool['id']}")
    rules = org.http.get(f"/v1/agents/{owner}").json()["tool_rules"]
    assert [(rule["type"], rule["tool_name"]) for rule in rules] == [("requires_approval", "nail")]


@pytest.mark.contract("approvals.client")
def test_the_client_reads_all_of_it(org: Org, models: OpenAIServer) -> None:
    agents, owner = org.client.agents, careful(org)
    models.queue(Reply(calls=(insert(),)), Reply("Noted."))
    request = agents.messages.create(owner, messages=[{"role": "user", "content": "tea"}]).messages[-1]
    assert isinstance(request, ApprovalRequestMessage)
    assert isinstance(request.tool_calls, list)
    waiting = agents.retrieve(owner, include=["agent.pending_approval"]).model_dump()["pending_approval"]
    assert waiting["id"] == request.id
    (call,) = request.tool_calls
    approved: ApprovalReturnParam = {"type": "approval", "tool_call_id": call.tool_call_id, "approve": True}
    after = agents.messages.create(owner, messages=[{"type": "approval", "approvals": [approved]}])
    assert [type(m).__name__ for m in after.messages] == ["ToolReturnMessage", "AssistantMessage"]
    names = [type(m).__name__ for m in agents.messages.list(owner, order="asc")]
    assert names[2:4] == ["ApprovalRequestMessage", "ApprovalResponseMessage"]
