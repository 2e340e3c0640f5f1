"""A backup: one zip file with every row of one moment, made while the server works, for either engine."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from holdfast.errors import AppError, BadRequest
from holdfast.kit.clock import now
from holdfast.store import portable, schema
from holdfast.store.portable import Digest, Outline
from holdfast.store.postgres import schema_of
from holdfast.store.table import metadata

FORMAT = 1
MANIFEST = "manifest.json"
NOT_ROWS = {"sequences", "installation", schema.VERSION_TABLE}
"""Tables about the database itself; the numbers of the sequences are in the manifest."""

SEQUENCE = "_sequence"


@dataclass(frozen=True, slots=True)
class Content:
    """What a backup holds of one table."""

    rows: int
    digest: str
    columns: dict[str, str]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The table of contents, by which a restore is proved."""

    format: int
    holdfast: str
    schema: str
    engine: str
    made_at: str
    tables: dict[str, Content]
    sequences: dict[str, int]

    @property
    def rows(self) -> int:
        return sum(content.rows for content in self.tables.values())


def write(engine: sa.Engine, target: Path, version: str) -> Manifest:
    """Make the file `target`; it appears when it is complete, and only its owner can read it."""
    if target.exists():
        raise BadRequest(f"{target} exists already; name another file, a backup is never overwritten.")
    if not target.parent.is_dir():
        raise BadRequest(f"There is no directory {target.parent} to put the backup into.")
    partial = target.with_name(f".{target.name}.partial")
    try:
        with _private(partial) as file, ZipFile(file, "w", ZIP_DEFLATED) as archive:
            with _snapshot(engine) as tx:
                manifest = _copy(tx, archive, version)
            archive.writestr(MANIFEST, orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2))
        partial.rename(target)
    except OSError as failed:
        raise BadRequest(f"The backup {target} cannot be written: {failed.strerror}.") from failed
    finally:
        partial.unlink(missing_ok=True)
    with _explained(), engine.begin() as tx:
        schema.note_backup(tx)
    return manifest


def _private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


@contextmanager
def _snapshot(engine: sa.Engine) -> Generator[sa.Connection]:
    """A transaction that sees one moment, whatever is written meanwhile."""
    calm = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with _explained(), (engine if engine.dialect.name == "sqlite" else calm).connect() as tx, tx.begin():
        if engine.dialect.name == "sqlite":
            tx.exec_driver_sql("BEGIN")
        yield tx


@contextmanager
def _explained() -> Generator[None]:
    try:
        yield
    except DBAPIError as failed:
        raise AppError(f"The database did not answer: {str(failed.orig).strip()}") from failed


def _copy(tx: sa.Connection, archive: ZipFile, version: str) -> Manifest:
    revision = schema.revision(tx)
    if revision is None:
        raise BadRequest("There is nothing to back up: this database holds no Holdfast data yet.")
    tables = {outline.name: _copy_table(tx, archive, outline) for outline in outlines(tx)}
    return Manifest(FORMAT, version, revision, tx.dialect.name, now().isoformat(), tables, sequences(tx))


def _copy_table(tx: sa.Connection, archive: ZipFile, outline: Outline) -> Content:
    digest = Digest()
    with archive.open(member(outline.name), "w", force_zip64=True) as file:
        for values in portable.rows(tx, outline):
            digest.add(outline, values)
            file.write(orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS))
    return Content(digest.rows, digest.hex, outline.columns)


def member(table: str) -> str:
    return f"tables/{table}.jsonl"


def outlines(tx: sa.Connection) -> list[Outline]:
    """Our tables as they are in the database: the known ones, and those that a past version made."""
    place = schema_of(tx)
    inspector = sa.inspect(tx)
    return [
        portable.outline_of(tx, name, place)
        for name in sorted(inspector.get_table_names(schema=place))
        if name not in NOT_ROWS and (name in metadata.tables or _is_ours(inspector, name, place))
    ]


def _is_ours(inspector: Any, name: str, place: str | None) -> bool:
    return any(column["name"] == "organization_id" for column in inspector.get_columns(name, schema=place))


def sequences(tx: sa.Connection) -> dict[str, int]:
    """The last number that each sequence has given out."""
    if tx.dialect.name == "sqlite":
        return {row.name: row.value for row in tx.execute(sa.text("SELECT name, value FROM sequences"))}
    names = sa.text("SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = :place")
    found = tx.execute(names, {"place": schema_of(tx)})
    return {
        name.removesuffix(SEQUENCE): value for name, value in found if value is not None and name.endswith(SEQUENCE)
    }
