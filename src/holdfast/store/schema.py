"""The state of the schema: made, brought up to date, or refused, whenever the server starts.

An empty database gets all tables at once (a test proves that this equals migrating); Alembic is imported only when
there is something to migrate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from holdfast.errors import AppError
from holdfast.kit.clock import now
from holdfast.store.postgres import schema_of
from holdfast.store.table import indexes_of, metadata

MIGRATIONS = Path(__file__).parent / "migrations"

REVISIONS = tuple(sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py")))
"""The revisions that this code knows, oldest first: one file each, named by it."""

HEAD = REVISIONS[-1]
"""The revision that this code works with."""

VERSION_TABLE = "holdfast_version"
BACKUP_IS_RECENT = timedelta(hours=24)
LOCK = 0x686F6C64
"""The advisory lock (PostgreSQL) under which replicas that start together migrate one after the other."""

sa.Sequence("messages_sequence", metadata=metadata)

installation = sa.Table(
    "installation",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""Facts about this database as a whole: when it was last backed up."""


class SchemaRefused(AppError):
    """The server must not touch this database as it is; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Report:
    """What `bring_up_to_date` found and did."""

    before: str | None
    after: str
    snapshot: Path | None = None


def revision(tx: sa.Connection) -> str | None:
    """The revision of the schema; None when our tables are not there."""
    if not sa.inspect(tx).has_table(VERSION_TABLE, schema=schema_of(tx)):
        return None
    return tx.execute(sa.select(_version_table().c.version)).scalar_one_or_none()


def bring_up_to_date(engine: sa.Engine, snapshot: Callable[[str], Path] | None, *, destructive_ok: bool) -> Report:
    """Make or migrate the schema in one transaction; a kill in the middle leaves it as it was."""
    with engine.connect() as tx:
        before = _look(tx)
        if tx.dialect.name == "sqlite":
            tx.exec_driver_sql("PRAGMA journal_mode=WAL")
    if before == HEAD:
        return Report(before, HEAD)
    kept = snapshot(before) if snapshot is not None and before is not None else None
    with engine.begin() as tx:
        _lock(tx)
        if (seen := _look(tx)) is None:
            _make_all(tx)
        elif seen != HEAD:
            scripts = _scripts(seen)
            _refuse_destructive(tx, scripts, destructive_ok)
            _run(tx, scripts)
            tx.execute(_version_table().update().values(version=HEAD))
    return Report(before, HEAD, kept)


def pending(engine: sa.Engine) -> list[str]:
    """What a start would migrate, oldest first, each with its first docstring line."""
    with engine.connect() as tx:
        before = _look(tx)
    if before is None or before == HEAD:
        return []
    firsts = ((script.revision, (script.__doc__ or "").strip().partition("\n")[0]) for script in _scripts(before))
    return [f"{number}: {sentence}" for number, sentence in firsts]


def replay(tx: sa.Connection) -> None:
    """Make the tables by running every migration; it must come to the same as making them at once."""
    _lock(tx)
    _run(tx, _scripts("base"))


def note_backup(tx: sa.Connection) -> None:
    """Remember that there is a backup, which lets a destructive migration run."""
    tx.execute(installation.delete().where(installation.c.name == "last_backup_at"))
    tx.execute(installation.insert().values(name="last_backup_at", value=now().isoformat()))


def _look(tx: sa.Connection) -> str | None:
    # All names in one statement: between two, another server may have made the tables.
    there = set(sa.inspect(tx).get_table_names(schema=schema_of(tx)))
    found = revision(tx) if VERSION_TABLE in there else None
    if found is None:
        _refuse_foreign(tx, there)
    elif found not in REVISIONS:
        raise SchemaRefused(
            f"This database has schema {found}, which is newer than {HEAD}, the newest that this version of Holdfast "
            "knows. Start the version that wrote it, or restore the snapshot or backup from before the upgrade."
        )
    return found


def _refuse_foreign(tx: sa.Connection, there: set[str]) -> None:
    """Tables of the same names that are not ours belong to somebody: name them, touch nothing."""
    elsewhere = (
        "Use another data directory (HOLDFAST_DATA)"
        if tx.dialect.name == "sqlite"
        else "Give Holdfast a schema of its own (HOLDFAST_PG_SCHEMA=holdfast) or another database"
    )
    if "alembic_version" in there and {"agents", "organizations"} <= there:
        raise SchemaRefused(
            f"This is a Letta V1 database. Nothing was changed in it. {elsewhere}; agents come over as files (.af)."
        )
    clash = sorted(there & {table.name for table in metadata.sorted_tables})
    if clash:
        raise SchemaRefused(
            f"The database holds tables that are not Holdfast's under the same names: {', '.join(clash)}. Nothing was "
            f"changed. {elsewhere}."
        )


def _make_all(tx: sa.Connection) -> None:
    metadata.create_all(tx, tables=[], checkfirst=False)  # the sequences
    for table in metadata.sorted_tables:
        tx.execute(CreateTable(table))
        for index in indexes_of(table):
            tx.execute(CreateIndex(index))
    versions = _version_table()
    versions.create(tx, checkfirst=False)
    tx.execute(versions.insert().values(version=HEAD))


def _run(tx: sa.Connection, scripts: Sequence[ModuleType]) -> None:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    if (place := schema_of(tx)) is not None:
        # SQL that a migration writes out does not know the schema of the connection; it is found by this path.
        path = sa.func.quote_ident(place).op("||")(", ").op("||")(sa.func.current_setting("search_path"))
        tx.execute(sa.select(sa.func.set_config("search_path", path, True)))
    with Operations.context(MigrationContext.configure(tx)):
        for script in scripts:
            script.upgrade()


def _refuse_destructive(tx: sa.Connection, scripts: Sequence[Any], destructive_ok: bool) -> None:
    lossy = [script.revision for script in scripts if getattr(script, "destructive", False)]
    if not lossy or destructive_ok or tx.dialect.name == "sqlite" or _has_recent_backup(tx):
        return
    raise SchemaRefused(
        f"The schema change {', '.join(lossy)} removes or rewrites stored data and cannot be taken back. Run "
        "`holdfast backup FILE` and start again within 24 hours, or run `holdfast migrate --yes`."
    )


def _has_recent_backup(tx: sa.Connection) -> bool:
    if not sa.inspect(tx).has_table(installation.name, schema=schema_of(tx)):
        return False
    stamp = sa.select(installation.c.value).where(installation.c.name == "last_backup_at")
    value = tx.execute(stamp).scalar_one_or_none()
    return value is not None and now() - datetime.fromisoformat(value) < BACKUP_IS_RECENT


def _scripts(before: str) -> list[ModuleType]:
    """The migrations after a revision, oldest first."""
    from alembic.script import ScriptDirectory

    directory = ScriptDirectory(str(MIGRATIONS))
    return [script.module for script in reversed(list(directory.iterate_revisions(HEAD, before)))]


def _lock(tx: sa.Connection) -> None:
    if tx.dialect.name == "sqlite":
        tx.exec_driver_sql("BEGIN IMMEDIATE")
        return
    tx.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    schema = schema_of(tx)
    if schema is not None and not sa.inspect(tx).has_schema(schema):
        tx.execute(sa.schema.CreateSchema(schema))


def _version_table() -> sa.Table:
    return sa.Table(VERSION_TABLE, sa.MetaData(), sa.Column("version", sa.String(32), primary_key=True))
