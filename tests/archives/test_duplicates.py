"""What an archive holds already is not stored twice, where that is asked for."""

from typing import Any

import pytest

from tests.archives.holding import archive, holder, memory, ok, passage, texts
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org, new_org
from tests.messages.talking import say

FACT = "Anna, the neighbour, is allergic to nuts and to penicillin."


def insert(org: Org, models: OpenAIServer, owner: str, *contents: str, tags: list[str] | None = None) -> str:
    """Let an agent store something; what its tool returned."""
    calls = [("archival_memory_insert", {"content": each, "tags": tags or []}) for each in contents]
    models.queue(Reply(calls=tuple(calls)), Reply("Kept."))
    answered = say(org, f"agents/{owner}", "Keep it.")["messages"]
    return next(each["tool_return"] for each in answered if each["message_type"] == "tool_return_message")


def keeper(org: Org, **fields: Any) -> str:
    return holder(org, archive(org, **fields), tools=["archival_memory_insert"])


@pytest.mark.parametrize(
    "again",
    [
        FACT,
        "anna the neighbour is allergic to nuts and penicillin",
        "Anna, neighbour, really is allergic to nuts, penicillin",
    ],
)
def test_an_agent_that_says_it_again_is_told_so(org: Org, models: OpenAIServer, again: str) -> None:
    owner = keeper(org)
    assert insert(org, models, owner, FACT, tags=["people"]) == "None"
    told = insert(org, models, owner, again, tags=["health"])
    [kept] = memory(org, owner)
    assert kept["id"] in told
    assert kept["text"] == FACT
    assert kept["tags"] == ["people", "health"]


@pytest.mark.parametrize(
    "other",
    [
        "Anna, the neighbour, is not allergic to nuts and to penicillin.",
        "Anna, the neighbour, was allergic to nuts and to penicillin.",
        "Anna, the neighbour, is allergic to nuts and to penicillin since 2019.",
        "Penicillin and nuts: Anna is allergic to.",
        "Hanna, the neighbour, is allergic to nuts and to penicillin.",
        "Anna",
    ],
)
def test_another_fact_in_like_words_is_stored(org: Org, models: OpenAIServer, other: str) -> None:
    owner = keeper(org)
    insert(org, models, owner, FACT)
    assert insert(org, models, owner, other) == "None"
    assert sorted(texts(org, owner)) == sorted([FACT, other])


def test_numbers_make_another_fact(org: Org, models: OpenAIServer) -> None:
    owner = keeper(org)
    insert(org, models, owner, "The meeting is at 3 pm in room 12.")
    insert(org, models, owner, "The meeting is at 4 pm in room 12.")
    assert len(memory(org, owner)) == 2


def test_an_archive_can_keep_everything(org: Org, models: OpenAIServer) -> None:
    held = archive(org, link_duplicates=False)
    owner = holder(org, held, tools=["archival_memory_insert"])
    insert(org, models, owner, FACT)
    insert(org, models, owner, FACT)
    assert len(memory(org, owner)) == 2
    assert ok(org.http.patch(f"/v1/archives/{held}", json={"link_duplicates": True}))["link_duplicates"] is True
    assert FACT in insert(org, models, owner, FACT)
    assert len(memory(org, owner)) == 2


def test_the_api_stores_what_it_is_sent_unless_asked_to_link(org: Org) -> None:
    held = archive(org)
    owner = holder(org, held)
    first = passage(org, held, FACT)
    assert passage(org, held, FACT)["id"] != first["id"]
    linked = passage(org, held, FACT.lower(), link_duplicates=True, tags=["t"])
    assert linked["id"] in {each["id"] for each in memory(org, owner)}
    assert linked["tags"] == ["t"]
    body = {"text": FACT, "link_duplicates": True}
    [again] = ok(org.http.post(f"/v1/agents/{owner}/archival-memory", json=body))
    assert again["id"] == linked["id"]
    assert len(memory(org, owner)) == 2


def test_a_batch_is_linked_within_itself_too(org: Org) -> None:
    held = archive(org)
    there = passage(org, held, "Bread is baked on Mondays.")
    sent = [
        {"text": "one thing", "tags": ["a"]},
        {"text": "bread is baked on Mondays"},
        {"text": "one thing", "tags": ["b"]},
    ]
    body = {"passages": sent, "link_duplicates": True}
    first, second, third = ok(org.http.post(f"/v1/archives/{held}/passages/batch", json=body))
    assert second["id"] == there["id"]
    assert first["id"] == third["id"]
    assert first["tags"] == ["a", "b"]


def test_what_was_deleted_or_superseded_is_stored_again(org: Org, models: OpenAIServer) -> None:
    owner = keeper(org)
    insert(org, models, owner, FACT)
    [kept] = memory(org, owner)
    org.http.delete(f"/v1/agents/{owner}/archival-memory/{kept['id']}").raise_for_status()
    assert insert(org, models, owner, FACT) == "None"
    [again] = memory(org, owner)
    ok(org.http.post(f"/v1/passages/{again['id']}/supersede", json={"text": "Anna moved away."}))
    assert insert(org, models, owner, FACT) == "None"
    assert sorted(texts(org, owner)) == sorted([FACT, "Anna moved away."])


def test_without_an_embedding_model_the_words_decide(fresh_server: FreshServer, models: OpenAIServer) -> None:
    server = fresh_server({"HOLDFAST_DEFAULT_EMBEDDING": "ollama/gone", "OLLAMA_BASE_URL": "http://127.0.0.1:9"})
    org = new_org(server)
    owner = keeper(org)
    insert(org, models, owner, FACT)
    assert FACT in insert(org, models, owner, FACT)
    assert len(memory(org, owner)) == 1
