"""Ways out for a thread that waits for an answer: cancelling, resetting, time, and whatever else may come."""

from random import Random

import httpx
import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.forget.digging import erased
from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org, new_org
from tests.messages.talking import of_agent, say
from tests.turns.approving import (
    PARALLEL,
    SEARCH,
    answer,
    careful,
    decided,
    insert,
    notes,
    pending,
    send,
    waiting_of,
)
from tests.turns.listening import asked
from tests.turns.test_tool_calls import returned

ASKS_TO_SEARCH = {"type": "requires_approval", "tool_name": "conversation_search"}


@pytest.mark.contract("approvals.cancel")
def test_cancelling_frees_an_agent_that_waits(org: Org, models: OpenAIServer) -> None:
    owner = careful(org, **PARALLEL)
    pending(org, models, owner, SEARCH, insert())
    stopped = org.http.post(f"/v1/agents/{owner}/messages/cancel", json={})
    assert stopped.status_code == 200, stopped.text
    assert set(stopped.json().values()) == {"cancelled"}
    assert waiting_of(org, owner) is None
    response, back = of_agent(org, owner, order="asc")[-2:]
    assert (response["approve"], response["reason"]) == (False, "The user cancelled the request.")
    assert [each["status"] for each in back["tool_returns"]] == ["error", "error"]
    assert org.http.post(f"/v1/agents/{owner}/messages/cancel", json={}).status_code == 409
    say(org, f"agents/{owner}", "REPLY on we go")
    assert [m["role"] for m in asked(models)] == ["system", "user", "assistant", "tool", "tool", "user"]


@pytest.mark.contract("approvals.cancel.conversation")
def test_a_fork_waits_for_itself(org: Org, models: OpenAIServer) -> None:
    owner = careful(org)
    (call,) = pending(org, models, owner)
    fork = org.http.post("/v1/conversations/default/fork", params={"agent_id": owner}).json()["id"]
    assert send(org, f"conversations/{fork}", {"role": "user", "content": "hi"}).status_code == 409
    assert org.http.post(f"/v1/conversations/{fork}/cancel").status_code == 200
    assert say(org, f"conversations/{fork}", "REPLY free")["messages"][-1]["content"] == "free"
    assert waiting_of(org, owner) is not None
    models.queue(Reply("Noted."))
    answer(org, f"agents/{owner}", decided(call))
    assert "tea" in notes(org, owner)


@pytest.mark.contract("approvals.reset")
def test_a_reset_frees_an_agent_that_waits(org: Org, models: OpenAIServer) -> None:
    owner = careful(org, message_buffer_autoclear=True)
    pending(org, models, owner)
    assert waiting_of(org, owner) is not None
    assert org.http.patch(f"/v1/agents/{owner}/reset-messages", json={}).status_code == 200
    assert waiting_of(org, owner) is None
    assert of_agent(org, owner)[0]["message_type"] == "tool_return_message"
    assert say(org, f"agents/{owner}", "REPLY hi")["messages"][0]["content"] == "hi"


@pytest.mark.parametrize("mode", ["all", "sliding_window"])
def test_compaction_keeps_the_request_that_waits(org: Org, models: OpenAIServer, mode: str) -> None:
    owner = careful(org)
    for number in range(6):
        say(org, f"agents/{owner}", f"Number {number}. REPLY Noted.")
    (call,) = pending(org, models, owner)
    models.queue(Reply("A summary."))
    org.http.post(f"/v1/agents/{owner}/summarize", json={"compaction_settings": {"mode": mode}})
    assert waiting_of(org, owner) is not None
    models.queue(Reply("Noted."))
    answer(org, f"agents/{owner}", decided(call))
    assert "tea" in notes(org, owner)
    assert [m["role"] for m in asked(models)][-2:] == ["assistant", "tool"]


def test_a_forgotten_request_waits_for_nobody(org: Org, models: OpenAIServer) -> None:
    owner = careful(org)
    pending(org, models, owner)
    request = of_agent(org, owner)[0]
    assert request["message_type"] == "approval_request_message"
    erased(org, message_id=request["id"])
    assert waiting_of(org, owner) is None
    assert say(org, f"agents/{owner}", "REPLY free")["messages"][-1]["content"] == "free"


def test_undoing_what_a_waiting_run_did_leaves_it_waiting(org: Org, models: OpenAIServer) -> None:
    owner = careful(org, tool_rules=[ASKS_TO_SEARCH], **PARALLEL)
    models.queue(Reply(calls=(insert(),)), Reply(calls=(SEARCH,)))
    got = say(org, f"agents/{owner}", "I like tea")
    assert got["stop_reason"]["stop_reason"] == "requires_approval"
    (call,) = got["messages"][-1]["tool_calls"]
    undone = org.http.post(f"/v1/runs/{got['messages'][-1]['run_id']}/undo")
    assert undone.status_code == 200, undone.text
    assert "tea" not in notes(org, owner)
    models.queue(Reply("Done."))
    assert answer(org, f"agents/{owner}", decided(call))["stop_reason"]["stop_reason"] == "end_turn"


@pytest.mark.contract("approvals.restart")
def test_a_request_survives_a_restart_and_expires(fresh_server: FreshServer, models: OpenAIServer) -> None:
    server = fresh_server()
    org = new_org(server)
    owner, late = careful(org), careful(org)
    (call,) = pending(org, models, owner)
    (missed,) = pending(org, models, late)
    server.restart()
    models.queue(Reply("Noted."))
    answer(org, f"agents/{owner}", decided(call))
    assert "tea" in notes(org, owner)
    (call,) = pending(org, models, owner)
    server.process.env = {**server.process.env, "HOLDFAST_APPROVAL_HOURS": "0.0000001"}
    server.restart()
    assert say(org, f"agents/{owner}", "REPLY moved on")["messages"][-1]["content"] == "moved on"
    models.queue(Reply("Too late."))
    ((status, text),) = returned(answer(org, f"agents/{late}", decided(missed)))
    assert status == "error"
    assert "within" in text
    assert notes(org, late) == ""


CALL = 'CALL memory_insert {"label": "notes", "new_string": "Likes tea."}'


def anything(org: Org, owner: str, chance: Random) -> httpx.Response:
    """One of the things that a client can do to an agent, whatever state it is in."""
    path = f"/v1/agents/{owner}"
    waiting = waiting_of(org, owner)
    known = waiting["tool_calls"] if waiting else [{"tool_call_id": "call_stale"}]
    match chance.randrange(7):
        case 0 | 1:
            return send(org, f"agents/{owner}", {"role": "user", "content": CALL})
        case 2:
            return send(org, f"agents/{owner}", {"role": "user", "content": "REPLY hi"})
        case 3:
            return org.http.post(f"{path}/messages/cancel", json={})
        case 4:
            return org.http.patch(f"{path}/reset-messages", json={})
        case 5:
            wrong = {"type": "approval", "approvals": [decided({"tool_call_id": "call_wrong"})]}
            return send(org, f"agents/{owner}", wrong)
        case _:
            approvals = [decided(call, approve=chance.random() < 0.5) for call in known]
            return send(org, f"agents/{owner}", {"type": "approval", "approvals": approvals})


@pytest.mark.contract("approvals.always-a-way-out")
@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_happens_a_cancelled_agent_can_be_used(org: Org, models: OpenAIServer, seed: int) -> None:
    owner, chance = careful(org), Random(seed)
    for _ in range(15):
        assert anything(org, owner, chance).status_code in (200, 400, 409)
    assert org.http.post(f"/v1/agents/{owner}/messages/cancel", json={}).status_code in (200, 409)
    assert say(org, f"agents/{owner}", "REPLY free")["messages"][-1]["content"] == "free"
    sent = asked(models)
    called = [call["id"] for message in sent for call in message.get("tool_calls") or ()]
    assert called == [message["tool_call_id"] for message in sent if message["role"] == "tool"]
