"""What came of a transaction whose commit was never answered, because the connection broke.

PostgreSQL tells it by the transaction's number, which has to be known before. A statement that is sent anyway brings it
along (`NUMBER`), so that it costs no way to the database; SQLite has neither numbers nor connections that break.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from holdfast.store.prepared import Prepared, Tx

NOTHING = ""
"""In the place of a number: nothing has been written so far."""

COMMITTED = "committed"
FINAL = (COMMITTED, "aborted")
"""Of a transaction that is over one of these is true; before it is `in progress`."""

_KEY = "holdfast_transaction"


class _Number(FunctionElement[str]):
    """The number of the transaction at work."""

    inherit_cache = True
    name = "transaction_number"
    type = sa.Text()


@compiles(_Number)
def _number(_found: _Number, _compiler: Any, **_how: Any) -> str:
    return "CAST(pg_current_xact_id() AS TEXT)"


@compiles(_Number, "sqlite")
def _no_number(_found: _Number, _compiler: Any, **_how: Any) -> str:
    return "NULL"


NUMBER = _Number()
"""A column for `RETURNING` and the like, to be given to `note`."""

_STATUS = Prepared(sa.text("SELECT pg_xact_status(CAST(CAST(:number AS TEXT) AS xid8))"))


def begin(tx: Tx) -> None:
    """What an earlier transaction has noted on this connection is over."""
    tx.info.pop(_KEY, None)


def note(tx: Tx, number: str | None) -> None:
    """Remember the number of a transaction, in case its commit is not answered."""
    tx.info[_KEY] = number


def noted(tx: Tx) -> str | None:
    """The number of a transaction, if anything in it has noted it."""
    return tx.info.get(_KEY)


def status(tx: Tx, number: str) -> str | None:
    """What the database says of a transaction; None when it has forgotten it."""
    row = _STATUS.row(tx, {"number": number})
    return None if row is None else row[0]
