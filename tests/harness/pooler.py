"""pgbouncer in transaction mode, as hosted PostgreSQL puts it in front of databases."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.harness.postgres import Postgres
from tests.harness.process import Process, plain_environment
from tests.harness.system import program
from tests.harness.waiting import accepts, free_port, until

CONFIG = """\
[databases]
* = host=127.0.0.1 port={postgres_port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 5
max_client_conn = 200
"""


class Pooler:
    """A transaction pooler: a statement may find another session than the statement before it."""

    def __init__(self, postgres: Postgres, config: str = CONFIG, files: Mapping[str, bytes] | None = None) -> None:
        installed = program("pgbouncer")
        self._home = Path(tempfile.mkdtemp(prefix="holdfast-pooler-"))
        self._home.chmod(0o755)
        self._postgres = postgres
        self.port = free_port()
        for name, content in (files or {}).items():
            (self._home / name).write_bytes(content)
        settings = self._home / "pgbouncer.ini"
        settings.write_text(config.format(postgres_port=postgres.port, port=self.port, home=self._home))
        as_user = postgres.system_user if os.geteuid() == 0 else None  # pgbouncer refuses to be root
        self.process = Process(
            [installed, str(settings)], log=self._home / "log", env=plain_environment(), user=as_user
        )

    def start(self) -> "Pooler":
        self.process.start()
        until(self._listens, f"pgbouncer on port {self.port}")
        return self

    def stop(self) -> None:
        self.process.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def uri(self, database: str) -> str:
        return self._postgres.uri(database, self.port)

    def _listens(self) -> bool:
        if not self.process.running:
            raise RuntimeError(f"pgbouncer did not start:\n{self.process.tail()}")
        return accepts(self.port)
