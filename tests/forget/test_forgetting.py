"""What forgetting leaves alone, what it refuses, and how it goes on after a power cut."""

import json
from typing import Any

import pytest

from tests.archives.holding import archive, holder, ok, passage, remember, texts
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.forget.digging import Json, asked, canary, done, erased
from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org, new_org
from tests.messages.talking import agent, missing, of_agent, say
from tests.messages.talking import texts as said
from tests.turns.backgrounds import over, started


def identity(org: Org, *agents: str, **fields: Any) -> str:
    body = {"identifier_key": org.name(), "name": "Ann", "identity_type": "user", "agent_ids": list(agents), **fields}
    return ok(org.http.post("/v1/identities/", json=body))["id"]


def preview(org: Org, **what: Any) -> Json:
    return ok(org.http.post("/v1/forget/preview", json=what))


def test_shared_things_stay_and_are_named(org: Org) -> None:
    shared = ok(org.http.post("/v1/blocks/", json={"label": "team", "value": "We like tea."}))["id"]
    lent = archive(org)
    mine, other = (holder(org, lent, block_ids=[shared]) for _ in range(2))
    own = ok(org.http.get(f"/v1/agents/{mine}/core-memory/blocks"))
    assert [each["id"] for each in own] == [shared]
    passage(org, lent, "Tea is green.")
    plan = preview(org, agent_id=mine)
    assert plan["forgets"] == {"agents": [mine]}
    assert {each["id"] for each in plan["kept"]} == {shared, lent}
    assert all(other in each["why"] for each in plan["kept"])
    assert erased(org, agent_id=mine)["kept"] == plan["kept"]
    assert texts(org, other) == ["Tea is green."]
    assert ok(org.http.get(f"/v1/blocks/{shared}"))["value"] == "We like tea."


def test_shared_things_go_when_that_is_asked_for(org: Org) -> None:
    shared = ok(org.http.post("/v1/blocks/", json={"label": "team", "value": "We like tea."}))["id"]
    lent = archive(org)
    mine, other = (holder(org, lent, block_ids=[shared]) for _ in range(2))
    passage(org, lent, "Tea is green.", tags=["beverage"])
    assert erased(org, agent_id=mine, shared=True)["kept"] == []
    assert org.http.get(f"/v1/blocks/{shared}").status_code == 404
    assert org.http.get(f"/v1/archives/{lent}").status_code == 404
    context = ok(org.http.get(f"/v1/agents/{other}/context"))
    assert "We like tea." not in str(context)
    say(org, f"agents/{other}", "Go on. REPLY Fine.")


def test_an_identity_is_its_own_agents_and_what_it_sent_to_others(org: Org) -> None:
    ann, bob = identity(org), identity(org)
    own, shared = agent(org, "I am Ann."), agent(org, "We are two.", "Welcome.")
    for each in (ann, bob):
        ok(org.http.patch(f"/v1/agents/{shared}/identities/attach/{each}"))
    ok(org.http.patch(f"/v1/agents/{own}/identities/attach/{ann}"))
    for sender, text in ((ann, "Ann writes."), (bob, "Bob writes.")):
        body = {"messages": [{"role": "user", "content": f"{text} REPLY Fine.", "sender_id": sender}]}
        ok(org.http.post(f"/v1/agents/{shared}/messages", json=body))
    found = erased(org, identity_id=ann)
    assert [each["id"] for each in found["kept"]] == [shared]
    assert org.http.get(f"/v1/agents/{own}").status_code == 404
    left = " ".join(said(of_agent(org, shared)))
    assert "Ann writes" not in left
    assert {"We are two.", "Welcome.", "Bob writes. REPLY Fine."} <= {*said(of_agent(org, shared))}
    assert [each["id"] for each in ok(org.http.get(f"/v1/agents/{shared}"))["identities"]] == [bob]


def test_other_conversations_and_agents_stay(org: Org) -> None:
    made, other = agent(org, "One.", "Two."), agent(org, "Three.", "Four.")
    kept, gone = (ok(org.http.post("/v1/conversations/", params={"agent_id": made}))["id"] for _ in range(2))
    for each in (kept, gone):
        say(org, f"conversations/{each}", f"In {each}. REPLY Fine.")
    erased(org, conversation_id=gone)
    assert org.http.get(f"/v1/conversations/{gone}").status_code == 404
    assert said(ok(org.http.get(f"/v1/conversations/{kept}/messages", params={"order": "asc"})))[0].startswith("In")
    assert said(of_agent(org, made)) and said(of_agent(org, other))
    found = ok(org.http.post("/v1/messages/search", json={"query": "In", "search_mode": "fts"}))
    assert gone not in str(found)
    runs = ok(org.http.get("/v1/runs/", params={"agent_id": made}))
    assert {each["conversation_id"] for each in runs} == {kept}


def test_a_fork_loses_what_it_shared(org: Org) -> None:
    made = agent(org)
    parent = ok(org.http.post("/v1/conversations/", params={"agent_id": made}))["id"]
    say(org, f"conversations/{parent}", "Shared. REPLY Yes.")
    fork = ok(org.http.post(f"/v1/conversations/{parent}/fork"))["id"]
    say(org, f"conversations/{fork}", "Its own. REPLY No.")
    erased(org, conversation_id=parent)
    left = said(ok(org.http.get(f"/v1/conversations/{fork}/messages", params={"order": "asc"})))
    assert left == ["Its own. REPLY No.", "No."]
    say(org, f"conversations/{fork}", "Go on. REPLY Fine.")


def test_an_agents_own_thread_can_be_emptied(org: Org, models: OpenAIServer) -> None:
    made = agent(org, "One.", "Two.", memory_blocks=[{"label": "human", "value": "Likes tea."}])
    conversation = ok(org.http.post("/v1/conversations/", params={"agent_id": made}))["id"]
    say(org, f"conversations/{conversation}", "Stays. REPLY Yes.")
    say(org, f"agents/{made}", "Goes. REPLY Gone.")
    erased(org, conversation_id=made)
    assert said(of_agent(org, made, conversation_id="default")) == []
    assert said(ok(org.http.get(f"/v1/conversations/{conversation}/messages"))) != []
    models.reset()
    say(org, f"agents/{made}", "Go on. REPLY Fine.")
    assert "Likes tea." in str(models.requests) and "Goes." not in str(models.requests)


def test_a_summary_goes_with_what_it_could_repeat(org: Org, models: OpenAIServer) -> None:
    made = agent(org, *(f"Number {number}." for number in range(12)))
    models.queue(Reply("A summary that repeats Number 2."))
    answer = org.http.post(f"/v1/agents/{made}/summarize", json={})
    assert answer.is_success, answer.text
    say(org, f"agents/{made}", "Before. REPLY Fine.")
    [message] = [each for each in of_agent(org, made) if each.get("content") == "Number 2."]
    erased(org, message_id=message["id"])
    models.reset()
    say(org, f"agents/{made}", "After. REPLY Fine.")
    request = str(models.requests[-1])
    assert "repeats Number 2" not in request
    assert "It was removed" in request
    assert "Number 2." not in said(of_agent(org, made))


def test_a_call_goes_with_its_return(org: Org, models: OpenAIServer) -> None:
    made = agent(org, tools=["memory_insert"], memory_blocks=[{"label": "notes", "value": ""}])
    models.queue(Reply(calls=(("memory_insert", {"label": "notes", "new_string": "tea"}),)), Reply("Done."))
    say(org, f"agents/{made}", "Note it.")
    [call] = [each for each in of_agent(org, made) if each["message_type"] == "tool_call_message"]
    erased(org, message_id=call["id"])
    kinds = [each["message_type"] for each in of_agent(org, made)]
    assert "tool_call_message" not in kinds and "tool_return_message" not in kinds
    assert "user_message" in kinds
    say(org, f"agents/{made}", "Go on. REPLY Fine.")


def test_a_neighbour_is_found_by_its_own_words_only(org: Org) -> None:
    """What is short is indexed with the end of what came before."""
    secret = canary()
    made = agent(org, f"My word is {secret.plain}.", "Noted.", "Tea is green.", "So it is.")

    def closeness() -> float:
        found = ok(org.http.post("/v1/messages/search", json={"query": secret.plain, "agent_id": made}))
        [noted] = [each for each in found if each["content"] == "Noted."]
        return noted["score_parts"]["text"]

    before = closeness()
    [message] = [each for each in of_agent(org, made) if secret.plain in str(each.get("content"))]
    erased(org, message_id=message["id"])
    assert closeness() < before


def test_it_is_refused_while_a_turn_is_at_work(fresh_server: FreshServer, models: OpenAIServer) -> None:
    org = new_org(fresh_server())
    made = agent(org, "One.", "Two.")
    models.queue(Reply("Slow.", delay=60))
    run = started(org, f"agents/{made}", "Take your time.")
    answer = org.http.post("/v1/forget/", json={"agent_id": made})
    assert answer.status_code == 409
    assert answer.json()["run_id"] == run and run in answer.json()["detail"]
    ok(org.http.post(f"/v1/agents/{made}/messages/cancel", json={"run_ids": [run]}))
    erased(org, agent_id=made)
    assert org.http.get(f"/v1/runs/{run}").status_code == 404


def test_it_waits_for_a_turn_that_ends_soon(org: Org, models: OpenAIServer) -> None:
    made = agent(org, "One.", "Two.")
    models.queue(Reply("Slow.", delay=1))
    run = started(org, f"agents/{made}", "Take your time.")
    erased(org, agent_id=made)
    assert org.http.get(f"/v1/runs/{run}").status_code == 404
    assert org.http.get(f"/v1/agents/{made}").status_code == 404


@pytest.mark.parametrize(
    ("field", "prefix"),
    [
        ("agent_id", "agent"),
        ("conversation_id", "conv"),
        ("message_id", "message"),
        ("passage_id", "passage"),
        ("block_id", "block"),
        ("archive_id", "archive"),
        ("identity_id", "identity"),
    ],
)
def test_what_is_not_there_cannot_be_forgotten(org: Org, field: str, prefix: str) -> None:
    for id in (missing(prefix), "nonsense", "\ud800" if prefix == "agent" else "x" * 5000):
        for path in ("/v1/forget/", "/v1/forget/preview"):
            answer = org.http.post(path, content=f'{{"{field}": {json.dumps(id)}}}')
            assert answer.status_code == 404, answer.text
    assert org.http.get(f"/v1/forget/{missing('forget')}").status_code == 404


def test_one_thing_at_a_time(org: Org) -> None:
    for body in ({}, {"agent_id": "a", "message_id": "b"}, {"agent_id": None}, {"agent_id": ""}):
        answer = org.http.post("/v1/forget/", json=body)
        assert answer.status_code == 400
        assert "exactly one" in answer.json()["detail"]
    assert org.http.post("/v1/forget/", json={"agent_id": 7}).status_code == 422


def test_forgotten_twice(org: Org) -> None:
    made = agent(org, "One.", "Two.")
    erased(org, agent_id=made)
    assert org.http.post("/v1/forget/", json={"agent_id": made}).status_code == 404


def test_the_prompt_is_made_again_and_cannot_be_forgotten(org: Org) -> None:
    made = agent(org)
    [prompt] = [each for each in of_agent(org, made) if each["message_type"] == "system_message"]
    answer = org.http.post("/v1/forget/", json={"message_id": prompt["id"]})
    assert answer.status_code == 400
    assert "compiled prompt" in answer.json()["detail"]


def test_a_power_cut_only_delays_it(fresh_server: FreshServer) -> None:
    server = fresh_server({"HOLDFAST_FORGET_REWRITE_SECONDS": "3600"})
    org = new_org(server)
    made = agent(org, *(f"Number {number}." for number in range(40)))
    remember(org, made, "Tea is green.")
    begun = asked(org, agent_id=made)
    server.kill9()
    server.process.env = {**server.env, "HOLDFAST_FORGET_REWRITE_SECONDS": "0"}
    server.start()
    assert done(org, begun["id"])["erased"]["messages"] == 41


def test_jobs_are_listed_newest_first(org: Org) -> None:
    ids = [erased(org, agent_id=agent(org))["id"] for _ in range(2)]
    assert [each["id"] for each in ok(org.http.get("/v1/forget/"))] == ids[::-1]


def test_background_runs_leave_no_events(fresh_server: FreshServer, models: OpenAIServer) -> None:
    org = new_org(fresh_server())
    made = agent(org)
    run = started(org, f"agents/{made}", "Say it. REPLY Said.")
    over(org, run)
    erased(org, agent_id=made)
    assert org.http.post(f"/v1/runs/{run}/stream", json={}).status_code == 404
