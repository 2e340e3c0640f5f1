"""Passages: stored, listed, changed, deleted (CONTRACT §2.4, §6.4)."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from letta_client.types.archives.passage_create_many_params import Passage

from tests.archives.holding import archive, holder, memory, ok, passage, remember, texts
from tests.harness.tenants import Org


@pytest.mark.contract("archives.passages")
def test_a_passage_comes_back_as_it_was_stored(org: Org) -> None:
    made = org.client.archives.passages.create(
        archive(org), text="Anna moved.", tags=["b", "a", "b", ""], metadata={"speaker": "Anna"}
    )
    assert (made.text, made.tags, made.metadata) == ("Anna moved.", ["b", "a"], {"speaker": "Anna"})
    assert (made.embedding, made.embedding_config, made.is_deleted) == (None, None, False)
    plain = passage(org, archive(org), "x", tags=None, metadata=None, created_at="2024-05-01T12:00:00+02:00")
    assert (plain["tags"], plain["metadata"]) == ([], {})
    assert plain["created_at"].startswith("2024-05-01T10:00:00")
    assert {"source_id", "file_id", "file_name", "created_by_id", "updated_at"} <= plain.keys()


@pytest.mark.contract("archives.passages.batch")
def test_a_batch_is_stored_in_order_or_not_at_all(org: Org) -> None:
    held = archive(org)
    agent = holder(org, held)
    sent = [Passage(text=f"fact {number}", tags=["all"]) for number in range(1000)]
    made = org.client.archives.passages.create_many(held, passages=sent)
    assert [each.text for each in made] == [each["text"] for each in sent]
    assert texts(org, agent, limit=1000) == [each["text"] for each in sent]
    bad: list[Any] = [{"text": "good"}, {"text": " "}]
    refused = org.http.post(f"/v1/archives/{held}/passages/batch", json={"passages": bad})
    assert refused.status_code == 422
    assert "passages.1.text" in refused.json()["detail"]
    assert len(memory(org, agent, search="good")) == 0
    assert ok(org.http.post(f"/v1/archives/{held}/passages/batch", json={"passages": []})) == []
    assert org.http.post(f"/v1/archives/archive-{uuid4()}/passages/batch", json={"passages": []}).status_code == 404


@pytest.mark.contract("archives.memory")
def test_the_client_keeps_lists_and_deletes_memories(org: Org) -> None:
    agent = holder(org)
    [made] = org.client.agents.passages.create(agent, text="Bob likes tea.", tags=["people"])
    assert made.archive_id == org.client.archives.list(agent_id=agent).items[0].id
    assert [each.id for each in org.client.agents.passages.list(agent)] == [made.id]
    org.client.agents.passages.delete(str(made.id), agent_id=agent)
    assert org.client.agents.passages.list(agent) == []


@pytest.mark.contract("archives.memory.list")
def test_memories_are_listed_oldest_first_and_paged(org: Org) -> None:
    agent = holder(org)
    ids = [remember(org, agent, f"Fact {number}")["id"] for number in range(5)]
    early = remember(org, agent, "long ago", created_at="2001-01-01T00:00:00Z")["id"]
    whole = [early, *ids]
    assert [each["id"] for each in memory(org, agent)] == whole
    assert [each["id"] for each in memory(org, agent, ascending=False)] == whole[::-1]
    assert [each["id"] for each in memory(org, agent, after=ids[1], limit=2)] == ids[2:4]
    assert [each["id"] for each in memory(org, agent, before=ids[2], limit=2)] == ids[:2]
    assert [each["id"] for each in memory(org, agent, after=ids[1], ascending=False)] == [ids[0], early]
    assert texts(org, agent, search="fact 3") == ["Fact 3"]
    assert texts(org, agent, search="%") == []
    path = f"/v1/agents/{agent}/archival-memory"
    assert org.http.get(path, params={"after": f"passage-{uuid4()}"}).status_code == 404


def test_fifty_inserts_at_once_are_all_there_in_one_order(org: Org) -> None:
    agent = holder(org, archive(org))
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(partial(remember, org, agent, tags=["t"]), map(str, range(50))))
    assert len({each["id"] for each in made}) == 50
    assert len(memory(org, agent)) == 50
    assert ok(org.http.get(f"/v1/agents/{agent}/context"))["num_archival_memory"] == 50


@pytest.mark.contract("archives.memory.edit")
def test_a_memory_is_edited(org: Org) -> None:
    agent = holder(org)
    made = remember(org, agent, "Anna lives in Turin.", tags=["places"])
    path = f"/v1/agents/{agent}/archival-memory/{made['id']}"
    changed = ok(org.http.patch(path, json={"text": "Anna lives in Oslo.", "tags": None, "metadata": {"by": "me"}}))
    assert (changed["text"], changed["tags"], changed["metadata"]) == ("Anna lives in Oslo.", ["places"], {"by": "me"})
    assert changed["created_at"] == made["created_at"]
    assert org.http.patch(path, json={"text": ""}).status_code == 422
    assert texts(org, agent) == ["Anna lives in Oslo."]


@pytest.mark.contract("archives.passages.delete")
def test_a_deleted_passage_leaves_the_list(org: Org) -> None:
    held = archive(org)
    agent = holder(org, held)
    first, second = passage(org, held, "one")["id"], passage(org, held, "two")["id"]
    assert org.client.archives.passages.delete(first, archive_id=held) is None
    assert texts(org, agent) == ["two"]
    elsewhere = archive(org)
    for path in (
        f"/v1/archives/{held}/passages/{first}",
        f"/v1/archives/{elsewhere}/passages/{second}",
        f"/v1/agents/{holder(org)}/archival-memory/{second}",
        f"/v1/agents/{agent}/archival-memory/{first}",
        f"/v1/agents/{agent}/archival-memory/passage-1",
    ):
        assert org.http.delete(path).status_code == 404, path
    assert org.http.delete(f"/v1/archives/{held}/passages/passage-1").status_code == 422


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ({}, "text"),
        ({"text": ""}, "empty"),
        ({"text": " \n\x00"}, "empty"),
        ({"text": 7}, "text"),
        ({"text": "x", "tags": "a"}, "tags"),
        ({"text": "x", "tags": [1]}, "tags"),
        ({"text": "x", "metadata": []}, "metadata"),
        ({"text": "x", "created_at": "yesterday"}, "created_at"),
        ({"text": "x", "created_at": "0001-01-01T00:00:00+14:00"}, "created_at"),
    ],
)
def test_what_cannot_be_stored_is_named(org: Org, sent: dict[str, Any], named: str) -> None:
    paths = (f"/v1/archives/{archive(org)}/passages", f"/v1/agents/{holder(org)}/archival-memory")
    for path in paths:
        refused = org.http.post(path, json=sent)
        assert refused.status_code == 422
        assert named in refused.json()["detail"]


def test_text_of_any_script_and_size_comes_back(org: Org) -> None:
    agent = holder(org)
    path = f"/v1/agents/{agent}/archival-memory"
    raw = b'{"text": "a\\u0000b \\ud800 \\ud83d\\ude00", "tags": ["\\u0000t"], "metadata": {"k\\u0000": "\\udfff"}}'
    [made] = ok(org.http.post(path, content=raw, headers={"content-type": "application/json"}))
    assert made["text"] == "ab \ufffd 😀"
    assert made["tags"] == ["t"]
    assert made["metadata"] == {"k": "\ufffd"}
    long = "日本語 " * 2_500
    assert remember(org, agent, long)["text"] == long
    assert memory(org, agent, search="日本語 日本語", limit=5)[0]["text"] == long
