"""The schema of a database: made, brought up to date, or refused with a sentence and left alone."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

import holdfast.app  # noqa: F401 # pyright: ignore[reportUnusedImport] -- it imports every table
from holdfast.kit.entity import Unstored
from holdfast.store import postgres, schema, sqlite
from holdfast.store.table import Rows
from tests.cli.command import beside, output
from tests.harness.fleet import Engine, Fleet, FreshServer
from tests.harness.releases import NEXT, downgrade, next_version, upgrade
from tests.harness.server import Server
from tests.harness.waiting import until
from tests.store.looking import columns, connect, rows, schema_of, shape

ADDITIVE = """
import sqlalchemy as sa
from alembic import op

def upgrade():
    with op.batch_alter_table("agents") as agents:
        agents.add_column(sa.Column("mood", sa.Text(), nullable=True))
    op.execute("UPDATE agents SET mood = 'calm'")
"""

SLOW = """
import pathlib, time
import sqlalchemy as sa
from alembic import op

def upgrade():
    with op.batch_alter_table("agents") as agents:
        agents.add_column(sa.Column("mood", sa.Text(), nullable=True))
    op.execute("UPDATE agents SET mood = 'half way'")
    begun = pathlib.Path({begun!r})
    if not begun.exists():
        begun.touch()
        time.sleep(120)
    with op.batch_alter_table("agents") as agents:
        agents.add_column(sa.Column("weather", sa.Text(), nullable=True))
"""


@pytest.fixture
def places(engine: Engine, fleet: Fleet, tmp_path: Path) -> Iterator[list[sa.Engine]]:
    """Two empty databases of this engine."""
    if engine == "sqlite":
        made = [sqlite.engine(tmp_path / f"{number}.db") for number in range(2)]
    else:
        made = [postgres.engine(fleet.new_database(), "holdfast", 1) for _ in range(2)]
    yield made
    for each in made:
        each.dispose()


def test_migrating_comes_to_the_same_as_making(places: list[sa.Engine], engine: Engine) -> None:
    made, migrated = places
    schema.bring_up_to_date(made, None, destructive_ok=False)
    with migrated.begin() as tx:
        schema.replay(tx)
    place = "holdfast" if engine == "postgres" else None
    expected, found = shape(made, place), shape(migrated, place)
    del expected["tables"][schema.VERSION_TABLE]
    expected["indexes"] = {name: text for name, text in expected["indexes"].items() if schema.VERSION_TABLE not in name}
    hint = "make the next migration with `python scripts/migration.py`"
    assert found["tables"] == expected["tables"], hint
    assert found["indexes"] == expected["indexes"], hint
    assert found["sequences"] == expected["sequences"], hint


def test_the_migrations_are_one_line_that_ends_in_head() -> None:
    scripts = ScriptDirectory(str(schema.MIGRATIONS))
    assert scripts.get_heads() == [schema.HEAD]
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == schema.REVISIONS
    assert all(not script.is_merge_point for script in scripts.walk_revisions())


def test_every_field_of_an_entity_has_its_column(places: list[sa.Engine], engine: Engine) -> None:
    schema.bring_up_to_date(places[0], None, destructive_ok=False)
    place = "holdfast" if engine == "postgres" else None
    inspector = sa.inspect(places[0])
    found = _all_rows()
    assert len(found) > 10
    for each in found:
        there = {column["name"] for column in inspector.get_columns(each.table.name, schema=place)}
        assert there == set(_stored_fields(each)), each.table.name


def _all_rows() -> list[Rows[Any]]:
    modules = [module for name, module in sys.modules.items() if name.startswith("holdfast.")]
    found: list[Rows[Any]] = [thing for module in modules for thing in vars(module).values() if isinstance(thing, Rows)]
    return list({each.table.name: each for each in found}.values())


def _stored_fields(each: Rows[Any]) -> Iterator[str]:
    for name, field in each.entity.model_fields.items():
        if not any(mark is Unstored or isinstance(mark, Unstored) for mark in field.metadata):
            yield name


def test_a_second_start_does_nothing(fresh_server: FreshServer) -> None:
    server = fresh_server()
    _agent(server)
    server.stop()
    before = shape(connect(server), schema_of(server))
    assert f"up to date ({schema.HEAD})" in output(beside(server, "migrate"))
    server.start()
    assert shape(connect(server), schema_of(server)) == before
    assert not _snapshots(server)


def test_an_upgrade_keeps_what_was_there(fresh_server: FreshServer, tmp_path: Path) -> None:
    server = fresh_server()
    agent = _agent(server)
    server.stop()
    before = rows(server, schema_of(server))
    upgrade(server, next_version(tmp_path / "next", ADDITIVE))
    assert f"{NEXT}" in output(beside(server, "migrate", "--dry-run"))
    server.start()
    assert server.client.agents.retrieve(agent).name == "kept"
    assert "mood" in columns(server, "agents")
    if fresh_server.engine == "sqlite":
        _check_the_snapshot(fresh_server, server, before)
    else:
        assert not _snapshots(server)


def _check_the_snapshot(fresh_server: FreshServer, server: Server, before: dict[str, list[Any]]) -> None:
    """It is the database from before, and the way back to the old version."""
    (snapshot,) = _snapshots(server)
    assert snapshot.name.startswith(f"before-{NEXT}-from-{schema.HEAD}-")
    assert snapshot.stat().st_mode & 0o777 == 0o600
    old = fresh_server(start=False)
    old.data.mkdir()
    snapshot.rename(old.data / "holdfast.db")
    assert rows(old, None) == before
    (server.data / "encryption.key").rename(old.data / "encryption.key")
    assert [agent.name for agent in old.start().client.agents.list()] == ["kept"]


def test_a_kill_in_the_middle_of_a_migration(fresh_server: FreshServer, tmp_path: Path) -> None:
    server = fresh_server()
    agent = _agent(server)
    server.stop()
    before = shape(connect(server), schema_of(server))
    begun = tmp_path / "begun"
    code = next_version(tmp_path / "next", SLOW.format(begun=str(begun)))
    upgrade(server, code).process.start()
    until(begun.exists, "the middle of the migration", seconds=20)
    server.kill9()

    assert shape(connect(server), schema_of(server)) == before
    downgrade(server).start()
    assert server.client.agents.retrieve(agent).name == "kept"
    server.stop()

    upgrade(server, code).start()
    assert {"mood", "weather"} <= columns(server, "agents")
    assert server.client.agents.retrieve(agent).name == "kept"


def test_a_newer_schema_is_refused(fresh_server: FreshServer, tmp_path: Path) -> None:
    server = fresh_server()
    agent = _agent(server)
    server.stop()
    code = next_version(tmp_path / "next", ADDITIVE)
    upgrade(server, code).start().stop()
    before = rows(server, schema_of(server))

    code_of_exit, said = downgrade(server).run_to_exit()
    assert code_of_exit not in (0, None)
    assert f"schema {NEXT}, which is newer than {schema.HEAD}" in said
    assert "restore the snapshot or backup" in said
    assert "Traceback" not in said
    refused = beside(server, "migrate")
    assert refused.returncode == 1
    assert NEXT in refused.stderr
    assert rows(server, schema_of(server)) == before

    upgrade(server, code).start()
    assert server.client.agents.retrieve(agent).name == "kept"


V1 = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
    "INSERT INTO alembic_version VALUES ('d5103ee17ed5')",
    "CREATE TABLE organizations (id VARCHAR NOT NULL, name VARCHAR NOT NULL, PRIMARY KEY (id))",
    "INSERT INTO organizations VALUES ('org-00000000-0000-4000-8000-000000000000', 'default_org')",
    "CREATE TABLE agents (id VARCHAR NOT NULL, name VARCHAR, PRIMARY KEY (id))",
    "INSERT INTO agents VALUES ('agent-1', 'precious')",
)
SOMEBODYS = ("CREATE TABLE blocks (height INTEGER)", "INSERT INTO blocks VALUES (7)")


OTHERS = [(V1, "Letta V1 database"), (SOMEBODYS, "under the same names: blocks")]


@pytest.mark.parametrize(("statements", "named"), OTHERS, ids=["v1", "other"])
def test_tables_of_others_are_not_touched(fresh_server: FreshServer, statements: tuple[str, ...], named: str) -> None:
    server = fresh_server({"HOLDFAST_PG_SCHEMA": "public"}, start=False)
    _fill(server, statements)
    before, file = rows(server, _public(server)), _bytes(server)
    code, said = server.run_to_exit()
    assert code not in (0, None)
    assert named in said
    assert ("HOLDFAST_PG_SCHEMA" if fresh_server.engine == "postgres" else "HOLDFAST_DATA") in said
    assert "Traceback" not in said
    assert rows(server, _public(server)) == before
    assert _bytes(server) == file


def test_a_v1_database_beside_ours_is_left_alone(fleet: Fleet) -> None:
    server = fleet.make("postgres", {})
    _fill(server, V1)
    before = rows(server, "public")
    server.start()
    _agent(server)
    assert rows(server, "public") == before
    assert "agents" in rows(server, "holdfast")


def test_a_destructive_migration_waits_for_a_yes(fresh_server: FreshServer, tmp_path: Path) -> None:
    server = fresh_server()
    agent = _agent(server)
    server.stop()
    upgrade(server, next_version(tmp_path / "next", f"destructive = True\n{ADDITIVE}"))
    if fresh_server.engine == "sqlite":
        server.start()  # the snapshot is the way back
        assert len(_snapshots(server)) == 1
        return
    before = rows(server, "holdfast")
    code, said = server.run_to_exit()
    assert code not in (0, None)
    assert "holdfast migrate --yes" in said
    assert "holdfast backup FILE" in said
    assert "Traceback" not in said
    assert rows(server, "holdfast") == before
    assert f"to {NEXT}" in output(beside(server, "migrate", "--yes"))
    server.start()
    assert server.client.agents.retrieve(agent).name == "kept"


def test_a_destructive_migration_runs_after_a_backup(fleet: Fleet, tmp_path: Path) -> None:
    server = fleet.make("postgres", {}).start()
    _agent(server)
    server.stop()
    upgrade(server, next_version(tmp_path / "next", f"destructive = True\n{ADDITIVE}"))
    assert server.run_to_exit()[0] not in (0, None)
    output(beside(server, "backup", str(tmp_path / "backup.zip")))
    server.start()
    assert "mood" in columns(server, "agents")


def test_servers_that_start_at_once_on_an_empty_database(fleet: Fleet) -> None:
    database = fleet.new_database()
    servers = [fleet.make("postgres", {}, database=database) for _ in range(3)]
    _start_at_once(servers)
    agent = _agent(servers[0])
    assert [server.client.agents.retrieve(agent).name for server in servers] == ["kept"] * len(servers)
    assert len(servers[0].http.get("/v1/admin/orgs/").json()) == 1


def test_servers_that_migrate_at_once(fleet: Fleet, tmp_path: Path) -> None:
    first = fleet.make("postgres", {}).start()
    _agent(first)
    first.stop()
    code = next_version(tmp_path / "next", ADDITIVE)
    servers = [fleet.make("postgres", {"PYTHONPATH": str(code)}, database=first.env["LETTA_PG_URI"]) for _ in range(2)]
    _start_at_once(servers)
    for server in servers:
        assert [agent.name for agent in server.client.agents.list()] == ["kept"]


def test_a_snapshot_that_cannot_be_written_stops_the_start(fleet: Fleet, tmp_path: Path) -> None:
    server = fleet.make("sqlite", {}).start()
    _agent(server)
    server.stop()
    before = rows(server, None)
    (server.data / "snapshots").write_text("a file where the directory has to be")
    code, said = upgrade(server, next_version(tmp_path / "next", ADDITIVE)).run_to_exit()
    assert code not in (0, None)
    assert "Nothing was changed" in said
    assert "Traceback" not in said
    assert rows(server, None) == before


def _agent(server: Server) -> str:
    return server.client.agents.create(name="kept").id


def _snapshots(server: Server) -> list[Path]:
    return sorted((server.data / "snapshots").glob("*"))


def _fill(server: Server, statements: tuple[str, ...]) -> None:
    server.data.mkdir(parents=True, exist_ok=True)
    with connect(server).begin() as tx:
        for statement in statements:
            tx.exec_driver_sql(statement)


def _public(server: Server) -> str | None:
    return "public" if "LETTA_PG_URI" in server.env else None


def _bytes(server: Server) -> bytes:
    file = server.data / "holdfast.db"
    return file.read_bytes() if file.exists() else b""


def _start_at_once(servers: list[Server]) -> None:
    with ThreadPoolExecutor(len(servers)) as starters:
        list(starters.map(Server.start, servers))
