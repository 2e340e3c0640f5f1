"""The loads of files as V1's jobs (CONTRACT §2.8, §11)."""

import pytest

from tests.files.holding import DEAD_EMBEDDER, Json, agent, folder, ok, put, returned, upload
from tests.harness.fleet import FreshServer
from tests.harness.models import MODEL
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until


@pytest.mark.contract("jobs.loads")
def test_a_load_is_a_job(org: Org) -> None:
    home = folder(org)
    first, second = put(org, home, "a.txt", "one gull"), put(org, home, "b.txt", "two gulls")
    put(org, folder(org, "others"), "c.txt", "no gull")
    listed = ok(org.http.get("/v1/jobs/", params={"source_id": home}))
    assert [each["metadata"]["file_name"] for each in listed] == ["b.txt", "a.txt"]
    assert [each["id"] for each in listed] == [_job(second), _job(first)]
    after = ok(org.http.get("/v1/jobs/", params={"after": _job(second), "source_id": home}))
    assert [each["id"] for each in after] == [_job(first)]
    assert len(ok(org.http.get("/v1/jobs/"))) == 3
    assert ok(org.http.get("/v1/jobs/active")) == []
    found = ok(org.http.get(f"/v1/jobs/{_job(first)}"))
    assert (found["status"], found["job_type"], found["metadata"]["file_id"]) == ("completed", "job", first["id"])
    assert found["completed_at"] >= found["created_at"]
    assert found["total_duration_ns"] > 0


@pytest.mark.contract("jobs.deleted")
def test_a_deleted_job_leaves_its_file(org: Org) -> None:
    home = folder(org)
    made = put(org, home, "a.txt", "one gull")
    assert ok(org.http.delete(f"/v1/jobs/{_job(made)}"))["id"] == _job(made)
    assert ok(org.http.get("/v1/jobs/")) == []
    assert org.http.get(f"/v1/jobs/{_job(made)}").status_code == 404
    assert ok(org.http.get(f"/v1/folders/{home}/files/{made['id']}"))["processing_status"] == "completed"


@pytest.mark.contract("jobs.cancelled")
def test_a_load_at_work_is_cancelled(fresh_server: FreshServer) -> None:
    org = new_org(fresh_server(DEAD_EMBEDDER))
    home = folder(org)
    sent, other = (upload(org, home, name, "The keeper counts gulls.") for name in ("keeper.txt", "other.txt"))
    until(lambda: _statuses(org, home) == {"embedding"}, "the texts to be there", 60)
    active = ok(org.http.get("/v1/jobs/active", params={"source_id": home}))
    assert [(each["id"], each["status"]) for each in active] == [(_job(sent), "running"), (_job(other), "running")]
    stopped = ok(org.http.patch(f"/v1/jobs/{_job(sent)}/cancel"))
    assert (stopped["status"], stopped["metadata"]["total_chunks"]) == ("cancelled", None)
    again = org.http.patch(f"/v1/jobs/{_job(sent)}/cancel")
    assert again.status_code == 409
    assert "is over" in again.json()["detail"]
    file = ok(org.http.get(f"/v1/folders/{home}/files/{sent['id']}"))
    assert file["processing_status"] == "error"
    assert "cancelled" in file["error_message"]
    found = returned(org, agent(org, home, model=MODEL), "semantic_search_files", query="gulls")
    assert "other.txt" in found
    assert "keeper.txt" not in found
    assert ok(org.http.delete(f"/v1/jobs/{_job(other)}"))["status"] == "cancelled"
    assert ok(org.http.get("/v1/jobs/active")) == []


def _job(file: Json) -> str:
    return file["id"].replace("file-", "job-")


def _statuses(org: Org, folder_id: str) -> set[str]:
    return {each["processing_status"] for each in ok(org.http.get(f"/v1/folders/{folder_id}/files"))}
