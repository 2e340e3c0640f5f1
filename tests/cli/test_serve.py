"""Starting and stopping: the banner, the port, the lock, and who is let in."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.command import beside, output, run
from tests.harness.fleet import Fleet, FreshServer
from tests.harness.postgres import Postgres
from tests.harness.process import Process
from tests.harness.server import Server
from tests.harness.waiting import accepts, until

MOST_IDLE_MB = 130
"""What a server may take that has nothing to do, on machines that have little."""


@pytest.fixture
def fleet(postgres: Postgres, tmp_path: Path) -> Iterator[Fleet]:
    """Servers that are started as a user starts them."""
    fleet = Fleet(tmp_path / "servers", postgres, Process)
    yield fleet
    fleet.stop()


def test_the_banner_says_what_runs_here(fresh_server: FreshServer) -> None:
    server = fresh_server({"LETTA_SERVR_PORT": "1"})
    assert f"listens on http://127.0.0.1:{server.port}" in server.log
    assert str(server.data) in server.log
    assert "open to this machine only" in server.log
    assert "did you mean LETTA_SERVER_PORT?" in server.log


def test_the_log_is_written_to_a_file_as_well(fleet: Fleet, tmp_path: Path) -> None:
    server = fleet.make("sqlite", {"HOLDFAST_LOG_FILE": "~/.letta/logs/server.log"}).start()
    written = (server.home / ".letta/logs/server.log").read_text()
    assert f"listens on port {server.port}" in written
    server.stop()
    done = run("serve", env={"HOME": str(tmp_path), "HOLDFAST_LOG_FILE": "/dev/null/server.log"})
    assert done.returncode == 1 and "/dev/null/server.log" in done.stderr and "HOLDFAST_LOG_FILE" in done.stderr


def test_a_server_with_nothing_to_do_takes_little_memory(fresh_server: FreshServer) -> None:
    server = psutil.Process(fresh_server().pid)
    taken = sum(each.memory_info().rss for each in (server, *server.children(recursive=True))) / 2**20
    assert taken < MOST_IDLE_MB, f"{taken:.0f} MB"


def test_sigterm_ends_the_server_in_peace(fresh_server: FreshServer) -> None:
    server = fresh_server()
    assert server.stop() == 0
    assert "Traceback" not in server.log


def test_a_busy_port_is_explained(fresh_server: FreshServer, tmp_path: Path) -> None:
    server = fresh_server()
    done = run("serve", "--port", str(server.port), env={"HOME": str(tmp_path)})
    assert done.returncode == 1
    assert f"Port {server.port} on 127.0.0.1 is in use by process {server.pid} " in done.stderr
    assert f"--port {server.port + 1}" in done.stderr


def test_one_process_owns_an_sqlite_directory(fresh_server: FreshServer) -> None:
    if fresh_server.engine != "sqlite":
        pytest.skip("any number of servers share one PostgreSQL")
    server = fresh_server()
    done = beside(server, "serve", "--port", str(server.port + 1))
    assert done.returncode == 1
    assert f"is in use by process {server.pid}" in done.stderr
    server.kill9()
    server.start()


def test_an_open_bind_is_refused_with_the_lines_to_add(fresh_server: FreshServer) -> None:
    server = fresh_server(options=["--host", "0.0.0.0"], start=False)
    code, log = server.run_to_exit()
    assert code == 1
    assert "LETTA_SERVER_PASSWORD=" in log
    assert "LETTA_SERVER_SECURE=false" in log


def test_an_api_key_is_credential_enough(fresh_server: FreshServer) -> None:
    server = fresh_server(options=["--host", "0.0.0.0"], start=False)
    key = output(beside(server, "keys", "create", "first")).strip()
    server.start()
    assert _agents(server) == 401
    assert _agents(server, key) == 200


@pytest.mark.parametrize(
    ("env", "options", "without", "with_password"),
    [
        ({"LETTA_SERVER_PASSWORD": "sesame"}, ["--host", "0.0.0.0"], 401, 200),
        ({"LETTA_SERVER_PASSWORD": "sesame", "LETTA_SERVER_SECURE": "false"}, ["--host", "0.0.0.0"], 200, 200),
        ({"LETTA_SERVER_PASSWORD": "sesame # change me"}, ["--ade", "--debug"], 401, 200),
    ],
)
def test_who_is_let_in(
    fresh_server: FreshServer, env: dict[str, str], options: list[str], without: int, with_password: int
) -> None:
    server = fresh_server(env, options=options)
    assert _agents(server) == without
    assert _agents(server, "sesame") == with_password
    assert server.http.get("/v1/health/").status_code == 200
    assert "sesame" not in server.log


def test_secure_without_a_password_makes_one(fresh_server: FreshServer) -> None:
    server = fresh_server(options=["--secure"])
    path = server.data / "password"
    password = path.read_text().strip()
    assert str(path) in server.log
    assert password not in server.log
    assert path.stat().st_mode & 0o777 == 0o600
    assert _agents(server) == 401
    assert _agents(server, password) == 200
    assert _agents(server.restart(), password) == 200


def test_a_request_at_work_ends_before_the_server_does(fresh_server: FreshServer) -> None:
    server = fresh_server()
    body = b'{"name": "half sent"}'
    head = f"POST /v1/agents/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(head.encode() + b"Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        os.kill(server.pid, signal.SIGTERM)
        until(lambda: not accepts(server.port), "a server that takes no more connections")
        client.sendall(body)
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert server.process.wait() == 0


def _agents(server: Server, key: str | None = None) -> int:
    with server.http_as(key) as http:
        return http.get("/v1/agents/").status_code
