"""Opening the installation's database: the right engine, its schema up to date, its cipher in place."""

import os
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from holdfast.config import Settings
from holdfast.errors import AppError
from holdfast.kit.clock import now
from holdfast.store import postgres, schema, sqlite
from holdfast.store.cipher import MARK, Cipher, EncryptedText
from holdfast.store.database import READERS, Database
from holdfast.store.table import metadata


@dataclass(frozen=True, slots=True)
class Opened:
    """A database that is ready, and what had to be done for it."""

    db: Database
    report: schema.Report


def engine_of(settings: Settings) -> sa.Engine:
    """The engine that the settings name; nothing is created in it yet."""
    if settings.pg_uri:
        return postgres.engine(settings.pg_uri, settings.pg_schema, settings.pg_pool_size)
    return sqlite.engine(settings.sqlite_path)


def open_database(settings: Settings, *, destructive_ok: bool = False) -> Opened:
    """The database with its schema brought up to date; raises `SchemaRefused` when it must not be touched."""
    engine = engine_of(settings)
    try:
        report = schema.bring_up_to_date(engine, _snapshot(settings), destructive_ok=destructive_ok)
    except sa.exc.DBAPIError as failed:
        raise AppError(f"The database cannot be opened: {str(failed.orig).strip()}") from failed
    cipher = Cipher(_encryption_key(settings, engine))
    threads = READERS if engine.dialect.name == "sqlite" else settings.pg_pool_size
    return Opened(Database(engine, cipher, threads=threads), report)


def _snapshot(settings: Settings) -> Callable[[str], Path] | None:
    """Before SQLite is migrated its file is copied; PostgreSQL has `holdfast backup`."""
    if settings.pg_uri:
        return None

    def copy(before: str) -> Path:
        folder = settings.data / "snapshots"
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"before-{schema.HEAD}-from-{before}-{now():%Y%m%dT%H%M%S}.db"
        partial = target.with_suffix(".partial")
        with closing(sqlite3.connect(settings.sqlite_path)) as source, closing(sqlite3.connect(partial)) as copied:
            source.backup(copied)
        partial.rename(target)
        return target

    return copy


def _encryption_key(settings: Settings, engine: sa.Engine) -> str:
    """The given key, or one that is generated once and kept, readable by the owner only."""
    if settings.encryption_key:
        return settings.encryption_key
    path = settings.data / "encryption.key"
    if path.exists():
        return path.read_text().strip()
    if engine.dialect.name != "sqlite" and _has_sealed_rows(engine):
        raise AppError(
            "This PostgreSQL holds encrypted secrets, and there is no key to open them. Set HOLDFAST_ENCRYPTION_KEY to "
            "the key that the other servers of this database use."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    key = secrets.token_urlsafe(32)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key)
    return key


def _has_sealed_rows(engine: sa.Engine) -> bool:
    sealed = [c for table in metadata.sorted_tables for c in table.c if isinstance(c.type, EncryptedText)]
    with engine.connect() as tx:
        looks = (sa.select(1).where(sa.cast(c, sa.Text).startswith(MARK)).limit(1) for c in sealed)
        return any(tx.execute(look).first() is not None for look in looks)
