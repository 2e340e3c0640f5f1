"""How often a server goes to PostgreSQL, and with what."""

from typing import Any

import pytest

from holdfast.store.libpq import PostgresSession


def counted(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The statements that go together, each time that something is sent from now on."""
    ways = list[list[str]]()
    send = PostgresSession._send  # pyright: ignore[reportPrivateUsage] -- what is counted is what goes over the wire

    def sent(session: PostgresSession, going: Any) -> None:
        ways.append([each.sql.decode() for each in going])
        send(session, going)

    monkeypatch.setattr(PostgresSession, "_send", sent)
    return ways
