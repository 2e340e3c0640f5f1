"""0004: agents found by a tag, which is in a JSON column, and in a table of its own."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from holdfast.store import postgres, sqlite
from holdfast.store.columns import Json
from tests.harness.postgres import Postgres

AGENTS = (1_000, 10_000)
ROUNDS = 20

meta = sa.MetaData()
agents = sa.Table(
    "a", meta, sa.Column("org", sa.Text), sa.Column("id", sa.Text, primary_key=True), sa.Column("tags", Json)
)
tagged = sa.Table(
    "t",
    meta,
    sa.Column("org", sa.Text, primary_key=True),
    sa.Column("tag", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
)


def main() -> None:
    started = Postgres()
    try:
        with tempfile.TemporaryDirectory() as home:
            for count in AGENTS:
                _measure("sqlite", sqlite.engine(Path(home) / f"{count}.db"), count)
                _measure("postgres", postgres.engine(started.uri(started.create()), "public", 2), count)
    finally:
        started.stop()


def _measure(name: str, engine: sa.Engine, count: int) -> None:
    has_any = sqlite.has_any if name == "sqlite" else postgres.has_any
    tags = [["all", f"tag{number % 50}", f"only{number}"] for number in range(count)]
    with engine.begin() as tx:
        meta.create_all(tx)
        tx.execute(agents.insert(), [{"org": "o", "id": str(n), "tags": each} for n, each in enumerate(tags)])
        tx.execute(tagged.insert(), [{"org": "o", "tag": t, "id": str(n)} for n, each in enumerate(tags) for t in each])
    held = sa.select(tagged.c.id).where(tagged.c.org == "o", tagged.c.tag == "tag7")
    in_json = sa.select(agents).where(agents.c.org == "o", has_any(agents.c.tags, ["tag7"]))
    in_table = sa.select(agents).where(agents.c.org == "o", agents.c.id.in_(held))
    with engine.connect() as tx:
        both = [_p50(lambda query=query: tx.execute(query).all()) for query in (in_json, in_table)]
    print(f"{name:<9}{count:>6} agents, {count // 50:>3} found: JSON {both[0]:6.2f} ms, table {both[1]:6.2f} ms")
    engine.dispose()


def _p50(work: Callable[[], object]) -> float:
    work()
    spent: list[float] = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        spent.append((time.perf_counter() - begun) * 1000)
    return statistics.median(spent)


if __name__ == "__main__":
    main()
