"""Searching archives, over HTTP, and by the agents themselves."""

from typing import Any

import pytest
from letta_client import Letta

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.models import EMBEDDING, MODEL, environment
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.messages.talking import Json, agent

FACTS: tuple[Json, ...] = (
    {"text": "Anna moved to Turin.", "tags": ["people", "places"], "created_at": "2024-05-01T10:00:00Z"},
    {"text": "The boiler was repaired by Mario.", "tags": ["house"], "created_at": "2025-01-10T10:00:00Z"},
    {"text": "Bob is allergic to nuts.", "tags": ["people", "health"], "created_at": "2025-06-01T10:00:00Z"},
)


def archive(org: Org, *facts: Json) -> tuple[str, list[str]]:
    made = org.http.post("/v1/archives/", json={"name": "facts"}).raise_for_status().json()["id"]
    stored = org.http.post(f"/v1/archives/{made}/passages/batch", json={"passages": list(facts or FACTS)})
    assert stored.status_code == 200, stored.text
    return made, [each["id"] for each in stored.json()]


def search(org: Org, query: str | None, **fields: Any) -> list[str]:
    answer = org.http.post("/v1/passages/search", json={"query": query, **fields})
    assert answer.status_code == 200, answer.text
    return [each["passage"]["text"] for each in answer.json()]


@pytest.mark.contract("passages.search")
def test_passages_are_found_by_meaning_and_by_words(org: Org) -> None:
    made, _ = archive(org)
    assert search(org, "Who fixed the heating?", archive_id=made)[0] == FACTS[1]["text"]
    assert search(org, "nuts", archive_id=made)[0] == FACTS[2]["text"]
    assert search(org, None, archive_id=made)[0] == FACTS[2]["text"]


@pytest.mark.contract("passages.search.narrowed")
def test_a_search_is_narrowed(org: Org) -> None:
    made, _ = archive(org)
    assert search(org, "Anna", archive_id=made, tags=["people"]) == [FACTS[0]["text"], FACTS[2]["text"]]
    both = search(org, "Anna", archive_id=made, tags=["people", "health"], tag_match_mode="all")
    assert both == [FACTS[2]["text"]]
    assert search(org, "Anna", archive_id=made, start_date="2025-01-01T00:00:00Z", end_date="2025-02-01T00:00:00Z") == [
        FACTS[1]["text"]
    ]
    backwards = {"query": "x", "archive_id": made, "start_date": "2025-02-01", "end_date": "2025-01-01"}
    assert org.http.post("/v1/passages/search", json=backwards).status_code == 400
    assert len(search(org, "Anna", archive_id=made, limit=1)) == 1


@pytest.mark.contract("passages.search.agent")
def test_an_agents_memory_is_searched(org: Org) -> None:
    made, _ = archive(org)
    holder = agent(org)
    org.http.patch(f"/v1/agents/{holder}/archives/attach/{made}").raise_for_status()
    path = f"/v1/agents/{holder}/archival-memory/search"
    answer = org.http.get(path, params={"query": "heating repair", "top_k": 1}).json()
    assert answer["count"] == 1
    found = answer["results"][0]
    assert found["content"] == FACTS[1]["text"]
    assert found["tags"] == ["house"]
    assert found["timestamp"].startswith("2025-01-10")
    assert found["matched_terms"] == ["repair"]
    assert org.http.get(path, params={"query": " "}).json() == {"results": [], "count": 0}
    assert search(org, "nuts", agent_id=holder, archive_id="archive-of-nobody")[0] == FACTS[2]["text"]
    client = Letta(base_url=org.server.url, api_key=org.key)
    assert client.agents.passages.search(holder, query="Turin", tags=["places"]).count == 1


def test_edits_and_deletions_are_seen_at_once(org: Org) -> None:
    made, ids = archive(org)
    holder = agent(org)
    org.http.patch(f"/v1/agents/{holder}/archives/attach/{made}").raise_for_status()
    assert search(org, "boiler", archive_id=made)[0] == FACTS[1]["text"]
    org.http.patch(f"/v1/agents/{holder}/archival-memory/{ids[1]}", json={"text": "The roof leaks."}).raise_for_status()
    assert search(org, "roof", archive_id=made)[0] == "The roof leaks."
    org.http.delete(f"/v1/archives/{made}/passages/{ids[1]}").raise_for_status()
    assert "The roof leaks." not in search(org, "roof", archive_id=made)


def test_what_was_superseded_is_found_as_of_then(org: Org) -> None:
    made, ids = archive(org)
    new = org.http.post(f"/v1/passages/{ids[0]}/supersede", json={"text": "Anna moved to Oslo."})
    assert new.status_code == 200, new.text
    assert FACTS[0]["text"] not in search(org, "Where did Anna move?", archive_id=made)
    assert search(org, "Where did Anna move?", archive_id=made)[0] == "Anna moved to Oslo."
    then = search(org, "Where did Anna move?", archive_id=made, as_of="2024-06-01T00:00:00Z")
    assert then == [FACTS[0]["text"]]


@pytest.mark.contract("passages.search.long-text")
def test_a_long_text_is_found_by_the_meaning_of_its_end(org: Org) -> None:
    book = "The keeper counts the gulls of the island again. " * 11_000 + "Boiler heating warranty. " * 80
    made = (
        org.http.post("/v1/archives/", json={"name": "books", "embedding": EMBEDDING}).raise_for_status().json()["id"]
    )
    org.http.post(f"/v1/archives/{made}/passages", json={"text": book}, timeout=120).raise_for_status()
    body = {"archive_id": made, "query": "boiler heating warranty"}

    def relevance() -> bool:
        [found] = org.http.post("/v1/passages/search", json=body, timeout=60).raise_for_status().json()
        why = found["metadata"]
        return "meaning" in why["score_parts"] and why["relevance"] > 0.6

    until(relevance, "the vectors of the book", 60)


@pytest.mark.contract("passages.search.tenants")
def test_nothing_is_found_of_others(org: Org) -> None:
    made, _ = archive(org)
    stranger = new_org(org.server)
    assert search(stranger, "Anna") == []
    assert stranger.http.post("/v1/passages/search", json={"query": "x", "archive_id": made}).status_code == 404


@pytest.mark.contract("tools.archival")
def test_an_agent_keeps_and_finds(org: Org, models: OpenAIServer) -> None:
    made = agent(org, model=MODEL, tools=["archival_memory_insert", "archival_memory_search"])
    fact = {"content": "Grandma's recipe needs three lemons.", "tags": ["food"]}
    models.queue(Reply(calls=(("archival_memory_insert", fact),)), Reply("Kept."))
    _send(org, made, "Keep this.")
    models.queue(Reply(calls=(("archival_memory_search", {"query": "citrus in the cake"}),)), Reply("Three lemons."))
    returned = [m for m in _send(org, made, "How many?") if m["message_type"] == "tool_return_message"]
    assert "three lemons" in returned[0]["tool_return"]
    assert "'tags': ['food']" in returned[0]["tool_return"] or '"tags":["food"]' in returned[0]["tool_return"]
    assert search(org, "lemons", agent_id=made) == [fact["content"]]


def test_a_dead_embedding_model_keeps_nobody_from_writing(fresh_server: FreshServer) -> None:
    """What cannot be embedded now is found by its words."""
    with OpenAIServer() as models:
        server = fresh_server(environment(models))
    org = new_org(server)
    new = org.http.post("/v1/archives/", json={"name": "a", "embedding": "openai/text-embedding-3-small"})
    made = new.raise_for_status().json()["id"]
    stored = org.http.post(f"/v1/archives/{made}/passages", json={"text": "Anna moved to Turin."})
    assert stored.status_code == 200, stored.text
    assert search(org, "Turin", archive_id=made) == ["Anna moved to Turin."]


def asked_to_embed(models: OpenAIServer, *texts: str) -> list[str]:
    """Those of the texts that the model was asked for, as often as it was."""
    inputs = [r.body["input"] for r in models.requests if r.path.endswith("/embeddings")]
    return sorted(text for each in inputs for text in each if text in texts)


def test_what_is_stored_is_known_at_once_and_embedded_once(org: Org, models: OpenAIServer) -> None:
    made = org.http.post("/v1/archives/", json={"name": "a", "embedding": EMBEDDING}).raise_for_status().json()["id"]
    texts = [f"Lamp {number} stands on shelf {number % 7}." for number in range(150)]
    body: Json = {"passages": [{"text": text} for text in [*texts[:149], texts[0]]]}
    org.http.post(f"/v1/archives/{made}/passages/batch", json=body).raise_for_status()
    org.http.post(f"/v1/archives/{made}/passages", json={"text": texts[149]}).raise_for_status()
    progress = org.http.get("/v1/search/progress", params={"archive_id": made}).raise_for_status().json()
    assert (progress["items"], progress["waiting"]) == (151, 0)
    assert search(org, texts[149], archive_id=made, limit=1) == [texts[149]]
    assert asked_to_embed(models, *texts[:149]) == sorted([*texts[:149], texts[0]])


def test_vectors_that_a_stopped_server_owes_are_made_by_the_next(fresh_server: FreshServer) -> None:
    with OpenAIServer() as models:
        server = fresh_server(environment(models))
        org = new_org(server)
        models.embed = lambda request: {}
        new = org.http.post("/v1/archives/", json={"name": "a", "embedding": EMBEDDING})
        made = new.raise_for_status().json()["id"]
        org.http.post(f"/v1/archives/{made}/passages", json={"text": "Anna moved to Turin."}).raise_for_status()
        server.stop()
        models.reset()
        server.start()
        progress: Json = {"archive_id": made}
        until(lambda: org.http.get("/v1/search/progress", params=progress).json()["waiting"] == 0, "its vectors")
        assert asked_to_embed(models, "Anna moved to Turin.") == ["Anna moved to Turin."]


def _send(org: Org, agent_id: str, text: str) -> list[Json]:
    body = {"messages": [{"role": "user", "content": text}]}
    answer = org.http.post(f"/v1/agents/{agent_id}/messages", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["messages"]
