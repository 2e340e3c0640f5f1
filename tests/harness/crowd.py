"""Many clients at once, each with a token stream of its own, and how late what they read was."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp
import orjson

from tests.fakes.ticking_server import Tick, ticks
from tests.harness.tenants import Org
from tests.turns.listening import MODERN

PATIENCE_S = 600


@dataclass
class Heard:
    """What one client read of its stream."""

    agent_id: str
    asked_ns: int
    kinds: list[str] = field(default_factory=list[str])
    text: list[str] = field(default_factory=list[str])
    read_ns: list[int] = field(default_factory=list[int])
    """When each piece of the text was read."""

    @property
    def ticks(self) -> list[Tick]:
        return list(ticks("".join(self.text)))

    @property
    def added_ms(self) -> list[float]:
        """How much later than the model wrote it each word was read."""
        pairs = zip(self.read_ns, self.ticks, strict=True)
        return [(read - tick.written_ns) / 1e6 for read, tick in pairs]

    @property
    def first_ms(self) -> float:
        """The first word, from the request on, without the time that the model took for it."""
        first = self.ticks[0]
        return (self.read_ns[0] - self.asked_ns - (first.written_ns - first.arrived_ns)) / 1e6


def listen(org: Org, agent_ids: Sequence[str], text: str) -> list[Heard]:
    """One token stream from each agent, all at once."""
    return asyncio.run(_listen(org, agent_ids, text))


async def _listen(org: Org, agent_ids: Sequence[str], text: str) -> list[Heard]:
    headers = {**MODERN, "authorization": f"Bearer {org.key}"}
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(org.server.url, headers=headers, timeout=timeout, connector=connector) as http:
        return await asyncio.gather(*(_hear(http, agent_id, text) for agent_id in agent_ids))


async def _hear(http: aiohttp.ClientSession, agent_id: str, text: str) -> Heard:
    body = {"messages": [{"role": "user", "content": text}], "streaming": True, "stream_tokens": True}
    heard = Heard(agent_id, time.monotonic_ns())
    async with http.post(f"/v1/agents/{agent_id}/messages", json=body) as answer:
        assert answer.status == 200, await answer.text()
        async for line in answer.content:
            if line.startswith(b"data: "):
                _note(heard, line[6:].strip())
    return heard


def _note(heard: Heard, data: bytes) -> None:
    if data == b"[DONE]":
        heard.kinds.append("[DONE]")
        return
    event = orjson.loads(data)
    heard.kinds.append(event["message_type"])
    if event["message_type"] == "assistant_message":
        heard.text.append(event["content"])
        heard.read_ns.append(time.monotonic_ns())


def check(org: Org, heard: Heard, words: int) -> None:
    """The stream is whole and in order, and what was read is what is stored."""
    assert [tick.number for tick in heard.ticks] == list(range(words))
    assert set(heard.kinds[:-3]) == {"ping", "assistant_message"}
    assert heard.kinds[-3:] == ["stop_reason", "usage_statistics", "[DONE]"]
    stored = org.http.get(f"/v1/agents/{heard.agent_id}/messages", params={"limit": 1}).json()
    assert [message["content"] for message in stored] == ["".join(heard.text)]


def described(milliseconds: Sequence[float]) -> str:
    """The figures that are reported."""
    cuts = statistics.quantiles(milliseconds, n=100)
    return f"median {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms, p99 {cuts[98]:.1f} ms, most {max(milliseconds):.1f} ms"
