"""The table of uploads: what was sent, kept until its text has been read."""

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.store.table import Tx, metadata

uploads = sa.Table(
    "file_uploads",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("file_id", sa.Text, primary_key=True),
    sa.Column("bytes", sa.LargeBinary, nullable=False),
)
u = uploads.c


def keep(tx: Tx, who: Who, file_id: str, sent: bytes) -> None:
    tx.execute(uploads.insert().values(organization_id=who.organization_id, file_id=file_id, bytes=sent))


def get(tx: Tx, who: Who, file_id: str) -> bytes | None:
    mine = u.organization_id == who.organization_id, u.file_id == file_id
    return tx.execute(sa.select(u.bytes).where(*mine)).scalar_one_or_none()


def drop(tx: Tx, who: Who, file_ids: sa.Select[str] | list[str]) -> None:
    tx.execute(uploads.delete().where(u.organization_id == who.organization_id, u.file_id.in_(file_ids)))
