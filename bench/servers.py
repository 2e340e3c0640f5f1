"""What every measurement runs on: an engine at a time, with servers of its own, in folders that go at its end."""

import tempfile
from collections.abc import Generator
from pathlib import Path

from bench.measure import Meter
from tests.harness.fleet import Engine, Fleet, engines
from tests.harness.postgres import Postgres
from tests.harness.process import Process
from tests.harness.server import Server


def each_engine() -> Generator[tuple[Engine, Postgres, Fleet]]:
    postgres = Postgres()
    try:
        with tempfile.TemporaryDirectory() as home:
            for engine in engines():
                fleet = Fleet(Path(home) / engine, postgres, Process)
                try:
                    yield engine, postgres, fleet
                finally:
                    fleet.stop()
    finally:
        postgres.stop()


def meter_of(engine: Engine, server: Server, postgres: Postgres) -> Meter:
    """Of the server and, where there is one, its database."""
    return Meter(server.pid, *([postgres.process.pid] if engine == "postgres" else []))
