"""Uploads: names, duplicates, sizes, cut connections, crashes (CONTRACT §10)."""

import socket
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any, LiteralString

import psycopg
import pytest

from tests.files.holding import DEAD_EMBEDDER, Json, agent, folder, ok, put, read, returned, upload
from tests.harness.fleet import FreshServer
from tests.harness.models import MODEL
from tests.harness.server import Server
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until

NAMES: dict[str, tuple[str, str]] = {
    "a path": ("/etc/passwd", "passwd"),
    "a path of Windows": ("C:\\docs\\a.txt", "a.txt"),
    "a way up": ("../../a.txt", "a.txt"),
    "only dots": ("..", "upload"),
    "nothing but a slash": ("/", "upload"),
    "a zero byte": ("a\x00b.txt", "ab.txt"),
    "a line end": ("a\nb.txt", "ab.txt"),
    "a turned direction": ("a\u202etxt.exe", "atxt.exe"),
    "unicode": ("Übung 漢字 🎈.txt", "Übung 漢字 🎈.txt"),
    "300 characters": ("a" * 300 + ".txt", "a" * 251 + ".txt"),
}


def names_in(org: Org, folder_id: str) -> list[str]:
    return sorted(each["file_name"] for each in ok(org.http.get(f"/v1/folders/{folder_id}/files")))


@pytest.mark.contract("files.names")
def test_names_are_one_line_without_directories(org: Org) -> None:
    home = folder(org)
    for about, (sent, kept) in NAMES.items():
        made = upload(org, home, "x.txt", f"text of {about}", name=sent)
        assert made["file_name"] == kept, about
        assert made["original_file_name"] == "x.txt"
        remove(org, home, made)


def remove(org: Org, folder_id: str, file: Json) -> None:
    assert org.http.delete(f"/v1/folders/{folder_id}/{file['id']}").status_code == 204


@pytest.mark.contract("files.duplicates")
def test_a_name_that_is_there_is_handled_as_asked(org: Org) -> None:
    home = folder(org)
    first = put(org, home, "a.txt", "first")
    assert [upload(org, home, "a.txt", "more")["file_name"] for _ in range(2)] == ["a_(1).txt", "a_(2).txt"]
    sent = {"file": ("a.txt", b"other")}
    skipped = org.http.post(f"/v1/folders/{home}/upload", files=sent, params={"duplicate_handling": "skip"})
    assert (skipped.status_code, skipped.headers["x-upload-result"]) == (200, "skipped")
    assert skipped.json()["id"] == first["id"]
    refused = org.http.post(f"/v1/folders/{home}/upload", files=sent, params={"duplicate_handling": "error"})
    assert refused.status_code == 400
    assert "a.txt" in refused.json()["detail"]
    replaced = put(org, home, "a.txt", "other", duplicate_handling="replace")
    assert replaced["id"] != first["id"]
    assert replaced["content"] == "other"
    assert names_in(org, home) == ["a.txt", "a_(1).txt", "a_(2).txt"]
    wrong = org.http.post(f"/v1/folders/{home}/upload", files=sent, params={"duplicate_handling": "merge"})
    assert wrong.status_code == 422


@pytest.mark.contract("files.duplicates")
def test_uploads_of_one_name_at_once_all_get_names(org: Org) -> None:
    home = folder(org)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(partial(upload, org, home, "same.txt"), ["a", "b", "c", "d"]))
    assert len({each["id"] for each in made}) == 4
    assert names_in(org, home) == ["same.txt", "same_(1).txt", "same_(2).txt", "same_(3).txt"]


def test_an_upload_into_a_folder_shows_in_its_agents(org: Org) -> None:
    home = folder(org)
    owner = agent(org, home, max_files_open=1)
    first = put(org, home, "a.txt", "first")
    put(org, home, "b.txt", "second")
    listed = ok(org.http.get(f"/v1/agents/{owner}/files", params={"order": "asc"}))["files"]
    assert [(each["file_name"], each["is_open"]) for each in listed] == [
        ("papers/a.txt", True),
        ("papers/b.txt", False),
    ]
    remove(org, home, first)
    assert [each["file_name"] for each in ok(org.http.get(f"/v1/agents/{owner}/files"))["files"]] == ["papers/b.txt"]


NO_FILES: dict[str, dict[str, Any]] = {
    "another part": {"files": {"other": ("a.txt", b"x")}},
    "a form": {"data": {"file": "just text"}},
    "json": {"json": {"file": "x"}},
    "no boundary": {"content": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data"}},
    "no end": {"content": b"--x\r\nno end", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
    "nothing": {},
}


@pytest.mark.parametrize("kind", NO_FILES)
def test_bodies_that_hold_no_file_are_refused(org: Org, kind: str) -> None:
    home = folder(org)
    refused = org.http.post(f"/v1/folders/{home}/upload", **NO_FILES[kind])
    assert refused.status_code in (400, 422), refused.text
    assert refused.json()["detail"]
    assert names_in(org, home) == []


@pytest.mark.contract("files.large")
def test_an_upload_that_is_too_large_is_refused(fresh_server: FreshServer) -> None:
    org = new_org(fresh_server({"HOLDFAST_MAX_BODY_MB": "1"}))
    home = folder(org)
    refused = org.http.post(f"/v1/folders/{home}/upload", files={"file": ("a.txt", b"x" * (2 * 2**20))})
    assert refused.status_code == 413
    assert "HOLDFAST_MAX_BODY_MB" in refused.json()["detail"]
    assert names_in(org, home) == []


def test_an_upload_that_is_cut_off_leaves_nothing(org: Org) -> None:
    home = folder(org)
    head = (
        f"POST /v1/folders/{home}/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {org.key}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", org.server.port)) as raw:
        raw.sendall(head.encode() + b"half of it " * 100)
    assert names_in(org, home) == []
    assert put(org, home, "a.txt", "whole")["content"] == "whole"


@pytest.mark.contract("files.resumed")
def test_what_a_killed_server_had_begun_is_read_by_the_next(fresh_server: FreshServer) -> None:
    server = fresh_server()
    org = new_org(server)
    home = folder(org)
    text = "\n".join(f"Line {number} of a long report about gulls, tides and lamps." for number in range(2_000))
    sent = upload(org, home, "report.txt", text)
    until(lambda: _status(org, sent) == "embedding", "vectors to be made", 60)
    late = upload(org, home, "late.txt", "The lamp was lit at nine.")
    server.kill9()
    server.start()
    for each in (late, sent):
        done = read(org, each)
        assert done["processing_status"] == "completed", done["error_message"]
        assert done["total_chunks"] == done["chunks_embedded"] > 0
    assert read(org, sent)["content"] == text


def _status(org: Org, file: Json) -> str:
    now = ok(org.http.get(f"/v1/folders/{file['source_id']}/files/{file['id']}"))
    return "embedding" if now["processing_status"] == "completed" else now["processing_status"]


@pytest.mark.contract("files.embedder")
def test_without_an_embedder_a_file_is_found_by_its_words(fresh_server: FreshServer) -> None:
    server = fresh_server(DEAD_EMBEDDER)
    org = new_org(server)
    home = folder(org)
    sent = upload(org, home, "keeper.txt", "The keeper counts seventeen gulls.")
    until(lambda: _file(org, sent)["processing_status"] == "embedding", "the text to be there", 60)
    owner = agent(org, home, model=MODEL)
    assert "keeper.txt" in returned(org, owner, "semantic_search_files", query="gulls")
    _change(server, "UPDATE files SET moved_at = '2026-01-01T00:00:00.000000+00:00'")
    late = until(lambda: _if(_file(org, sent), "error"), "the half hour to be over", 30) or {}
    assert "found by its words" in late["error_message"]
    assert (late["total_chunks"], late["chunks_embedded"]) == (1, 0)
    assert "keeper.txt" in returned(org, owner, "semantic_search_files", query="gulls")
    server.stop()
    server.env["HOLDFAST_DEFAULT_EMBEDDING"] = "holdfast/minilm-l6-v2"
    server.start()
    done = until(lambda: _if(_file(org, sent), "completed"), "the vectors", 60) or {}
    assert done["error_message"] is None


@pytest.mark.contract("files.resumed")
def test_a_file_at_which_servers_stop_again_and_again_is_given_up(fresh_server: FreshServer) -> None:
    server = fresh_server()
    org = new_org(server)
    home = folder(org)
    sent = upload(org, home, "keeper.txt", "The keeper counts seventeen gulls.")
    server.kill9()
    _change(server, "UPDATE files SET tries = 3, leased_until = NULL, status = 'parsing', is_settled = FALSE")
    server.start()
    done = read(org, sent)
    assert done["processing_status"] == "error"
    assert "stopped 3 times" in done["error_message"]


def _file(org: Org, file: Json) -> Json:
    return ok(org.http.get(f"/v1/folders/{file['source_id']}/files/{file['id']}"))


def _if(file: Json, status: str) -> Json | None:
    return file if file["processing_status"] == status else None


def _change(server: Server, statement: LiteralString) -> None:
    """What only time, or a crash at a bad moment, does to rows."""
    if uri := server.env.get("LETTA_PG_URI"):
        with psycopg.connect(uri, options="-c search_path=holdfast") as database:
            database.execute(statement)
        return
    with closing(sqlite3.connect(server.data / "holdfast.db")) as database, database:
        database.execute(statement)
