"""Folders: made, listed, changed, deleted, under both generations' paths (CONTRACT §2.7, §10)."""

from uuid import uuid4

import pytest
from letta_client import ConflictError, NotFoundError

from tests.files.holding import agent, folder, ok, put, read, upload
from tests.harness.tenants import Org

TEXT = "The lighthouse keeper counts seventeen gulls every morning.\n\nThe tide table hangs in the kitchen.\n"


@pytest.mark.contract("folders.sdk")
def test_the_client_makes_reads_changes_and_deletes_folders(org: Org) -> None:
    made = org.client.folders.create(name="papers", description="d", instructions="read them", metadata={"a": 1})
    assert (made.name, made.description, made.instructions, made.metadata) == ("papers", "d", "read them", {"a": 1})
    assert made.id.startswith("source-")
    assert made.embedding_config.handle == "holdfast/minilm-l6-v2"
    assert org.client.folders.retrieve(made.id) == made
    changed = org.client.folders.update(made.id, name="more papers", instructions="all of them")
    assert (changed.name, changed.description, changed.instructions) == ("more papers", "d", "all of them")
    assert [each.id for each in org.client.folders.list()] == [made.id]
    assert [each.id for each in org.client.folders.list(name="papers")] == []
    assert ok(org.http.get("/v1/folders/count")) == 1
    assert ok(org.http.get("/v1/folders/name/more papers")) == made.id
    org.client.folders.delete(made.id)
    with pytest.raises(NotFoundError):
        org.client.folders.retrieve(made.id)


@pytest.mark.contract("folders.upload")
def test_an_uploaded_text_is_read_and_its_pieces_are_listed(org: Org) -> None:
    made = org.client.folders.create(name="papers")
    sent = org.client.folders.files.upload(made.id, file=("keeper.txt", TEXT.encode()))
    assert (sent.processing_status, sent.file_name, sent.source_id) == ("parsing", "keeper.txt", made.id)
    done = read(org, sent.model_dump())
    assert done["processing_status"] == "completed"
    assert (done["total_chunks"], done["chunks_embedded"], done["content"]) == (1, 1, TEXT)
    [passage] = ok(org.http.get(f"/v1/folders/{made.id}/passages"))
    assert (passage["text"], passage["file_id"], passage["source_id"]) == (TEXT, sent.id, made.id)
    listed = list(org.client.folders.files.list(made.id))
    assert [(each.file_name, each.content) for each in listed] == [("keeper.txt", None)]
    org.client.folders.files.delete(sent.id, folder_id=made.id)
    assert ok(org.http.get(f"/v1/folders/{made.id}/passages")) == []


@pytest.mark.contract("folders.embedding")
def test_a_folder_may_name_its_embedding_model(org: Org) -> None:
    chosen = {"embedding": "holdfast/minilm-l6-v2", "embedding_chunk_size": 200}
    made = ok(org.http.post("/v1/folders/", json={"name": "papers", **chosen}))
    assert (made["embedding_config"]["handle"], made["embedding_config"]["embedding_chunk_size"]) == (
        "holdfast/minilm-l6-v2",
        200,
    )
    put(org, made["id"], "keeper.txt", TEXT)
    other = {"embedding_config": {"handle": "openai/text-embedding-3-small"}}
    changed = ok(org.http.patch(f"/v1/folders/{made['id']}", json=other))
    assert changed["embedding_config"]["handle"] == "openai/text-embedding-3-small"
    unknown = org.http.post("/v1/folders/", json={"name": "more", "embedding": "nobody/nothing"})
    assert unknown.status_code in (400, 404)


@pytest.mark.contract("folders.names")
def test_a_name_is_a_folders_own(org: Org) -> None:
    folder(org, "papers")
    other = folder(org, "other")
    with pytest.raises(ConflictError, match="papers"):
        org.client.folders.create(name="papers")
    assert org.http.patch(f"/v1/folders/{other}", json={"name": "papers"}).status_code == 409
    assert org.http.patch(f"/v1/folders/{other}", json={"name": "other"}).status_code == 200
    assert org.http.get("/v1/folders/name/nothing").status_code == 404


@pytest.mark.contract("folders.list")
def test_folders_are_listed_oldest_first_and_paged(org: Org) -> None:
    ids = [folder(org, f"folder {number}") for number in range(5)]
    assert [each["id"] for each in ok(org.http.get("/v1/folders/"))] == ids
    assert [each.id for each in org.client.folders.list(limit=2)] == ids
    newest = ok(org.http.get("/v1/folders/", params={"order": "desc", "limit": 2}))
    assert [each["id"] for each in newest] == [ids[4], ids[3]]
    assert org.http.get("/v1/folders/", params={"after": f"source-{uuid4()}"}).status_code == 404


@pytest.mark.contract("folders.stats")
def test_the_metadata_count_folders_files_and_bytes(org: Org) -> None:
    home, _empty = folder(org), folder(org, "empty")
    put(org, home, "a.txt", "12345")
    counted = ok(org.http.get("/v1/folders/metadata"))
    assert (counted["total_sources"], counted["total_files"], counted["total_size"]) == (2, 1, 5)
    assert [(each["source_name"], each["file_count"], each["files"]) for each in counted["sources"]] == [
        ("empty", 0, []),
        ("papers", 1, []),
    ]
    detailed = ok(org.http.get("/v1/folders/metadata", params={"include_detailed_per_source_metadata": True}))
    assert [each["file_name"] for each in detailed["sources"][1]["files"]] == ["a.txt"]


@pytest.mark.contract("sources.twin")
def test_sources_are_folders_under_their_older_name(org: Org) -> None:
    made = ok(org.http.post("/v1/sources/", json={"name": "papers", "instructions": "read"}))
    path = f"/v1/sources/{made['id']}"
    assert ok(org.http.get(path)) == ok(org.http.get(f"/v1/folders/{made['id']}")) == made
    assert ok(org.http.get("/v1/sources/")) == [made]
    assert ok(org.http.get("/v1/sources/count")) == 1
    assert ok(org.http.get("/v1/sources/metadata"))["total_sources"] == 1
    assert ok(org.http.get("/v1/sources/name/papers")) == made["id"]
    assert ok(org.http.patch(path, json={"description": "d"}))["description"] == "d"
    sent = ok(org.http.post(f"{path}/upload", files={"file": ("keeper.txt", TEXT.encode())}))
    done = read(org, sent)
    assert ok(org.http.get(f"{path}/files", params={"check_status_updates": False}))[0]["id"] == sent["id"]
    assert ok(org.http.get(f"{path}/files/{sent['id']}"))["total_chunks"] == done["total_chunks"]
    assert [each["text"] for each in ok(org.http.get(f"{path}/passages"))] == [TEXT]
    owner = agent(org, made["id"])
    assert ok(org.http.get(f"{path}/agents")) == [owner]
    assert org.http.delete(f"{path}/{sent['id']}").status_code == 204
    assert ok(org.http.get(f"{path}/files")) == []
    assert ok(org.http.delete(path)) is None
    assert org.http.get(path).status_code == 404


def test_what_was_deleted_is_found_no_more(org: Org) -> None:
    home = folder(org)
    file = upload(org, home, "keeper.txt", TEXT)
    read(org, file)
    assert org.http.delete(f"/v1/folders/{home}").status_code == 200
    for path in ("", "/files", f"/files/{file['id']}", "/passages", "/agents"):
        assert org.http.get(f"/v1/folders/{home}{path}").status_code == 404, path
    assert folder(org) != home
