"""Another embedding model for what is stored: made anew in the background, found all the while."""

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tests.archives.holding import archive, holder, ok, passage
from tests.cli.command import beside, output
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.messages.talking import Json, agent, missing
from tests.store.looking import connect, schema_of

BUNDLED = "holdfast/minilm-l6-v2"
OTHER = "openai/text-embedding-3-small"
FACTS = ("Anna is allergic to nuts.", "The boiler was repaired by Mario.", "The cat sleeps on the sofa.")


def progress(org: Org, **query: str) -> Json:
    return ok(org.http.get("/v1/search/progress", params=query))


def search(org: Org, held: str, query: str) -> list[str]:
    body = {"archive_id": held, "query": query, "limit": 1}
    return [each["passage"]["text"] for each in ok(org.http.post("/v1/passages/search", json=body))]


def filled(org: Org) -> str:
    held = archive(org)
    for text in FACTS:
        passage(org, held, text)
    return held


def test_passages_follow_their_archives_new_model(org: Org, models: OpenAIServer) -> None:
    held = filled(org)
    assert progress(org, archive_id=held)["models"] == [
        {"embedding": BUNDLED, "items": 3, "waiting": 0, "trouble": None}
    ]
    changed = ok(org.http.patch(f"/v1/archives/{held}", json={"embedding": OTHER}))
    assert changed["embedding"] == OTHER
    search(org, held, "pets")
    until(lambda: progress(org, archive_id=held)["waiting"] == 0, "the new vectors")
    assert [each["embedding"] for each in progress(org, archive_id=held)["models"]] == [OTHER]
    passage(org, held, "The dog sleeps in the kitchen.")
    assert progress(org, archive_id=held)["items"] == 4
    followed = ok(org.http.patch(f"/v1/archives/{held}", json={"embedding": "default"}))
    assert followed["embedding"] is None
    assert search(org, held, "who fixed the heating?") == [FACTS[1]]
    until(
        lambda: [each["embedding"] for each in progress(org, archive_id=held)["models"]] == [BUNDLED], "the old model"
    )


def test_until_the_new_model_answers_the_old_vectors_serve(fresh_server: FreshServer, models: OpenAIServer) -> None:
    org = new_org(fresh_server({"OLLAMA_BASE_URL": "http://127.0.0.1:9"}))
    held = filled(org)
    ok(org.http.patch(f"/v1/archives/{held}", json={"embedding": "ollama/gone"}))
    assert search(org, held, "who fixed the heating?") == [FACTS[1]]
    [waiting] = progress(org, archive_id=held)["models"]
    assert (waiting["embedding"], waiting["items"], waiting["waiting"]) == ("ollama/gone", 3, 3)
    assert "ollama" in waiting["trouble"].lower()
    shown = output(beside(org.server, "memory", "progress", "--archive", held, HOLDFAST_API_KEY=org.key))
    assert "ollama/gone" in shown


def test_progress_counts_what_is_said_and_everything(org: Org) -> None:
    owner = agent(org, "I like green tea.", "Noted.")
    assert progress(org, agent_id=owner)["items"] == 2
    holder(org, filled(org))
    assert progress(org)["items"] >= 5


@contextmanager
def nothing_written(org: Org) -> Generator[None]:
    """Nobody can make anything known to the search."""
    with connect(org.server).connect() as other:
        other.exec_driver_sql(
            "LOCK TABLE holdfast.search_entries IN SHARE MODE" if schema_of(org.server) else "BEGIN IMMEDIATE"
        )
        yield


def test_a_search_goes_by_what_is_known_when_the_rest_takes_long(org: Org) -> None:
    owner = agent(org, *(f"I was in room {number}." for number in range(300)))
    body = {"query": "room", "agent_id": owner, "search_mode": "fts", "limit": 5}
    with nothing_written(org):
        assert org.http.post("/v1/messages/search", json=body).status_code == 200
    assert len(ok(org.http.post("/v1/messages/search", json=body))) == 5


def test_progress_is_told_while_nothing_can_be_written(org: Org) -> None:
    owner = agent(org, *(f"I was in room {number}." for number in range(300)))
    with nothing_written(org):
        told = progress(org, agent_id=owner)
        assert (told["items"], progress(org)["items"]) == (300, 300)
    until(lambda: progress(org, agent_id=owner)["waiting"] < 300, "some vectors", 30)
    assert progress(org, agent_id=owner)["items"] == 300


def test_what_goes_is_not_counted_twice_until_that_is_known(org: Org) -> None:
    held = archive(org)
    _, gone = (passage(org, held, text)["id"] for text in ("One.", "Two."))
    until(lambda: progress(org, archive_id=held)["waiting"] == 0, "the first vectors", 30)
    org.http.delete(f"/v1/archives/{held}/passages/{gone}").raise_for_status()
    with nothing_written(org):
        assert progress(org, archive_id=held)["items"] <= 2
    until(lambda: progress(org, archive_id=held)["items"] == 1, "the deletion to be known", 30)


@pytest.mark.parametrize("query", [{"archive_id": missing("archive")}, {"agent_id": missing("agent")}])
def test_unknown_places_are_an_error(org: Org, query: dict[str, str]) -> None:
    assert org.http.get("/v1/search/progress", params=query).status_code == 404
    both = {"archive_id": missing("archive"), "agent_id": missing("agent")}
    assert org.http.get("/v1/search/progress", params=both).status_code == 400


def test_an_unknown_model_changes_nothing(org: Org) -> None:
    held = filled(org)
    refused = org.http.patch(f"/v1/archives/{held}", json={"embedding": "nobody/knows"})
    assert refused.status_code in (400, 404)
    assert ok(org.http.get(f"/v1/archives/{held}"))["embedding"] is None
