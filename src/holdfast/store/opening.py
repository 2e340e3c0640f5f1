"""Opening the installation's database: the right engine, its schema up to date, its cipher in place."""

import os
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc

from holdfast.config import Settings
from holdfast.errors import AppError
from holdfast.kit.clock import now
from holdfast.store import postgres, schema, sqlite
from holdfast.store.cipher import MARK, Cipher, EncryptedText
from holdfast.store.database import Database
from holdfast.store.table import metadata

ATTEMPTS_KEPT = 3
"""How many copies of a database are kept that were made before the same migration, begun again and again."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A database that is ready, and what had to be done for it."""

    db: Database
    report: schema.Report


def engine_of(settings: Settings) -> sa.Engine:
    """The engine that the settings name; nothing is created in it yet."""
    if settings.pg_uri:
        return postgres.engine(settings.pg_uri, settings.pg_schema, max(1, settings.pg_pool_size // 2))
    return sqlite.engine(settings.sqlite_path)


def open_database(settings: Settings, *, destructive_ok: bool = False) -> Opened:
    """The database with its schema brought up to date; raises `SchemaRefused` when it must not be touched."""
    engine = engine_of(settings)
    try:
        report = schema.bring_up_to_date(engine, _snapshot(settings), destructive_ok=destructive_ok)
    except exc.DBAPIError as failed:
        raise AppError(f"The database cannot be opened: {str(failed.orig).strip()}") from failed
    sealed = _sealed(engine)
    cipher = Cipher(_encryption_key(settings, engine, sealed))
    if sealed is not None:
        cipher.open(sealed)  # with another key every agent that has secrets would be an error: better not to start
    if not settings.pg_uri:
        return Opened(Database(engine, cipher), report)
    half = max(1, settings.pg_pool_size // 2)
    reading = postgres.engine(settings.pg_uri, settings.pg_schema, half, only_reads=True)
    return Opened(Database(engine, cipher, reading=reading, threads=half), report)


def _snapshot(settings: Settings) -> Callable[[str], Path] | None:
    """Before SQLite is migrated its file is copied; PostgreSQL has `holdfast backup`."""
    if settings.pg_uri:
        return None

    def copy(before: str) -> Path:
        folder = settings.data / "snapshots"
        step = f"before-{schema.HEAD}-from-{before}"
        target = folder / f"{step}-{now():%Y%m%dT%H%M%S%f}.db"
        partial = target.with_suffix(".partial")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for interrupted in folder.glob("*.partial"):
                interrupted.unlink()
            with closing(sqlite3.connect(settings.sqlite_path)) as source, closing(_private(partial)) as copied:
                source.backup(copied)
            partial.rename(target)
        except (OSError, sqlite3.Error) as failed:
            raise AppError(
                f"The database needs to be brought up to date, and the copy that is made before cannot be written to "
                f"{target}: {failed}. Nothing was changed. Make room there and start again."
            ) from failed
        for older in sorted(folder.glob(f"{step}-*.db"))[:-ATTEMPTS_KEPT]:
            older.unlink()
        return target

    return copy


def _private(path: Path) -> sqlite3.Connection:
    """A new file for a copy of everything: only its owner may read it."""
    path.touch(0o600)
    return sqlite3.connect(path)


def _encryption_key(settings: Settings, engine: sa.Engine, sealed: str | None) -> str:
    """The given key, or one that is generated once and kept, readable by the owner only."""
    if settings.encryption_key:
        return settings.encryption_key
    path = settings.data / "encryption.key"
    if path.exists():
        return path.read_text().strip()
    if sealed is not None:
        where = "PostgreSQL" if engine.dialect.name == "postgresql" else "database"
        raise AppError(
            f"This {where} holds encrypted secrets, and there is no key to open them. Set HOLDFAST_ENCRYPTION_KEY to "
            f"the key under which they were written, or bring back {path}."
        )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = secrets.token_urlsafe(32)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key)
    return key


def _sealed(engine: sa.Engine) -> str | None:
    """Any one of the encrypted values that are stored."""
    columns = [c for table in metadata.sorted_tables for c in table.c if isinstance(c.type, EncryptedText)]
    with engine.connect() as tx:
        for column in columns:
            raw = sa.type_coerce(column, sa.Text)
            found = tx.execute(sa.select(raw).where(raw.startswith(MARK)).limit(1)).scalar()
            if found is not None:
                return str(found)
    return None
