"""Backup and restore: hot, one file, proved, and from either engine to either."""

import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.cli.command import alone, beside, output, run
from tests.harness.fleet import Fleet, FreshServer, engines
from tests.harness.postgres import Postgres
from tests.harness.server import Server

NAME = "Grüße 你好"
STRANGE = 'Grüße, 你好, 🦊 "quotes" \\ and\nlines'
NUMBERS = {"float": 0.1, "whole": 1.0, "large": 1e16, "small": 1e-7, "nested": [{"b": 2, "a": None}], "text": "1.0"}


@pytest.fixture(params=[(a, b) for a in engines() for b in engines()], ids=lambda pair: f"{pair[0]}-to-{pair[1]}")
def pair(request: pytest.FixtureRequest, postgres: Postgres, tmp_path: Path) -> Any:
    """A running server with data, and one on an empty database; every combination of engines."""
    fleet = Fleet(tmp_path, postgres)
    source, target = request.param
    yield fleet.make(source, {}).start(), fleet.make(target, {})
    fleet.stop()


def test_what_was_backed_up_is_there_again(pair: tuple[Server, Server], tmp_path: Path) -> None:
    source, target = pair
    one, two = tmp_path / "one.zip", tmp_path / "two.zip"
    agent = _fill(source)
    said = output(beside(source, "backup", str(one)))
    assert str(source.data / "encryption.key") in said
    assert one.stat().st_mode & 0o777 == 0o600

    source.http.post("/v1/agents/", json={"name": "made later"})
    restored = beside(target, "restore", str(one))
    assert "agents  sha256" in output(restored)
    assert "encrypted under another key" in restored.stderr
    output(beside(target, "backup", str(two)))
    assert _hashes(one) == _hashes(two)
    assert _hashes(one)["agents"][0] == 1

    (target.data / "encryption.key").write_text((source.data / "encryption.key").read_text())
    target.start()
    assert [each["name"] for each in target.http.get("/v1/agents/").json()] == [NAME]
    for path in (f"/v1/agents/{agent}", f"/v1/agents/{agent}/messages", "/v1/blocks/"):
        assert target.http.get(path).json() == source.http.get(path).json()
    assert _fill(target) != agent


def test_a_backup_under_load_sees_one_moment(fresh_server: FreshServer, tmp_path: Path) -> None:
    server = fresh_server()
    begun, stop = Event(), Event()

    def create() -> None:
        with server.http_as(None) as http:
            while not stop.is_set():
                assert http.post("/v1/agents/", json={"name": "busy"}).status_code == 200
                begun.set()

    with ThreadPoolExecutor(2) as pool:
        busy = [pool.submit(create) for _ in range(2)]
        assert begun.wait(30)
        output(beside(server, "backup", str(tmp_path / "b.zip")))
        stop.set()
        for each in busy:
            each.result()
    rows = {name: rows for name, (rows, _) in _hashes(tmp_path / "b.zip").items()}
    assert rows["agents"] == rows["threads"] > 0


def test_a_database_in_use_is_only_replaced_when_told(fresh_server: FreshServer, tmp_path: Path) -> None:
    server = fresh_server()
    file = tmp_path / "backup.zip"
    agent = _fill(server)
    output(beside(server, "backup", str(file)))
    server.http.delete(f"/v1/agents/{agent}")
    later = server.http.post("/v1/agents/", json={"name": "later"}).json()["id"]
    server.stop()

    refused = beside(server, "restore", str(file))
    assert refused.returncode == 1
    assert "not empty" in refused.stderr
    assert "--replace" in refused.stderr
    output(beside(server, "restore", str(file), "--replace"))
    server.start()
    assert server.http.get(f"/v1/agents/{agent}").status_code == 200
    assert server.http.get(f"/v1/agents/{later}").status_code == 404


def test_a_running_sqlite_server_is_not_pulled_from_under(fresh_server: FreshServer, tmp_path: Path) -> None:
    if fresh_server.engine != "sqlite":
        pytest.skip("PostgreSQL keeps the two apart by itself")
    server = fresh_server()
    output(beside(server, "backup", str(tmp_path / "b.zip")))
    done = beside(server, "restore", str(tmp_path / "b.zip"), "--replace")
    assert done.returncode == 1
    assert f"in use by process {server.pid}" in done.stderr


def test_a_damaged_backup_changes_nothing(fresh_server: FreshServer, tmp_path: Path) -> None:
    server = fresh_server()
    agent = _fill(server)
    output(beside(server, "backup", str(tmp_path / "whole.zip")))
    server.stop()
    for damage in ("hash", "row", "missing", "cut"):
        broken = _broken(tmp_path / "whole.zip", tmp_path / f"{damage}.zip", damage)
        done = beside(server, "restore", str(broken), "--replace")
        assert done.returncode == 1, damage
        assert "damaged" in done.stderr
        assert "Traceback" not in done.stderr
    server.start()
    assert server.http.get(f"/v1/agents/{agent}").status_code == 200


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    env = alone(tmp_path)
    text = tmp_path / "text.zip"
    text.write_text("no zip")
    for arguments, expected in [
        (("backup", str(tmp_path / "b.zip")), "nothing to back up"),
        (("restore", str(tmp_path / "nothing.zip")), "There is no file"),
        (("restore", str(text)), "is not a backup"),
    ]:
        done = run(*arguments, env=env)
        assert (done.returncode, expected in done.stderr) == (1, True), done.stderr
    output(run("migrate", env=env))
    output(run("backup", str(tmp_path / "b.zip"), env=env))
    done = run("backup", str(tmp_path / "b.zip"), env=env)
    assert (done.returncode, "exists already" in done.stderr) == (1, True)
    done = run("backup", str(tmp_path / "nowhere" / "b.zip"), env=env)
    assert (done.returncode, "no directory" in done.stderr) == (1, True)


def test_a_backup_of_a_newer_schema_names_the_version_that_wrote_it(tmp_path: Path) -> None:
    env = alone(tmp_path)
    output(run("migrate", env=env))
    output(run("backup", str(tmp_path / "b.zip"), env=env))
    newer = _rewritten(tmp_path / "b.zip", tmp_path / "newer.zip", {"schema": "9999", "holdfast": "9.9"})
    done = run("restore", str(newer), env={"HOME": str(tmp_path / "other")})
    assert done.returncode == 1
    assert "schema 9999" in done.stderr
    assert "Holdfast 9.9" in done.stderr


def _fill(server: Server) -> str:
    """An agent with text, numbers and secrets that a careless copy would change."""
    made = server.http.post(
        "/v1/agents/",
        json={
            "name": NAME,
            "metadata": NUMBERS,
            "memory_blocks": [{"label": "human", "value": STRANGE}, {"label": "persona", "value": ""}],
            "tags": ["a", "b"],
            "secrets": {"TOKEN": "5ecret"},
        },
    )
    assert made.status_code == 200, made.text
    return made.json()["id"]


def _hashes(file: Path) -> dict[str, tuple[int, str]]:
    with zipfile.ZipFile(file) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    sequences = {name: (value, "") for name, value in manifest["sequences"].items()}
    return sequences | {name: (content["rows"], content["digest"]) for name, content in manifest["tables"].items()}


def _rewritten(source: Path, target: Path, changes: dict[str, Any]) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, json.dumps(json.loads(content) | changes) if name == "manifest.json" else content)
    return target


def _broken(source: Path, target: Path, damage: str) -> Path:
    if damage == "cut":
        target.write_bytes(source.read_bytes()[:-100])
        return target
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "tables/blocks.jsonl":
                match damage:
                    case "missing":
                        continue
                    case "row":
                        content = b"".join(content.splitlines(keepends=True)[:-1])
                    case _:
                        content = content.replace("你好".encode(), "你坏".encode())
            new.writestr(name, content)
    return target
