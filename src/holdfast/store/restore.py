"""Restoring a backup: all of it or nothing, proved by reading every row again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import REGCLASS

from holdfast.errors import AppError, BadRequest, Conflict
from holdfast.store import portable, schema
from holdfast.store.backup import FORMAT, MANIFEST, SEQUENCE, Content, Manifest, member, outlines
from holdfast.store.cipher import MARK, Cipher, EncryptedText
from holdfast.store.portable import BATCH, Digest, Outline
from holdfast.store.postgres import schema_of
from holdfast.store.table import metadata

MADE_BY_START = {"organizations": 1, "users": 1}
"""Rows that a database has after its first start; they do not make it one that is in use."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and whether its secrets can be read here."""

    manifest: Manifest
    secrets_open: bool


def read_manifest(source: Path) -> Manifest:
    """The table of contents of a backup, once it is clear that this version can restore it."""
    try:
        with ZipFile(source) as archive:
            raw: dict[str, Any] = orjson.loads(archive.read(MANIFEST))
        raw["tables"] = {name: Content(**content) for name, content in raw["tables"].items()}
        manifest = Manifest(**raw)
    except FileNotFoundError as missing:
        raise BadRequest(f"There is no file {source}.") from missing
    except (BadZipFile, KeyError, TypeError, AttributeError, ValueError, OSError) as wrong:
        raise BadRequest(f"{source} is not a backup of Holdfast, or it is damaged: {wrong}.") from wrong
    if (manifest.format, manifest.schema) != (FORMAT, schema.HEAD):
        raise BadRequest(
            f"{source} has schema {manifest.schema}, this version works with {schema.HEAD}. Restore it with Holdfast "
            f"{manifest.holdfast}, which wrote it; a newer version then brings the database up to date."
        )
    return manifest


def load(tx: sa.Connection, source: Path, *, replace: bool) -> Restored:
    """Fill the database from a backup within the given transaction; any doubt about a row undoes everything."""
    manifest = read_manifest(source)
    there = {outline.name: outline for outline in outlines(tx)}
    _make_room(tx, there.values(), replace)
    with ZipFile(source) as archive:
        for name, content in manifest.tables.items():
            if name not in there:
                raise BadRequest(f"{source} holds a table {name!r} that this version does not know.")
            _fill(tx, archive, Outline(name, content.columns), content)
    for name, content in manifest.tables.items():
        _prove(tx, Outline(name, content.columns), content)
    _set_sequences(tx, manifest.sequences)
    return Restored(manifest, _secrets_open(tx))


def _make_room(tx: sa.Connection, there: Iterable[Outline], replace: bool) -> None:
    """A database that is in use is only emptied when that was asked for."""
    used = dict[str, int]()
    for outline in there:
        count: int = tx.execute(sa.select(sa.func.count()).select_from(outline.table())).scalar_one()
        if count > MADE_BY_START.get(outline.name, 0):
            used[outline.name] = count
    if used and not replace:
        shown = ", ".join(f"{count} {name}" for name, count in used.items())
        raise Conflict(
            f"The database is not empty ({shown}). Restore into an empty one, or add --replace to delete all of that."
        )
    for outline in there:
        tx.execute(outline.table().delete())


def _fill(tx: sa.Connection, archive: ZipFile, outline: Outline, content: Content) -> None:
    table, digest = outline.table(), Digest()
    try:
        for batch in _batches(archive, outline.name):
            for values in batch:
                digest.add(outline, values)
            tx.execute(table.insert(), [_row(outline, values) for values in batch])
    except (BadZipFile, KeyError, ValueError) as damage:
        raise _damaged(outline.name, str(damage)) from damage
    if (digest.rows, digest.hex) != (content.rows, content.digest):
        raise _damaged(outline.name, f"{digest.rows} rows of {content.rows}, or their hash differs")


def _batches(archive: ZipFile, table: str) -> Iterator[list[list[Any]]]:
    with archive.open(member(table)) as file:
        rows = (orjson.loads(line) for line in file)
        while batch := list(islice(rows, BATCH)):
            yield batch


def _damaged(table: str, how: str) -> BadRequest:
    return BadRequest(f"The backup is damaged: {table}: {how}. Nothing was restored.")


def _row(outline: Outline, values: list[Any]) -> dict[str, Any]:
    return {
        name: portable.stored(kind, value) for (name, kind), value in zip(outline.columns.items(), values, strict=True)
    }


def _prove(tx: sa.Connection, outline: Outline, content: Content) -> None:
    digest = Digest()
    for values in portable.rows(tx, outline):
        digest.add(outline, values)
    if (digest.rows, digest.hex) != (content.rows, content.digest):
        raise AppError(
            f"The restored table {outline.name} does not equal the backup: {digest.rows} rows of {content.rows}, "
            "or their hash differs. Nothing was changed."
        )


def _set_sequences(tx: sa.Connection, values: dict[str, int]) -> None:
    if tx.dialect.name == "sqlite":
        tx.execute(sa.text("DELETE FROM sequences"))
        for name, value in values.items():
            tx.execute(
                sa.text("INSERT INTO sequences (name, value) VALUES (:name, :value)"), {"name": name, "value": value}
            )
        return
    for name, value in values.items():
        place = sa.literal(f"{schema_of(tx)}.{name}{SEQUENCE}")
        tx.execute(sa.select(sa.func.setval(sa.cast(place, REGCLASS), value)))


def _secrets_open(tx: sa.Connection) -> bool:
    """Does the key of this installation open the secrets that came with the backup?"""
    sealed = next(_sealed(tx), None)
    if sealed is None:
        return True
    cipher: Cipher = vars(tx.dialect)["holdfast_cipher"]
    try:
        cipher.open(sealed)
    except AppError:
        return False
    return True


def _sealed(tx: sa.Connection) -> Iterator[str]:
    for table in metadata.sorted_tables:
        for column in table.c:
            if isinstance(column.type, EncryptedText):
                raw = sa.type_coerce(column, sa.Text)
                yield from tx.execute(sa.select(raw).where(raw.startswith(MARK)).limit(1)).scalars()
