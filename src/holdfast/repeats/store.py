"""The table of kept answers: a key is claimed, held while it is worked on, and filled or let go."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy import exc

from holdfast.auth.model import Who
from holdfast.errors import Invalid
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.repeats.model import KeptAnswer
from holdfast.store.prepared import savepoint
from holdfast.store.table import Rows, Tx, clock

KEPT_FOR = timedelta(hours=24)
HELD_FOR = timedelta(seconds=15)
"""How long a claim lasts without being renewed: its server may have been killed."""

rows = Rows(
    "answers",
    KeptAnswer,
    sa.Index("answers_by_key", "organization_id", "key", "path", unique=True),
    sa.Index("answers_by_expiry", "organization_id", "expires_at"),
)
c = rows.c


def claim(tx: Tx, who: Who, asked: KeptAnswer) -> KeptAnswer:
    """The answer under the key of a request: `asked` itself when it is the first, which is then held."""
    tx.execute(rows.table.delete().where(c.organization_id == who.organization_id, c.expires_at < clock(tx)))
    same = c.key == asked.key, c.path == asked.path
    found = rows.first(tx, who, *same)
    if found is None:
        try:
            with savepoint(tx):
                rows.insert(tx, asked)
                hold(tx, who, asked.id)
            return asked
        except exc.IntegrityError:  # the other request came between our look and our insert
            found = rows.first(tx, who, *same) or asked
    if found.digest != asked.digest:
        raise Invalid(
            f"The Idempotency-Key {asked.key!r} was used for another request to {asked.path}; "
            "use a new key for each request."
        )
    return found


def hold(tx: Tx, who: Who, id: str) -> None:
    """Say that the request is still being answered."""
    mine = sa.and_(c.organization_id == who.organization_id, c.id == id)
    tx.execute(rows.table.update().where(mine).values(expires_at=clock(tx, HELD_FOR)))


def fill(tx: Tx, who: Who, answer: KeptAnswer) -> None:
    """Keep the answer for repeats."""
    mine = sa.and_(c.organization_id == who.organization_id, c.id == answer.id)
    given = {"status": answer.status, "media_type": answer.media_type, "body": answer.body}
    tx.execute(rows.table.update().where(mine).values(**given, expires_at=clock(tx, KEPT_FOR)))


def drop(tx: Tx, who: Who, id: str) -> None:
    """Let go of a key: nothing came of the request, and a repeat starts anew."""
    tx.execute(rows.table.delete().where(c.organization_id == who.organization_id, c.id == id))


def asked(who: Who, key: str, path: str, digest: str) -> KeptAnswer:
    return KeptAnswer(
        id=new_id("answer"),
        organization_id=who.organization_id,
        created_by_id=who.user_id,
        key=key,
        path=path,
        digest=digest,
        expires_at=now() + HELD_FOR,
    )
