"""The servers of one test process: shared ones that live as long as it does, and fresh ones for one test."""

import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from tests.harness.postgres import Postgres
from tests.harness.process import Process
from tests.harness.server import Server
from tests.harness.warm import WarmProcess

Engine = Literal["sqlite", "postgres"]

PATIENCE = {"HOLDFAST_DRAIN_SECONDS": "3"}
"""A test that leaves a stream open must not hold up the end of the run."""


def engines() -> list[Engine]:
    """Both, or those that HOLDFAST_TEST_ENGINES names, separated by commas."""
    wanted = os.environ.get("HOLDFAST_TEST_ENGINES")
    known: tuple[Engine, ...] = get_args(Engine)
    return [engine for engine in known if not wanted or engine in wanted.split(",")]


class Fleet:
    """Makes servers on either engine, each with a directory and a database of its own, and stops them all."""

    def __init__(self, home: Path, postgres: Postgres, process: type[Process] = WarmProcess) -> None:
        self._home = home
        self._process = process
        self._postgres = postgres
        self._numbers = itertools.count(1)
        self._databases: list[str] = []
        self.servers: list[Server] = []

    def make(
        self, engine: Engine, env: Mapping[str, str], options: Sequence[str] = (), database: str | None = None
    ) -> Server:
        """A server that has not been started; `database` is a PostgreSQL URI to use instead of a new database."""
        home = self._home / f"server{next(self._numbers)}"
        home.mkdir(parents=True)
        where = {"LETTA_PG_URI": database or self.new_database()} if engine == "postgres" else {}
        server = Server(home, {**PATIENCE, **where, **env}, options, self._process)
        self.servers.append(server)
        return server

    def new_database(self) -> str:
        """The URI of a new, empty PostgreSQL database."""
        self._databases.append(self._postgres.create())
        return self._postgres.uri(self._databases[-1])

    def stop(self) -> None:
        for server in self.servers:
            if server.process.running:
                server.stop()
        for name in self._databases:
            self._postgres.drop(name)


class FreshServer:
    """`fresh_server(…)`: start a server for one test. Engine and defaults are the test's."""

    def __init__(self, fleet: Fleet, engine: Engine, env: Mapping[str, str]) -> None:
        self.fleet = fleet
        self.engine: Engine = engine
        self._env = env

    def __call__(
        self,
        env: Mapping[str, str] | None = None,
        *,
        options: Sequence[str] = (),
        database: str | None = None,
        start: bool = True,
    ) -> Server:
        """`env` is added to the defaults; `start=False` for one that is to be prepared, or must refuse to start."""
        server = self.fleet.make(self.engine, {**self._env, **(env or {})}, options, database)
        return server.start() if start else server
