"""The database of the stack by PostgreSQL's own programs: the documented queries, a dump and its restore."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.cli import command
from tests.harness.fleet import Fleet, engines
from tests.harness.postgres import Postgres
from tests.harness.server import Server

SECONDS = 120
PUBLIC = {"HOLDFAST_PG_SCHEMA": "public"}

pytestmark = pytest.mark.skipif("postgres" not in engines(), reason="HOLDFAST_TEST_ENGINES leaves PostgreSQL out")


def run(postgres: Postgres, program: str, *arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        [str(postgres.programs / program), *arguments],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def query(postgres: Postgres, database: str, sql: str) -> list[list[str]]:
    rows = run(postgres, "psql", database, "--tuples-only", "--no-align", "--command", sql).splitlines()
    return [row.split("|") for row in rows]


def with_agents(server: Server) -> list[str]:
    """The ids of two agents, the newer one last, and a secret that is encrypted."""
    made = [
        server.http.post("/v1/agents/", json={"name": f"agent {n}", "secrets": {"KEY": f"value {n}"}}) for n in (1, 2)
    ]
    assert [each.status_code for each in made] == [200, 200]
    return [each.json()["id"] for each in made]


def test_the_documented_queries_answer(postgres: Postgres, fleet: Fleet) -> None:
    database = fleet.new_database()
    server = fleet.make("postgres", PUBLIC, database=database).start()
    first, second = with_agents(server)
    rows = query(postgres, database, "SELECT id, name, created_at FROM agents ORDER BY created_at DESC;")
    assert [row[:2] for row in rows] == [[second, "agent 2"], [first, "agent 1"]]
    assert query(postgres, database, "SELECT COUNT(*) as total_agents FROM agents;") == [["2"]]
    assert [row[0] for row in query(postgres, database, "SELECT id FROM organizations")] == [
        "org-00000000-0000-4000-8000-000000000000"
    ]
    assert query(postgres, database, "SELECT id, last_synced FROM providers") == []
    assert len(query(postgres, database, "SELECT version FROM holdfast_version")) == 1


def test_a_dump_is_restored_by_psql_and_the_server_starts_on_it(
    postgres: Postgres, fleet: Fleet, tmp_path: Path
) -> None:
    database, other = fleet.new_database(), fleet.new_database()
    server = fleet.make("postgres", PUBLIC, database=database).start()
    ids = with_agents(server)
    dump = tmp_path / "letta.sql"
    run(postgres, "pg_dump", database, "--no-owner", "--file", str(dump))  # while the server works
    server.stop()

    run(postgres, "psql", other, "--quiet", "--set", "ON_ERROR_STOP=1", "--file", str(dump))
    key = (server.data / "encryption.key").read_text()
    restored = fleet.make("postgres", {**PUBLIC, "LETTA_ENCRYPTION_KEY": key}, database=other).start()
    assert sorted(agent["id"] for agent in restored.http.get("/v1/agents/").json()) == sorted(ids)
    secrets = restored.http.get(f"/v1/agents/{ids[0]}").json()["secrets"]
    assert [(secret["key"], secret["value"]) for secret in secrets] == [("KEY", "value 1")]
    again = restored.restart()
    assert again.http.post(f"/v1/agents/{ids[0]}/messages", json={"input": "Hello"}).status_code == 200


def test_a_dump_without_its_key_is_refused_with_the_way_out(postgres: Postgres, fleet: Fleet, tmp_path: Path) -> None:
    database = fleet.new_database()
    server = fleet.make("postgres", PUBLIC, database=database).start()
    with_agents(server)
    server.stop()
    code, said = fleet.make("postgres", PUBLIC, database=database).run_to_exit()
    assert code == 1
    assert "HOLDFAST_ENCRYPTION_KEY" in said


def test_a_backup_of_sqlite_moves_into_the_stack(fleet: Fleet, tmp_path: Path) -> None:
    server = fleet.make("sqlite", {}).start()
    ids = with_agents(server)
    file = str(tmp_path / "move.zip")
    assert command.run("backup", file, env=server.env).returncode == 0
    stack = fleet.make("postgres", {**PUBLIC, "LETTA_ENCRYPTION_KEY": (server.data / "encryption.key").read_text()})
    restored = command.run("restore", file, env=stack.env)
    assert restored.returncode == 0, restored.stderr
    assert sorted(agent["id"] for agent in stack.start().http.get("/v1/agents/").json()) == sorted(ids)
