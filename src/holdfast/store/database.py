"""The database as the rest of the server sees it: `await db.read(fn, …)` and `await db.write(fn, …)`.

A unit of work is a synchronous function that gets a transaction first; it runs whole in one hop to a database
thread. On SQLite one thread writes, so its queue is the write lock; on PostgreSQL the pool's threads do both.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from holdfast.errors import AppError, Conflict, Unavailable
from holdfast.store import outcome, postgres, sqlite
from holdfast.store.cipher import Cipher
from holdfast.store.prepared import Prepared
from holdfast.store.table import Tx

P = ParamSpec("P")
R = TypeVar("R")

READERS = 2
"""Threads that read from SQLite; more of them only wait for each other, because Python runs one at a time."""
ATTEMPTS = 4
TRANSIENT = {"40001", "40P01", "55P03", "26000"}
"""PostgreSQL: serialization failure, deadlock, lock not available, plan gone. The unit of work is simply run again."""

AWAY_S = 30.0
AGAIN_S = 0.5
"""How long it is insisted on a write while the database is away, and how often it is tried."""

LOOK_AGAIN_S = 0.1
"""How often the database is asked what came of a transaction."""

log = logging.getLogger("holdfast.store")


class DatabaseAway(Unavailable):
    """The database did not answer, and nothing of the unit of work was stored."""


class Unanswered(Unavailable):
    """The connection broke while a unit of work was committed, which may have happened."""

    def __init__(self, reason: str, unit: "_Unit[Any]") -> None:
        super().__init__(
            "The connection to the database broke while something was stored, and the database could not say whether "
            f"it is: {reason}. Look before you send it again."
        )
        self.reason = reason
        self.unit = unit


class Database:
    """Units of work on one database. On PostgreSQL reads have an engine of their own, in autocommit."""

    def __init__(
        self, engine: sa.Engine, cipher: Cipher, *, reading: sa.Engine | None = None, threads: int = READERS
    ) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self.engines = [engine, *filter(None, [reading])]
        for each in self.engines:
            each.dialect.holdfast_cipher = cipher  # pyright: ignore[reportAttributeAccessIssue] -- where EncryptedText finds it
        self._readers = ThreadPoolExecutor(threads, "holdfast-read")
        self._writers = ThreadPoolExecutor(1 if self.is_sqlite else threads, "holdfast-write")
        self._attempts = max(ATTEMPTS, threads + 1)
        """More than there are connections: all may be broken, and are found to be so one by one."""
        self._run: _Runner = _SqliteRunner(engine) if reading is None else _PostgresRunner(engine, reading)

    async def read(self, fn: Callable[Concatenate[Tx, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.get_running_loop().run_in_executor(
            self._readers, lambda: self._guarded(False, lambda tx: fn(tx, *args, **kwargs))
        )

    async def write(self, fn: Callable[Concatenate[Tx, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do it once, also when the connection breaks while it is committed."""
        for _ in range(ATTEMPTS):
            try:
                return await asyncio.get_running_loop().run_in_executor(
                    self._writers, lambda: self._guarded(True, lambda tx: fn(tx, *args, **kwargs))
                )
            except Unanswered as lost:
                if await self._is_stored(lost):
                    return lost.unit.found
        raise DatabaseAway(
            f"The database did not answer: {ATTEMPTS} connections broke, each while it was to store this."
        )

    async def _is_stored(self, lost: Unanswered) -> bool:
        """What came of a unit of work whose commit was not answered, as soon as the database can tell."""
        number, until = lost.unit.number, time.monotonic() + AWAY_S
        if number == outcome.NOTHING:
            return False
        while number is not None and time.monotonic() < until:
            try:
                status = await self.read(outcome.status, number)
            except DatabaseAway:
                status = None
            except AppError as refused:
                raise lost from refused
            if status in outcome.FINAL:
                log.warning("a commit that was not answered is %s: %s", status, lost.reason)
                return status == outcome.COMMITTED
            await asyncio.sleep(LOOK_AGAIN_S)
        raise lost

    async def insist(self, fn: Callable[Concatenate[Tx, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """A write whose loss would cost more than a wait: a database that is away for a moment is waited for."""
        until = time.monotonic() + AWAY_S
        while True:
            try:
                return await self.write(fn, *args, **kwargs)
            except DatabaseAway as away:
                if time.monotonic() > until:
                    raise
                log.warning("waiting for the database: %s", away.detail)
                await asyncio.sleep(AGAIN_S)

    def now(self, fn: Callable[Concatenate[Tx, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """A unit of work from synchronous code: start-up and the command line."""
        return self._writers.submit(lambda: self._guarded(True, lambda tx: fn(tx, *args, **kwargs))).result()

    async def reclaim(self, tables: Sequence[sa.Table]) -> None:
        """Rewrite what holds these tables, so that nothing that was deleted is left in the database's files.

        On SQLite it takes its turn among the writes, which wait for it; on PostgreSQL each table is locked meanwhile.
        """
        await asyncio.get_running_loop().run_in_executor(self._writers, self._reclaimed, tables)

    def _reclaimed(self, tables: Sequence[sa.Table]) -> None:
        try:
            with self.engine.connect() as connection:
                (sqlite if self.is_sqlite else postgres).reclaim(connection, tables)
        except exc.DBAPIError as failed:
            raise _explained(failed) from failed

    def close(self) -> None:
        self._readers.shutdown()
        self._writers.shutdown()
        self._run.close()
        for engine in self.engines:
            engine.dispose()

    def _guarded(self, writing: bool, work: Callable[[Tx], R]) -> R:
        for attempt in range(1, self._attempts + 1):
            unit = _Unit(work)
            try:
                return self._run(writing, unit)
            except exc.DBAPIError as failed:
                undone = not (writing and unit.is_done)
                if attempt < self._attempts and _passing(failed, undone):
                    continue
                if failed.connection_invalidated and not undone:
                    raise Unanswered(_reason(failed), unit) from failed
                raise _explained(failed, undone) from failed
        raise AssertionError("unreachable")


class _Unit(Generic[R]):
    """A unit of work that knows whether it is done; what fails after that is its commit, which may have happened."""

    __slots__ = ("_work", "found", "is_done", "number")

    def __init__(self, work: Callable[[Tx], R]) -> None:
        self._work = work
        self.is_done = False
        self.number: str | None = None

    def __call__(self, tx: Tx) -> R:
        outcome.begin(tx)
        self.found = self._work(tx)
        self.number = outcome.noted(tx)
        self.is_done = True
        return self.found


class _Runner(Protocol):
    def __call__(self, writing: bool, work: Callable[[Tx], R]) -> R: ...
    def close(self) -> None: ...


_BEGIN, _BEGIN_WRITING, _COMMIT, _ROLLBACK = (
    Prepared(sa.text(said)) for said in ("BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")
)


class _SqliteRunner:
    """Each database thread keeps one connection; a writer takes the file's lock when it begins.

    For SQLAlchemy all of a connection's life is one transaction: where one begins and ends is said to SQLite itself.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._own = threading.local()
        self._open: list[sa.Connection] = []

    def __call__(self, writing: bool, work: Callable[[Tx], R]) -> R:
        connection = self._connection()
        (_BEGIN_WRITING if writing else _BEGIN).run(connection, {})
        try:
            found = work(connection)
            _COMMIT.run(connection, {})
            return found
        finally:
            self._undo(connection)

    def _undo(self, connection: sa.Connection) -> None:
        """Take back what was not committed; SQLite may have done so itself, when its disk was full."""
        if not connection.invalidated and connection.connection.in_transaction:
            _ROLLBACK.run(connection, {})

    def _connection(self) -> sa.Connection:
        connection: sa.Connection | None = getattr(self._own, "connection", None)
        if connection is None or connection.closed or connection.invalidated:
            connection = self._own.connection = self._engine.connect()
            self._open.append(connection)
        return connection

    def close(self) -> None:
        for connection in self._open:
            connection.close()


class _PostgresRunner:
    """Reads run in autocommit, which saves two round trips; writes are one transaction."""

    def __init__(self, writing: sa.Engine, reading: sa.Engine) -> None:
        self._writing = writing
        self._reading = reading

    def __call__(self, writing: bool, work: Callable[[Tx], R]) -> R:
        if writing:
            with self._writing.begin() as tx:
                return work(tx)
        with self._reading.connect() as tx:
            return work(tx)

    def close(self) -> None:
        pass


def _passing(failed: exc.DBAPIError, undone: bool) -> bool:
    """May the same unit of work simply be run again?"""
    return getattr(failed.orig, "sqlstate", None) in TRANSIENT or (failed.connection_invalidated and undone)


def _reason(failed: exc.DBAPIError) -> str:
    return str(failed.orig).strip().split("\n")[0].rstrip(".")


def _explained(failed: exc.DBAPIError, undone: bool = False) -> AppError:
    reason = _reason(failed)
    if isinstance(failed, exc.IntegrityError):
        return Conflict(f"This would break a rule of the data: {reason}.")
    if "disk is full" in reason or "No space left" in reason:
        return Unavailable("The disk that holds the database is full; free some space, nothing was lost.")
    if "readonly database" in reason:
        return Unavailable("The database file is not writable; check its owner and the mount of its directory.")
    if failed.connection_invalidated or isinstance(failed, exc.OperationalError):
        return (DatabaseAway if undone else Unavailable)(f"The database did not answer: {reason}.")
    return AppError(f"The database refused a statement: {reason}.")
