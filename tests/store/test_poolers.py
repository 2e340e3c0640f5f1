"""What a transaction pooler must not break: writers at once, migrations, backups. And PostgreSQL without pgvector."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from holdfast.store.postgres import PREPARED_AFTER
from holdfast.store.postgres import engine as engine_of
from tests.cli.command import beside, output
from tests.harness.fleet import Fleet
from tests.harness.models import MODEL
from tests.harness.pooler import Pooler
from tests.harness.postgres import Postgres
from tests.harness.releases import next_version, upgrade
from tests.harness.server import Server
from tests.store import storm as storms
from tests.store.looking import columns, connect
from tests.store.test_schema import ADDITIVE


@pytest.fixture
def pooled(fleet: Fleet, postgres: Postgres, pooler: Pooler, model_env: Mapping[str, str]) -> Server:
    """A server whose every transaction may find another session."""
    return fleet.make("postgres", model_env, database=pooler.uri(postgres.create())).start()


def test_many_writers_through_a_pooler(pooled: Server) -> None:
    storm = storms.begin(pooled, 10)
    storms.rage(storm, 2)
    assert not storm.faults, storm.faults[:10]
    storms.check(storm)
    assert "Traceback" not in pooled.log


def test_a_migration_and_a_backup_through_a_pooler(pooled: Server, tmp_path: Path) -> None:
    agent = pooled.http.post("/v1/agents/", json={"name": "kept", "model": MODEL}).raise_for_status().json()["id"]
    assert "rows of" in output(beside(pooled, "backup", str(tmp_path / "one.zip")))
    pooled.stop()
    upgrade(pooled, next_version(tmp_path / "next", ADDITIVE)).start()
    assert "mood" in columns(pooled, "agents")
    assert pooled.http.get(f"/v1/agents/{agent}").raise_for_status().json()["name"] == "kept"
    with connect(pooled).connect() as tx:
        paths = {tx.execute(sa.text("SHOW search_path")).scalar_one() for _ in range(10)}
    assert not any("holdfast" in path for path in paths), "the migration left its search path in a pooled session"


def test_plans_are_kept_where_the_next_statement_finds_them(postgres: Postgres, pooler: Pooler) -> None:
    database = postgres.create()
    thresholds: list[int | None] = []
    for uri in (postgres.uri(database), pooler.uri(database)):
        engine = engine_of(uri, "holdfast", 1)
        with engine.connect() as tx:
            raw: Any = tx.connection.dbapi_connection
            thresholds.append(raw.prepare_threshold)
        engine.dispose()
    assert thresholds == [PREPARED_AFTER, None]


@pytest.mark.parametrize("extension", [None, "public", "extensions"])
def test_with_and_without_pgvector(fleet: Fleet, model_env: Mapping[str, str], extension: str | None) -> None:
    """Hosts that have it often keep it in a schema of its own."""
    server = fleet.make("postgres", model_env)
    if extension is not None:
        with connect(server).begin() as tx:
            tx.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {extension}")
            tx.exec_driver_sql(f"CREATE EXTENSION vector SCHEMA {extension}")
    server.start()
    storm = storms.begin(server, 2)
    storms.rage(storm, 0.5)
    assert not storm.faults, storm.faults[:10]
    storms.check(storm)
    with connect(server).connect() as tx:
        found = tx.execute(sa.text("SELECT count(*) FROM pg_extension WHERE extname = 'vector'")).scalar_one()
    assert found == (extension is not None)
    assert "Traceback" not in server.log
