"""0001: twelve statements of one unit of work, in one hop to a database thread and in a hop for each."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import sqlalchemy as sa

from holdfast.store import sqlite
from holdfast.store.cipher import Cipher
from holdfast.store.database import Database
from holdfast.store.table import Tx

STATEMENTS = 12
TIMES = 400


def _all(tx: Tx) -> None:
    for _ in range(STATEMENTS):
        _one(tx)


def _one(tx: Tx) -> None:
    tx.execute(sa.text("SELECT value FROM things WHERE id = :id"), {"id": 1}).scalar_one()


def _prepare(tx: Tx) -> None:
    tx.execute(sa.text("CREATE TABLE things (id INTEGER PRIMARY KEY, value TEXT)"))
    tx.execute(sa.text("INSERT INTO things VALUES (1, 'a')"))


async def _measure(name: str, work: Callable[[], Awaitable[object]]) -> None:
    await work()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(TIMES):
        await work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{name:<34}{cpu / TIMES * 1000:6.2f} ms CPU {wall / TIMES * 1000:6.2f} ms")


async def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        db = Database(sqlite.engine(Path(home) / "db"), Cipher("key"))
        db.now(_prepare)

        async def one_by_one() -> None:
            for _ in range(STATEMENTS):
                await db.read(_one)

        await _measure(f"{STATEMENTS} statements in one hop", lambda: db.read(_all))
        await _measure(f"{STATEMENTS} statements, a hop for each", one_by_one)
        db.close()


if __name__ == "__main__":
    asyncio.run(main())
