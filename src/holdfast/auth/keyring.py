"""Whom credentials stand for, looked up once and trusted for a few seconds."""

import hashlib
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from holdfast.auth import store
from holdfast.auth.model import User, Who
from holdfast.store.database import Database

TRUSTED_S = 5.0
"""How long a looked-up key is trusted, so how late a revocation may reach another replica."""

MOST = 10_000


class Keyring:
    """API keys and users, by what a request says of itself."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[bytes, tuple[Who, float]] = {}
        self._lent: dict[bytes, Who] = {}

    async def holder(self, key: str) -> Who | None:
        """Whom an API key stands for, if it is in force."""
        if (lent := self._lent.get(digest(key))) is not None:
            return lent
        if store.organization_of(key) is None:
            return None
        name, moment = digest(key), time.monotonic()
        known = self._known.get(name)
        if known is not None and known[1] > moment:
            return known[0]
        self._known.pop(name, None)
        found = await self._db.read(store.who_has, key)
        if found is None:
            return None
        if len(self._known) >= MOST:
            self._known.clear()
        who, left_s = found
        self._known[name] = (who, moment + min(TRUSTED_S, left_s))
        await self._db.write(store.note_use, who)
        return who

    @contextmanager
    def lent(self, who: Who) -> Generator[str]:
        """A key for something that runs here on somebody's behalf; it opens nothing beyond, and only meanwhile."""
        key = secrets.token_urlsafe(32)
        self._lent[digest(key)] = replace(who, scopes=who.scopes - {"admin"})
        try:
            yield key
        finally:
            del self._lent[digest(key)]

    async def user(self, id: str) -> User:
        return await self._db.read(store.get_user, id)

    def forget(self) -> None:
        """Trust no looked-up key any more: one was revoked."""
        self._known.clear()


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
