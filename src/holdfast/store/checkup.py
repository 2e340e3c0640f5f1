"""What `holdfast doctor` asks of a database: facts, without changing anything in it."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from holdfast.errors import AppError
from holdfast.store import schema


@dataclass(frozen=True, slots=True)
class Facts:
    """The state of a database."""

    engine: str
    revision: str | None
    pending: list[str]
    writable: bool
    vector: str | None = None
    """The version of pgvector, `available` when it only needs CREATE EXTENSION, None without it or on SQLite."""

    @property
    def is_old(self) -> bool:
        return self.engine.startswith("PostgreSQL") and int(self.engine.split()[1].split(".")[0]) < OLDEST


OLDEST = 14
"""The oldest PostgreSQL that is supported."""


def look(engine: sa.Engine) -> Facts:
    """The facts; raises `AppError` when the database does not answer or must not be used."""
    try:
        pending = schema.pending(engine)
        with engine.connect() as tx:
            if engine.dialect.name == "sqlite":
                return Facts(
                    f"SQLite {_scalar(tx, 'SELECT sqlite_version()')}", schema.revision(tx), pending, _writable(tx)
                )
            return Facts(
                f"PostgreSQL {_scalar(tx, 'SHOW server_version')}",
                schema.revision(tx),
                pending,
                _scalar(tx, _PG_WRITABLE) is True,
                _vector(tx),
            )
    except DBAPIError as failed:
        raise AppError(f"it does not answer: {str(failed.orig).strip()}") from failed


_PG_WRITABLE = (
    "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' "
    "AND has_database_privilege(current_database(), 'CONNECT')"
)


def _scalar(tx: sa.Connection, statement: str) -> object:
    return tx.exec_driver_sql(statement).scalar()


def _writable(tx: sa.Connection) -> bool:
    """Can the file's write lock be taken? A server that is writing at this moment gives it back at once."""
    try:
        tx.exec_driver_sql("BEGIN IMMEDIATE")
        tx.exec_driver_sql("ROLLBACK")
    except DBAPIError:
        return False
    return True


def _vector(tx: sa.Connection) -> str | None:
    installed = _scalar(tx, "SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    available = _scalar(tx, "SELECT 1 FROM pg_available_extensions WHERE name = 'vector'")
    return str(installed) if installed else "available" if available else None
