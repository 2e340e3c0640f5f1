"""The table of what authorization servers have granted: one row from the question to the tokens."""

from datetime import datetime, timedelta
from typing import Annotated

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.kit.clock import now
from holdfast.kit.entity import Encrypted, Entity
from holdfast.store.table import Rows, Tx

ASKED_FOR = timedelta(minutes=15)
"""How long the answer to a question is waited for."""


class Grant(Entity):
    """A question to an authorization server, and what came of it."""

    server_url: str
    mcp_server_id: str | None = None
    """Whose it is; null until the server is stored that was only tried."""
    state: str
    """The digest of what the browser brings back."""
    verifier: Annotated[str, Encrypted()]
    redirect_uri: str
    token_endpoint: str
    resource: str
    client_id: str
    client_secret: Annotated[str | None, Encrypted()] = None
    access_token: Annotated[str | None, Encrypted()] = None
    refresh_token: Annotated[str | None, Encrypted()] = None
    expires_at: datetime | None = None
    by_administrator: bool = False
    failure: str | None = None

    def is_over(self) -> bool:
        return self.expires_at is not None and self.expires_at <= now() + timedelta(seconds=30)


rows = Rows(
    "mcp_grants",
    Grant,
    sa.Index("mcp_grants_by_server", "organization_id", "mcp_server_id"),
    sa.Index("mcp_grants_by_state", "organization_id", "state", unique=True),
    noun="authorization",
)


def ask(tx: Tx, who: Who, grant: Grant) -> None:
    """Keep a question; those that were never answered go."""
    late = sa.and_(rows.c.access_token.is_(None), rows.c.created_at < now() - ASKED_FOR)
    tx.execute(rows.table.delete().where(rows.c.organization_id == who.organization_id, late))
    rows.insert(tx, grant)


def get(tx: Tx, who: Who, id: str) -> Grant:
    return rows.get(tx, who, id)


def asked(tx: Tx, who: Who, state: str) -> Grant | None:
    """The question that this is the answer to, if it may still be answered."""
    waiting = sa.and_(rows.c.access_token.is_(None), rows.c.created_at >= now() - ASKED_FOR)
    return rows.first(tx, who, rows.c.state == state, waiting)


def granted(tx: Tx, who: Who, server_id: str) -> Grant | None:
    """The newest grant to a server."""
    there = sa.and_(rows.c.mcp_server_id == server_id, rows.c.access_token.is_not(None))
    return rows.first(tx, who, there, order=[rows.c.created_at.desc(), rows.c.id])


def keep(tx: Tx, who: Who, id: str, *, access: str, refresh: str | None, expires_at: datetime | None) -> Grant:
    tokens = {"access_token": access, "refresh_token": refresh, "expires_at": expires_at}
    return rows.update(tx, who, id, tokens)


def fail(tx: Tx, who: Who, id: str, reason: str) -> None:
    rows.update(tx, who, id, {"failure": reason})


def adopt(tx: Tx, who: Who, server_id: str, url: str | None) -> None:
    """What was granted while a server was only tried belongs to it, once its user stores it."""
    mine = sa.and_(
        rows.c.organization_id == who.organization_id,
        rows.c.created_by_id == who.user_id,
        rows.c.server_url == url,
        rows.c.mcp_server_id.is_(None),
    )
    tx.execute(rows.table.update().where(mine).values(mcp_server_id=server_id))


def forget(tx: Tx, who: Who, server_id: str) -> None:
    tx.execute(
        rows.table.delete().where(
            rows.c.organization_id == who.organization_id,
            rows.c.mcp_server_id == server_id,
        )
    )
