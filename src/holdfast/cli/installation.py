"""The installation that the environment describes, for commands that work on its database directly."""

import os
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import holdfast.app  # noqa: F401 # pyright: ignore[reportUnusedImport] -- it knows all tables; without it an empty database would get a part of them
from holdfast.auth import store as auth_store
from holdfast.config import Settings, load
from holdfast.store import lock
from holdfast.store.database import Database
from holdfast.store.opening import open_database


def settings() -> Settings:
    return load(os.environ, {})


def owned(of: Settings) -> AbstractContextManager[None]:
    """One process owns an SQLite directory; on PostgreSQL there may be any number."""
    return nullcontext() if of.pg_uri else lock.owned(of.data)


@contextmanager
def database() -> Generator[Database]:
    """The database, ready to use; a server may be working on it at the same time."""
    db = open_database(settings()).db
    try:
        db.now(auth_store.ensure_defaults)
        yield db
    finally:
        db.close()
