"""Searching what was said, over HTTP."""

from typing import Any

import pytest
from letta_client import Letta

from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org, new_org
from tests.messages.talking import Json, agent, missing, say

SAID = (
    "My sister Anna moved to Turin last spring.",
    "Turin is lovely, congratulations to her.",
    "I like green tea more than coffee.",
    "Noted.",
    "我住在上海，喜欢喝茶。",
    "好的。",
)


def search(org: Org, query: str, **fields: Any) -> list[Json]:
    answer = org.http.post("/v1/messages/search", json={"query": query, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.contract("messages.search")
def test_messages_are_found_by_meaning_and_by_words(org: Org) -> None:
    made = agent(org, *SAID)
    assert "Anna" in search(org, "Where does my sibling live now?", agent_id=made)[0]["content"]
    assert "tea" in search(org, "favourite beverages", agent_id=made, search_mode="vector")[0]["content"]
    by_words = search(org, "turin", agent_id=made, search_mode="fts")
    assert {each["message_type"] for each in by_words} == {"user_message", "assistant_message"}
    assert all("Turin" in each["content"] for each in by_words)


@pytest.mark.contract("messages.search.fields")
def test_a_found_message_says_where_it_is_and_why(org: Org) -> None:
    made = agent(org, *SAID)
    found = search(org, "moving to Turin", agent_id=made, limit=1)[0]
    assert found["message_id"].startswith("message-")
    assert found["agent_id"] == made
    assert found["conversation_id"] is None
    assert found["matched_terms"] == ["moving", "turin"]
    assert sum(found["score_parts"].values()) == pytest.approx(found["score"], abs=1e-5)
    assert {"text", "meaning", "session"} <= found["score_parts"].keys()


@pytest.mark.parametrize("query", ["上海", "喝茶"])
def test_two_characters_are_enough(org: Org, query: str) -> None:
    made = agent(org, *SAID)
    assert [each["content"] for each in search(org, query, agent_id=made, search_mode="fts")] == [SAID[4]]


@pytest.mark.contract("messages.search.narrowed")
def test_a_search_is_narrowed(org: Org) -> None:
    made, other = agent(org, *SAID), agent(org, "Anna bakes bread.")
    conversation = org.http.post("/v1/conversations/", params={"agent_id": made}, json={}).json()["id"]
    say(org, f"conversations/{conversation}", "Anna sings. REPLY Lovely.")
    everywhere = search(org, "Anna")
    assert {each["agent_id"] for each in everywhere} == {made, other}
    inside = search(org, "Anna", conversation_id=conversation)
    assert {each["conversation_id"] for each in inside} == {conversation}
    assert search(org, "Anna", agent_id=made, end_date="2020-01-01T00:00:00Z") == []
    assert len(search(org, "Anna", agent_id=made, limit=2)) == 2


def test_what_was_just_said_is_found(org: Org) -> None:
    made = agent(org)
    say(org, f"agents/{made}", "The code word is Xylophone. REPLY Fine.")
    assert "Xylophone" in search(org, "xylophone", agent_id=made)[0]["content"]


@pytest.mark.contract("messages.search.older")
def test_the_older_address_shows_whole_messages(org: Org) -> None:
    made = agent(org, *SAID)
    answer = org.http.post("/v1/agents/messages/search", json={"query": "Turin", "agent_id": made, "roles": ["user"]})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert {each["message"]["role"] for each in found} == {"user"}
    assert found[0]["embedded_text"] == SAID[0]
    assert {"fts_rank", "vector_rank", "rrf_score"} <= found[0].keys()
    newest = org.http.post("/v1/agents/messages/search", json={"agent_id": made, "limit": 1}).json()
    assert newest[0]["embedded_text"] == SAID[-1]


def test_the_clients_search(org: Org) -> None:
    made = agent(org, *SAID)
    client = Letta(base_url=org.server.url, api_key=org.key)
    found = list(client.messages.search(query="Where does Anna live?", search_mode="hybrid"))
    assert made in {each.agent_id for each in found}
    assert "Anna" in str(found[0])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"query": None}, 422),
        ({"query": "x", "limit": 0}, 422),
        ({"query": "x", "limit": 101}, 422),
        ({"query": "x", "search_mode": "magic"}, 422),
        ({"query": "x", "agent_id": missing("agent")}, 404),
        ({"query": "x", "conversation_id": missing("conv")}, 404),
        ({"query": "   "}, 200),
        ({"query": "the of and"}, 200),
        ({"query": "x" * 200_000}, 200),
        ({"query": "a\x00b"}, 200),
        ({"query": "🧨" * 300}, 200),
    ],
)
def test_any_query_has_an_answer(org: Org, body: Json, status: int) -> None:
    assert org.http.post("/v1/messages/search", json=body).status_code == status


@pytest.mark.contract("messages.search.tenants")
def test_nothing_is_found_of_others(org: Org) -> None:
    made = agent(org, *SAID)
    stranger = new_org(org.server)
    assert stranger.http.post("/v1/messages/search", json={"query": "Anna"}).json() == []
    theirs = stranger.http.post("/v1/messages/search", json={"query": "Anna", "agent_id": made})
    assert theirs.status_code == 404


def test_what_is_deleted_is_not_found(org: Org) -> None:
    made, other = agent(org, *SAID), agent(org, "Anna bakes bread.")
    assert {each["agent_id"] for each in search(org, "Anna")} == {made, other}
    org.http.delete(f"/v1/agents/{made}").raise_for_status()
    assert {each["agent_id"] for each in search(org, "Anna")} == {other}


def test_a_restarted_server_finds_the_same(fresh_server: FreshServer) -> None:
    server = fresh_server()
    org = new_org(server)
    made = agent(org, *SAID)
    before = search(org, "Where does Anna live?", agent_id=made)
    server.restart()
    assert search(org, "Where does Anna live?", agent_id=made) == before
