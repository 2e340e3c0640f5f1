"""Folders: made, listed, changed, deleted, under both generations' paths (CONTRACT §2.7, §10)."""

import pytest
from letta_client import NotFoundError

from tests.files.holding import ok, read
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
