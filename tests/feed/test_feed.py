"""What every place for the events of runs promises (DESIGN §10)."""

import asyncio

import pytest

from holdfast.errors import Unavailable
from holdfast.feed.port import END, Entry, Superseded, Wait
from holdfast.feed.redis import Redis, RedisCalls, RedisFeed
from tests.feed.conftest import Place
from tests.harness.redis import RedisServer
from tests.harness.waiting import free_port

LONG = Wait(10, 0.02)


def entries(first: int, last: int, end: bool = False) -> list[Entry]:
    made = [
        Entry(number, f'data: {{"n":{number},"text":"ü\\u0000"}}\n\n'.encode()) for number in range(first, last + 1)
    ]
    return [*made[:-1], Entry(last, made[-1].data, END)] if end else made


async def test_what_was_appended_is_read_from_any_number_on(place: Place) -> None:
    topic = await place.topic()
    await place.feed.append(topic, entries(1, 3))
    await place.feed.append(topic, entries(4, 5, end=True))
    everything = entries(1, 3) + entries(4, 5, end=True)
    for after in range(6):
        assert await place.other.read(topic, after, 100) == everything[after:]
    assert await place.feed.read(topic, 1, 2) == everything[1:3]
    assert await place.feed.read(topic, 2**53 - 1, 100) == []


async def test_feeds_do_not_mix(place: Place) -> None:
    one, two = await place.topic(), await place.topic()
    await place.feed.append(one, entries(1, 2))
    assert await place.feed.read(two, 0, 10) == []
    elsewhere = type(one)("org-another", one.run_id)
    assert await place.feed.read(elsewhere, 0, 10) == []


async def test_what_is_there_already_is_not_kept_twice(place: Place) -> None:
    """A writer that does not know whether its last frames arrived sends them again."""
    topic = await place.topic()
    await place.feed.append(topic, entries(1, 2))
    await place.feed.append(topic, entries(1, 4))
    assert await place.feed.read(topic, 0, 10) == entries(1, 4)


async def test_a_reader_that_waits_is_woken(place: Place) -> None:
    topic = await place.topic()
    await place.feed.append(topic, entries(1, 1))
    waiting = asyncio.create_task(place.other.read(topic, 1, 10, LONG))
    await asyncio.sleep(0)
    await place.feed.append(topic, entries(2, 2))
    async with asyncio.timeout(5):
        assert await waiting == entries(2, 2)


async def test_a_reader_that_waits_in_vain_gets_nothing(place: Place) -> None:
    topic = await place.topic()
    assert await place.feed.read(topic, 0, 10, Wait(0.05, 0.01)) == []


async def test_many_readers_see_the_same(place: Place) -> None:
    topic = await place.topic()

    async def everything() -> list[Entry]:
        found: list[Entry] = []
        while not found or found[-1].mark != END:
            found += await place.other.read(topic, len(found), 7, LONG)
        return found

    readers = [asyncio.create_task(everything()) for _ in range(10)]
    for first in range(1, 40, 3):
        await place.feed.append(topic, entries(first, first + 2))
    await place.feed.append(topic, entries(40, 40, end=True))
    async with asyncio.timeout(20):
        for reader in readers:
            assert await reader == entries(1, 39) + entries(40, 40, end=True)


async def test_a_writer_that_was_replaced_is_refused(place: Place) -> None:
    topic = await place.topic()
    await place.feed.append(topic, entries(1, 2))
    taken = await place.successor(topic)
    with pytest.raises(Superseded):
        await place.feed.append(topic, entries(3, 3))
    await place.other.append(taken, entries(3, 4))
    assert await place.feed.read(topic, 0, 10) == entries(1, 4)


async def test_a_redis_that_is_away_is_named_without_its_password() -> None:
    feed = RedisFeed(Redis(f"redis://user:the-secret@127.0.0.1:{free_port()}"))
    with pytest.raises(Unavailable) as refused:
        await feed.check()
    assert "HOLDFAST_REDIS_URL" in refused.value.detail
    assert "the-secret" not in refused.value.detail


async def test_a_wrong_password_says_so(redis_server: RedisServer) -> None:
    feed = RedisFeed(Redis(redis_server.url.replace("secret", "another")))
    with pytest.raises(Unavailable, match=r"password|auth"):
        await feed.check()
    await feed.close()


async def test_frames_in_redis_expire(redis_server: RedisServer) -> None:
    redis = Redis(redis_server.url)
    feed = RedisFeed(redis)
    topic = await Place(feed, feed).topic()
    await feed.append(topic, entries(1, 2))
    keys = [key async for key in redis.client.scan_iter(f"holdfast:*{topic.run_id}*")]
    assert len(keys) == 2
    for key in keys:
        assert 0 < await redis.client.ttl(key) <= 3 * 3600
    await feed.close()


async def test_a_call_reaches_those_who_listen(redis_server: RedisServer) -> None:
    redis = Redis(redis_server.url)
    calls = RedisCalls(redis)

    async def first() -> str:
        async for run_id in calls.heard():
            return run_id
        raise AssertionError("nothing was heard")

    listening = asyncio.create_task(first())
    async with asyncio.timeout(10):
        for _ in range(1000):
            if await redis.client.publish("holdfast:calls", "run-1"):
                break
        assert await listening == "run-1"
    await redis.close()
