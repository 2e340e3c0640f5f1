"""A full disk: every answer names it, nothing that was acknowledged is lost, and room is all it takes to go on."""

import os
import shutil
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import Fleet
from tests.harness.models import MODEL, environment
from tests.harness.server import Server
from tests.harness.system import program

DISK = "16m"
MOUNTED = f'mount -t tmpfs -o size={DISK} none "$0" && exec "$@"'


class SmallDisk:
    """A server whose data directory is a small disk of its own, which only it and its parents see."""

    def __init__(self, server: Server) -> None:
        self.server = server
        server.data.mkdir(parents=True)
        server.process.command = [*alone(), "sh", "-c", MOUNTED, str(server.data), *server.process.command]

    @property
    def data(self) -> Path:
        return Path(f"/proc/{self.server.pid}/root{self.server.data}")

    def fill(self) -> None:
        """Not a byte is left."""
        with (self.data / "filler").open("ab") as filler, pytest.raises(OSError, match="No space left"):
            while True:
                os.write(filler.fileno(), b"x" * 4096)

    def make_room(self) -> None:
        (self.data / "filler").unlink()


def alone() -> list[str]:
    return [program("unshare"), "--user", "--map-root-user", "--mount"]


@pytest.fixture
def disk(fleet: Fleet, model_server: OpenAIServer) -> SmallDisk:
    probe = subprocess.run([*alone(), "sh", "-c", MOUNTED, "/mnt", "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip(f"no user namespaces here: {probe.stderr.decode().strip()}")
    model_server.reset()
    return SmallDisk(fleet.make("sqlite", environment(model_server)))


def test_writes_on_a_full_disk(disk: SmallDisk) -> None:
    server = disk.server.start()
    kept = [server.http.post("/v1/blocks/", json=_block(n)).raise_for_status().json()["id"] for n in range(20)]
    disk.fill()
    refused = [server.http.post("/v1/blocks/", json=_block(n)) for n in range(20, 400)]
    made = [answer.json()["id"] for answer in refused if answer.status_code == 200]
    failed = [answer for answer in refused if answer.status_code != 200]
    assert failed
    for answer in failed:
        assert answer.status_code == 503
        assert "disk" in answer.json()["detail"]
        assert "full" in answer.json()["detail"]
    assert server.http.get(f"/v1/blocks/{kept[0]}").status_code == 200

    disk.make_room()
    later = server.http.post("/v1/blocks/", json=_block(999)).raise_for_status().json()["id"]
    there = {block["id"] for block in server.http.get("/v1/blocks/").json()}
    assert there == {*kept, *made, later}
    assert "Traceback" not in server.log
    copy = server.home / "copy"
    shutil.copytree(disk.data, copy)
    with closing(sqlite3.connect(copy / "holdfast.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_turn_on_a_full_disk(disk: SmallDisk) -> None:
    server = disk.server.start()
    agent: str = server.http.post("/v1/agents/", json={"model": MODEL}).raise_for_status().json()["id"]
    disk.fill()
    answer = _say(server, agent, "x" * 50_000)
    assert answer.status_code == 503
    assert "full" in answer.json()["detail"]

    disk.make_room()
    again = _say(server, agent, "REPLY still here")
    assert again.status_code == 200, again.text
    assert "still here" in again.text
    assert not server.http.get("/v1/runs/", params={"active": True}).json()


def test_the_disk_fills_up_while_the_model_thinks(disk: SmallDisk, model_server: OpenAIServer) -> None:
    """The answer cannot be kept, and that is what the client is told."""
    server = disk.server.start()
    agent: str = server.http.post("/v1/agents/", json={"model": MODEL}).raise_for_status().json()["id"]
    model_server.queue(Reply("word " * 20_000, delay=1.0))
    model_server.asked.clear()
    with ThreadPoolExecutor(1) as background:
        turn = background.submit(_say, server, agent, "think")
        assert model_server.asked.wait(10)
        disk.fill()
        while server.http.post("/v1/blocks/", json=_block(1)).status_code == 200:
            pass
        answer = turn.result(20)
    assert answer.status_code == 503
    assert "full" in answer.json()["detail"]

    disk.make_room()
    assert "still here" in _say(server, agent, "REPLY still here").text
    assert not server.http.get("/v1/runs/", params={"active": True}).json()


def test_a_start_on_a_full_disk(disk: SmallDisk) -> None:
    full = MOUNTED.replace("exec", 'head -c 20000000 /dev/zero >"$0/filler"; exec').replace("&& head", "; head")
    disk.server.process.command = [full if word == MOUNTED else word for word in disk.server.process.command]
    code, said = disk.server.run_to_exit()
    assert code not in (0, None)
    assert "No space left on device" in said.partition("error: ")[2]
    assert "Traceback" not in said


def _block(number: int) -> dict[str, str]:
    return {"label": f"block-{number}", "value": "x" * 40_000}


def _say(server: Server, agent: str, text: str) -> httpx.Response:
    body = {"messages": [{"role": "user", "content": text}]}
    return server.http.post(f"/v1/agents/{agent}/messages", json=body, timeout=20)
