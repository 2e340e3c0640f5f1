"""The feed in Redis: a stream for each run, whose entry ids are the frames' numbers; and calls between processes."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing, contextmanager
from typing import Any
from urllib.parse import urlsplit

from holdfast.errors import Unavailable
from holdfast.feed.port import KEPT_S, Entry, Superseded, Topic, Wait

PREFIX = "holdfast"
CALLS = f"{PREFIX}:calls"
CONNECT_S = 5.0
ANSWER_S = 10.0
LONGEST_BLOCK_S = 5.0
"""Well below the time that an answer may take, so that a reader that waits is not taken for a dead server."""
AGAIN_S = 1.0

APPEND = """
local held = tonumber(redis.call('GET', KEYS[2]) or '0')
local epoch, kept = tonumber(ARGV[1]), tonumber(ARGV[2])
if epoch < held then return 0 end
redis.call('SET', KEYS[2], epoch, 'EX', kept)
local newest, last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1), 0
if newest[1] then last = tonumber(string.match(newest[1][1], '^%d+')) end
for i = 3, #ARGV, 3 do
  if tonumber(ARGV[i]) > last then
    redis.call('XADD', KEYS[1], ARGV[i] .. '-0', 'data', ARGV[i + 1], 'mark', ARGV[i + 2])
  end
end
redis.call('EXPIRE', KEYS[1], kept)
return 1
"""
"""Refuse an older writer, skip what is there already, keep the rest: one step for everybody else."""

log = logging.getLogger("holdfast.feed")


class Redis:
    """The connections to one Redis; made when first used."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: Any = None

    @property
    def client(self) -> Any:
        if self._made is None:
            try:
                from redis import asyncio as redis
            except ImportError as missing:
                raise Unavailable(
                    "HOLDFAST_REDIS_URL is set, but the Redis client is not installed: pip install 'holdfast[redis]'."
                ) from missing
            self._made = redis.Redis.from_url(  # pyright: ignore[reportUnknownMemberType] -- its options are not typed
                self._url,
                protocol=2,
                socket_connect_timeout=CONNECT_S,
                socket_timeout=ANSWER_S,
                health_check_interval=30,
            )
        return self._made

    @contextmanager
    def answering(self) -> Generator[Any]:
        """The client; what it raises is explained, without the password that its URL may hold."""
        client = self.client
        from redis.exceptions import RedisError

        try:
            yield client
        except (RedisError, OSError) as failed:
            reason = str(failed).rstrip(". ") or type(failed).__name__
            raise Unavailable(f"{self.place} does not answer: {reason}. {WAY_OUT}") from failed

    @property
    def place(self) -> str:
        parts = urlsplit(self._url)
        return f"Redis at {parts.hostname}:{parts.port or 6379}" if parts.hostname else f"Redis at {parts.path}"

    async def close(self) -> None:
        if self._made is not None:
            await self._made.aclose()


WAY_OUT = "Start it, or correct HOLDFAST_REDIS_URL; without that setting the database keeps the events."


class RedisFeed:
    """Any number of servers write and read here; a reader that waits is woken by Redis itself."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._append: Any = None

    async def check(self) -> None:
        with self._redis.answering() as client:
            await client.ping()

    async def append(self, topic: Topic, entries: Sequence[Entry]) -> None:
        values = [value for entry in entries for value in (entry.seq, entry.data, entry.mark)]
        with self._redis.answering() as client:
            self._append = self._append or client.register_script(APPEND)
            kept = await self._append(
                keys=[_key(topic, "events"), _key(topic, "writer")], args=[topic.epoch, KEPT_S, *values]
            )
        if not kept:
            raise Superseded(f"Run {topic.run_id} is worked on by another server.")

    async def read(self, topic: Topic, after: int, limit: int, wait: Wait | None = None) -> list[Entry]:
        loop = asyncio.get_running_loop()
        until = loop.time() + (wait.seconds if wait else 0)
        while True:
            left = until - loop.time()
            block = None if wait is None or left <= 0 else max(1, int(min(left, LONGEST_BLOCK_S) * 1000))
            with self._redis.answering() as client:
                found = await client.xread({_key(topic, "events"): f"{after}-0"}, count=limit, block=block)
            if found or block is None:
                return [_entry(*each) for _, entries in found for each in entries]

    async def forget(self, organization_id: str, run_ids: Sequence[str]) -> None:
        with self._redis.answering() as client:
            for run_id in run_ids:
                topic = Topic(organization_id, run_id)
                await client.delete(_key(topic, "events"), _key(topic, "writer"))

    async def close(self) -> None:
        await self._redis.close()


class RedisCalls:
    """Calls over a channel that every server listens to."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def call(self, run_id: str) -> None:
        with self._redis.answering() as client:
            await client.publish(CALLS, run_id)

    async def heard(self) -> AsyncGenerator[str]:
        """While Redis is away nothing is heard."""
        while True:
            async with aclosing(self._until_away()) as calls:
                async for run_id in calls:
                    yield run_id
            await asyncio.sleep(AGAIN_S)

    async def _until_away(self) -> AsyncGenerator[str]:
        try:
            async with aclosing(self._messages()) as calls:
                async for run_id in calls:
                    yield run_id
        except Unavailable as away:
            log.warning("%s", away.detail)

    async def _messages(self) -> AsyncGenerator[str]:
        with self._redis.answering() as client:
            calls = client.pubsub(ignore_subscribe_messages=True)
            async with aclosing(calls):
                await calls.subscribe(CALLS)
                while True:
                    yield await _next(calls)


async def _next(calls: Any) -> str:
    while True:
        message = await calls.get_message(timeout=LONGEST_BLOCK_S)
        if message is not None:
            return message["data"].decode()


def _key(topic: Topic, what: str) -> str:
    """The braces keep both keys of a run on one node of a cluster."""
    return f"{PREFIX}:{topic.organization_id}:{{{topic.run_id}}}:{what}"


def _entry(id: bytes, fields: dict[bytes, bytes]) -> Entry:
    return Entry(int(id.partition(b"-")[0]), fields[b"data"], fields[b"mark"].decode())
