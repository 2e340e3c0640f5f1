"""Passages whose vectors are on their way: a slow model, a dead one, a killed server, and what others do meanwhile."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.archives.holding import Json, archive, ok, passage
from tests.fakes.openai_server import OpenAIServer
from tests.forget.digging import erased
from tests.harness.fleet import FreshServer
from tests.harness.models import EMBEDDING
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.recall.sequences import BUNDLED, read
from tests.recall.test_changing_models import progress
from tests.turns.listening import Later
from tests.turns.test_processes import on

TEXT = "Anna moved to Turin."
QUESTION = "Where in Turin did Anna move to?"


@pytest.fixture
def gate(models: OpenAIServer) -> Iterator[threading.Event]:
    """No vectors are made before this is set."""
    models.vectors_wait = opened = threading.Event()
    yield opened
    opened.set()


def storing(org: Org, held: str, text: str = TEXT) -> Later:
    return Later(lambda: passage(org, held, text))


def found(org: Org, held: str, query: str = QUESTION, limit: int = 5) -> list[Json]:
    return ok(org.http.post("/v1/passages/search", json={"archive_id": held, "query": query, "limit": limit}))


def texts(hits: list[Json]) -> list[str]:
    return [each["passage"]["text"] for each in hits]


def by_meaning(hits: list[Json]) -> list[str]:
    """What was found by its meaning too."""
    return texts([each for each in hits if "meaning" in each["metadata"]["score_parts"]])


def on_its_way(org: Org, held: str) -> str:
    """The id of the archive's only passage, as soon as it is stored, which is before it has vectors."""
    (only,) = until(lambda: found(org, held), "a passage that is found by its words")
    assert by_meaning([only]) == []
    return only["passage"]["id"]


@pytest.mark.contract("passages.arriving")
def test_words_are_found_while_vectors_are_on_their_way(org: Org, models: OpenAIServer, gate: threading.Event) -> None:
    held = archive(org, embedding=EMBEDDING)
    stored = storing(org, held)
    id = on_its_way(org, held)
    assert not stored.is_done
    assert progress(org, archive_id=held)["waiting"] == 1
    gate.set()
    assert stored.result()["id"] == id
    assert progress(org, archive_id=held)["waiting"] == 0
    assert by_meaning(found(org, held)) == [TEXT]


def test_a_server_that_is_killed_in_between_owes_the_vectors(
    fresh_server: FreshServer, models: OpenAIServer, gate: threading.Event
) -> None:
    server = fresh_server()
    org = new_org(server)
    held = archive(org, embedding=EMBEDDING)
    stored = storing(org, held)
    on_its_way(org, held)
    server.kill9()
    assert isinstance(stored.result(), httpx.TransportError)
    server.start()
    assert texts(found(org, held)) == [TEXT]
    gate.set()
    until(lambda: by_meaning(found(org, held)) == [TEXT], "its vectors", 30)
    assert (progress(org, archive_id=held)["items"], progress(org, archive_id=held)["waiting"]) == (1, 0)


def test_a_model_that_dies_in_between_is_asked_again(fresh_server: FreshServer, models: OpenAIServer) -> None:
    org = new_org(fresh_server())
    held = archive(org, embedding=EMBEDDING)
    models.embed = lambda request: {}
    passage(org, held, TEXT)
    models.reset()
    hits = found(org, held)
    assert (texts(hits), by_meaning(hits)) == ([TEXT], [])
    assert progress(org, archive_id=held)["models"][0]["trouble"]
    until(lambda: by_meaning(found(org, held)) == [TEXT], "its vectors", 30)
    assert progress(org, archive_id=held)["models"][0]["trouble"] is None


def _deleted(org: Org, held: str, id: str) -> None:
    org.http.delete(f"/v1/archives/{held}/passages/{id}").raise_for_status()
    assert found(org, held) == []


def _forgotten(org: Org, _held: str, id: str) -> None:
    erased(org, passage_id=id)


def _with_its_archive(org: Org, held: str, _id: str) -> None:
    org.http.delete(f"/v1/archives/{held}").raise_for_status()


@pytest.mark.contract("passages.arriving.gone")
@pytest.mark.parametrize("leave", [_deleted, _forgotten, _with_its_archive])
def test_what_goes_before_its_vectors_come_leaves_nothing(
    org: Org, models: OpenAIServer, gate: threading.Event, leave: Callable[[Org, str, str], None]
) -> None:
    held = archive(org, embedding=EMBEDDING)
    stored = storing(org, held)
    id = on_its_way(org, held)
    leave(org, held, id)
    gate.set()
    assert stored.result()["id"] == id
    assert ok(org.http.post("/v1/passages/search", json={"query": QUESTION})) == []
    assert ok(org.http.get("/v1/search/progress"))["items"] == 0
    rows = read(org.server, "SELECT item_id, is_gone, vectors, terms FROM search_entries")
    assert [row for row in rows if row[0] == id and (not row[1] or row[2] or bytes(row[3]))] == []


@pytest.mark.contract("passages.arriving.model")
def test_vectors_of_a_model_that_is_not_wanted_any_more_are_made_anew(
    org: Org, models: OpenAIServer, gate: threading.Event
) -> None:
    held = archive(org, embedding=EMBEDDING)
    stored = storing(org, held)
    id = on_its_way(org, held)
    ok(org.http.patch(f"/v1/archives/{held}", json={"embedding": BUNDLED}))
    gate.set()
    assert stored.result()["id"] == id
    until(lambda: progress(org, archive_id=held)["waiting"] == 0, "the vectors of the new model", 30)
    assert (id, BUNDLED, BUNDLED) in read(org.server, "SELECT item_id, model, wants FROM search_entries")
    assert by_meaning(found(org, held, "Who lives in Italy now?")) == [TEXT]


def test_a_model_that_is_changed_all_the_while_is_the_last_one_everywhere(org: Org, models: OpenAIServer) -> None:
    held = archive(org, embedding=EMBEDDING)
    facts = [f"Lamp {number} stands on shelf {number % 7}." for number in range(24)]
    inserts = [Later(lambda begin=begin: [passage(org, held, text) for text in facts[begin::3]]) for begin in range(3)]
    for number in range(8):
        ok(org.http.patch(f"/v1/archives/{held}", json={"embedding": (BUNDLED, EMBEDDING)[number % 2]}))
    for each in inserts:
        each.result()
    ok(org.http.patch(f"/v1/archives/{held}", json={"embedding": BUNDLED}))
    until(lambda: progress(org, archive_id=held)["waiting"] == 0, "the vectors of the last model", 30)
    (only,) = progress(org, archive_id=held)["models"]
    assert (only["embedding"], only["items"]) == (BUNDLED, 24)
    assert sorted(by_meaning(found(org, held, "lamp", limit=50))) == sorted(facts)


def _insert(org: Org, held: str, facts: list[str]) -> list[Json]:
    """One by one and many at once, in turn."""
    some = [{"text": text} for text in facts]
    path = f"/v1/archives/{held}/passages"
    batches = [ok(org.http.post(f"{path}/batch", json={"passages": some[n : n + 5]})) for n in range(10, len(some), 5)]
    return [*(passage(org, held, each["text"]) for each in some[:10]), *(each for batch in batches for each in batch)]


@pytest.mark.contract("passages.arriving.two-servers")
@pytest.mark.parametrize("engine", ["postgres"])
def test_two_servers_that_store_at_once_know_the_same(fresh_server: FreshServer, models: OpenAIServer) -> None:
    here = new_org(fresh_server())
    env: dict[str, Any] = {"HOLDFAST_ENCRYPTION_KEY": (here.server.data / "encryption.key").read_text()}
    there = on(fresh_server(env, database=here.server.env["LETTA_PG_URI"]), here)
    held = archive(here, embedding=EMBEDDING)
    facts = {
        org: [f"Lamp {name} {number} stands on shelf {number % 7}." for number in range(40)]
        for org, name in ((here, "red"), (there, "blue"))
    }
    inserts = [Later(lambda org=org, some=some: _insert(org, held, some)) for org, some in facts.items()]
    while not all(each.is_done for each in inserts):
        for org in (here, there):
            known = {text for some in facts.values() for text in some}
            assert set(texts(found(org, held, "lamp", limit=100))) <= known
    stored = [text["text"] for each in inserts for text in each.result()]
    assert sorted(stored) == sorted(text for some in facts.values() for text in some)
    until(lambda: progress(here, archive_id=held)["waiting"] == 0, "all vectors", 30)
    for query in ("lamp", *stored[::9]):
        hits = [found(org, held, query, limit=100) for org in (here, there)]
        assert sorted(by_meaning(hits[0])) == sorted(stored)
        assert hits[0] == hits[1]
        nearest = max(hits[0], key=lambda hit: hit["metadata"]["score_parts"]["meaning"])
        assert query == "lamp" or nearest["passage"]["text"] == query
    assert progress(here, archive_id=held) == progress(there, archive_id=held)
    assert len(read(here.server, "SELECT item_id FROM search_entries")) == len(stored)


@pytest.mark.parametrize("engine", ["postgres"])
def test_a_server_that_stops_leaves_the_vectors_to_the_others_at_once(fresh_server: FreshServer) -> None:
    org = new_org(server := fresh_server())
    passage(org, held := archive(org, embedding=EMBEDDING), TEXT)
    until(lambda: progress(org, archive_id=held)["waiting"] == 0, "the first vectors", 30)
    ok(org.http.patch(f"/v1/archives/{held}", json={"embedding": BUNDLED}))
    until(lambda: read(server, "SELECT owner FROM search_workers WHERE name = 'embedding'"), "somebody who leads", 30)
    server.stop()
    assert read(server, "SELECT owner FROM search_workers WHERE name = 'embedding'") == []
