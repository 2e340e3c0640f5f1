"""`holdfast files`: folders and files in a terminal."""

import json
from pathlib import Path

from tests.archives.holding import ok
from tests.cli.command import beside, output
from tests.harness.server import Server
from tests.harness.tenants import new_org


def test_files_are_put_into_a_folder_that_an_agent_has(server: Server, tmp_path: Path) -> None:
    org = new_org(server)
    key = {"HOLDFAST_API_KEY": org.key}
    ok(org.http.post("/v1/agents/", json={"name": "bob", "model": "holdfast/demo"}))
    manual, noise = tmp_path / "manual.md", tmp_path / "noise.pdf"
    manual.write_text("# Boiler\nMario repaired it.\n")
    noise.write_bytes(b"%PDF-1.7 and nothing of the kind")
    made = output(beside(server, "files", "create", "house", "--instructions", "Quote.", **key)).strip()
    assert ok(org.http.get(f"/v1/folders/{made}"))["instructions"] == "Quote."
    assert "manual.md" in output(beside(server, "files", "upload", "house", str(manual), "--wait", "0", **key))
    broken = beside(server, "files", "upload", made, str(noise), **key)
    assert broken.returncode == 1
    assert "noise.pdf" in broken.stderr
    assert " error " in broken.stdout
    again = beside(server, "files", "upload", "house", str(manual), "--duplicates", "skip", **key)
    assert " completed" in output(again)
    assert [each["file_count"] for each in json.loads(output(beside(server, "files", "folders", "--json", **key)))] == [
        2
    ]
    assert output(beside(server, "files", "attach", "bob", "house", **key)) == "bob has the folder house.\n"
    assert "no longer" in output(beside(server, "files", "detach", "bob", "house", **key))
    output(beside(server, "files", "delete", "house", "noise.pdf", "--yes", **key))
    left = json.loads(output(beside(server, "files", "status", "house", "--json", **key)))
    assert [each["file_name"] for each in left] == ["manual.md"]
    output(beside(server, "files", "delete", "house", "--yes", **key))
    assert ok(org.http.get("/v1/folders/")) == []


def test_what_there_is_not_is_said(server: Server, tmp_path: Path) -> None:
    key = {"HOLDFAST_API_KEY": new_org(server).key}
    there = tmp_path / "a.txt"
    there.write_text("a")
    output(beside(server, "files", "create", "house", **key))
    for arguments, named in (
        (("status", "barn"), "files folders"),
        (("upload", "barn", str(there)), "'barn'"),
        (("attach", "nobody", "house"), "'nobody'"),
        (("delete", "house", "a.txt", "--yes"), "files status"),
        (("upload", "house", str(there), "--duplicates", "burn"), "duplicate_handling"),
    ):
        done = beside(server, "files", *arguments, **key)
        assert done.returncode == 1, arguments
        assert named in done.stderr
