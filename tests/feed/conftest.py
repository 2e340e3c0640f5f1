"""The places that can keep a feed; every test here runs against each of them."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from holdfast.auth.model import DEFAULT_ORG
from holdfast.config import load
from holdfast.feed.port import Feed, Topic
from holdfast.feed.redis import Redis, RedisFeed
from holdfast.kit.ids import new_id
from holdfast.runs import store as runs
from holdfast.runs.feed import TableFeed
from holdfast.runs.model import Run
from holdfast.store.database import Database
from holdfast.store.opening import open_database
from tests.harness.fleet import Fleet, engines
from tests.harness.redis import RedisServer


@dataclass
class Place:
    """A place with a feed in it, and another reader and writer of the same place."""

    feed: Feed
    other: Feed
    db: Database | None = None

    async def topic(self) -> Topic:
        """A run that nobody has told anything of."""
        topic = Topic(DEFAULT_ORG, new_id("run"))
        if self.db is not None:
            run = Run(id=topic.run_id, organization_id=DEFAULT_ORG, agent_id="agent-1", thread_id="agent-1")
            await self.db.write(runs.insert, run)
        return topic

    async def successor(self, topic: Topic) -> Topic:
        """The same run, taken over by another process."""
        taken = Topic(topic.organization_id, topic.run_id, topic.epoch + 1)
        if self.db is not None:
            c = runs.rows.c
            taking = runs.rows.table.update().where(c.id == topic.run_id).values(epoch=taken.epoch)
            await self.db.write(lambda tx: tx.execute(taking))
        await self.other.append(taken, [])
        return taken


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer(password="secret word").start()
    yield server
    server.remove()


@pytest_asyncio.fixture(params=[*engines(), "redis"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        made = Place(RedisFeed(Redis(server.url)), RedisFeed(Redis(server.url)))
        yield made
        await made.feed.close()
        await made.other.close()
        return
    fleet: Fleet = request.getfixturevalue("fleet")
    where = {"LETTA_PG_URI": fleet.new_database()} if request.param == "postgres" else {}
    db = open_database(load({"HOLDFAST_DATA": str(tmp_path), "HOME": str(tmp_path), **where}, {})).db
    feed = TableFeed(db)
    yield Place(feed, feed if db.is_sqlite else TableFeed(db), db)
    db.close()
