"""The history of passages: versions, differences, going back, and what takes a passage's place."""

from typing import Any

import pytest

from tests.archives.holding import Json, archive, holder, memory, ok, passage, remember, texts
from tests.harness.tenants import Org


def changes(org: Org, passage_id: str, **query: Any) -> list[Json]:
    return ok(org.http.get(f"/v1/passages/{passage_id}/versions", params=query))


def post(org: Org, passage_id: str, verb: str, **body: Any) -> Json:
    return ok(org.http.post(f"/v1/passages/{passage_id}/{verb}", json=body))


@pytest.fixture
def owner(org: Org) -> str:
    return holder(org)


def edited(org: Org, owner: str, *later: str) -> str:
    """A passage whose text was changed, once for each text."""
    made = remember(org, owner, "v1", tags=["t"], created_at="2020-01-01T00:00:00Z")["id"]
    for text in later:
        ok(org.http.patch(f"/v1/agents/{owner}/archival-memory/{made}", json={"text": text, "reason": f"to {text}"}))
    return made


def test_every_change_is_listed_newest_first(org: Org, owner: str) -> None:
    made = edited(org, owner, "v2", "v3")
    ok(org.http.delete(f"/v1/agents/{owner}/archival-memory/{made}"))
    listed = changes(org, made)
    assert [each["version"] for each in listed] == [4, 3, 2, 1]
    assert [each["action"] for each in listed] == ["delete", "edit", "edit", "create"]
    assert [each["reason"] for each in listed] == [None, "to v3", "to v2", None]
    assert [each["after"]["text"] for each in listed] == ["v3", "v3", "v2", "v1"]
    assert [each["before"] and each["before"]["text"] for each in listed] == ["v3", "v2", "v1", None]
    assert (listed[0]["before"]["is_deleted"], listed[0]["after"]["is_deleted"]) == (False, True)
    assert all(each["key_id"].startswith("key-") for each in listed)
    assert [each["at"] for each in listed] == sorted((each["at"] for each in listed), reverse=True)
    assert ok(org.http.get(f"/v1/passages/{made}/versions/3")) == listed[1]
    assert org.http.get(f"/v1/passages/{made}/versions/5").status_code == 404


def test_versions_are_paged(org: Org, owner: str) -> None:
    made = edited(org, owner, *(f"v{number}" for number in range(2, 8)))

    def numbers(**query: Any) -> list[int]:
        return [each["version"] for each in changes(org, made, **query)]

    assert numbers(limit=2) == [7, 6]
    assert numbers(limit=2, after=6) == [5, 4]
    assert numbers(limit=2, before=4) == [6, 5]
    assert numbers(limit=3, order="asc") == [1, 2, 3]
    assert numbers(limit=3, order="asc", after=3) == [4, 5, 6]
    assert numbers(after=1) == []
    assert numbers(before=1, after=4) == [3, 2]
    assert numbers(limit=0) == []
    refused = org.http.get(f"/v1/passages/{made}/versions", params={"after": "passage-1"})
    assert refused.status_code == 400
    assert "versions" in refused.json()["detail"]


def test_a_difference_is_a_unified_diff(org: Org, owner: str) -> None:
    made = edited(org, owner, "a\nb\nc", "a\nB\nc")
    last = ok(org.http.get(f"/v1/passages/{made}/diff"))
    assert (last["from_version"], last["to_version"], last["changed"]) == (2, 3, {})
    assert last["diff"].splitlines()[2:] == ["@@ -1,3 +1,3 @@", " a", "-b", "+B", " c"]
    whole = ok(org.http.get(f"/v1/passages/{made}/diff", params={"from": 0, "to": 1}))
    assert "+v1" in whole["diff"].splitlines()
    assert ok(org.http.get(f"/v1/passages/{made}/diff", params={"from": 2, "to": 2}))["diff"] == ""
    assert org.http.get(f"/v1/passages/{made}/diff", params={"from": 9}).status_code == 404


def test_undoing_again_goes_further_back(org: Org, owner: str) -> None:
    made = edited(org, owner, "v2", "v3")
    assert [post(org, made, "undo")["text"] for _ in range(2)] == ["v2", "v1"]
    end = org.http.post(f"/v1/passages/{made}/undo")
    assert end.status_code == 409
    assert "no earlier version" in end.json()["detail"]
    assert [each["action"] for each in changes(org, made)] == ["undo", "undo", "edit", "edit", "create"]
    ok(org.http.patch(f"/v1/agents/{owner}/archival-memory/{made}", json={"text": "v6"}))
    assert post(org, made, "undo", reason="not true")["text"] == "v1"
    assert changes(org, made, limit=1)[0]["reason"] == "not true"


def test_a_version_is_restored(org: Org, owner: str) -> None:
    made = edited(org, owner, "v2", "v3")
    assert post(org, made, "restore", version=1)["text"] == "v1"
    assert post(org, made, "undo")["text"] == "v3"
    assert org.http.post(f"/v1/passages/{made}/restore", json={"version": 9}).status_code == 404
    assert org.http.post(f"/v1/passages/{made}/restore", json={}).status_code == 422


def test_a_deleted_passage_comes_back(org: Org, owner: str) -> None:
    made = edited(org, owner, "v2")
    ok(org.http.delete(f"/v1/agents/{owner}/archival-memory/{made}"))
    assert memory(org, owner) == []
    post(org, made, "undo")
    assert texts(org, owner) == ["v2"]
    ok(org.http.delete(f"/v1/agents/{owner}/archival-memory/{made}"))
    post(org, made, "restore", version=1)
    assert texts(org, owner) == ["v1"]
    assert ok(org.http.get(f"/v1/agents/{owner}/context"))["num_archival_memory"] == 1


def test_an_edit_that_changes_nothing_is_no_version(org: Org, owner: str) -> None:
    made = edited(org, owner, "v1")
    assert [each["version"] for each in changes(org, made)] == [1]


def test_what_supersedes_takes_the_place(org: Org, owner: str) -> None:
    old = edited(org, owner)
    new = post(org, old, "supersede", text="now", reason="moved")
    assert (new["text"], new["tags"]) == ("now", ["t"])
    assert texts(org, owner) == ["now"]
    kept = changes(org, old)[0]
    assert (kept["action"], kept["reason"]) == ("supersede", "moved")
    assert kept["after"]["superseded_by"] == new["id"]
    assert kept["after"]["superseded_at"] == new["created_at"]
    assert [each["reason"] for each in changes(org, new["id"])] == [None]
    again = org.http.post(f"/v1/passages/{old}/supersede", json={"text": "later"})
    assert again.status_code == 409
    assert new["id"] in again.json()["detail"]


def test_undoing_that_something_was_superseded_takes_its_successor_away(org: Org, owner: str) -> None:
    old = edited(org, owner)
    new = post(org, old, "supersede", text="now", tags=["other"])
    back = post(org, old, "undo")
    assert (back["superseded_by"], back["superseded_at"]) == (None, None)
    assert texts(org, owner) == ["v1"]
    assert changes(org, new["id"])[0]["action"] == "delete"


def test_a_deleted_passage_cannot_be_superseded(org: Org) -> None:
    held = archive(org)
    made = passage(org, held, "x")["id"]
    org.http.delete(f"/v1/archives/{held}/passages/{made}")
    assert org.http.post(f"/v1/passages/{made}/supersede", json={"text": "y"}).status_code == 404
