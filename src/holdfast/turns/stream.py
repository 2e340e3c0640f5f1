"""A turn's events as server-sent events (CONTRACT §3.2)."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from holdfast.errors import ModelError
from holdfast.loop.events import Ended
from holdfast.turns.chunks import Chunks, end, ping
from holdfast.turns.live import Live

LONGEST_SILENCE_S = 1800.0
"""A stream that has had nothing but pings for this long is ended."""


async def stream(live: Live, keepalive: float) -> AsyncGenerator[bytes]:
    body = live.asked.body
    chunks = Chunks(live.run_id, body)
    sent = time.monotonic()
    if body.include_pings:
        yield ping(live.run_id)
    async with aclosing(live.events.batches(silence=keepalive)) as batches:
        async for events in batches:
            moment = time.monotonic()
            data = b"".join(frame for event in events for frame in chunks.of(event))
            if not data and moment - live.events.moved_at > LONGEST_SILENCE_S:
                yield b"".join(end(live.run_id, Ended("error", error=silent(live.run_id))))
                return
            if not data and moment - sent >= keepalive:
                data = ping(live.run_id) if body.include_pings else b": still here\n\n"
            if data:
                sent = moment
                yield data


def silent(run_id: str) -> ModelError:
    return ModelError(
        "stream_incomplete",
        f"Nothing was heard for {LONGEST_SILENCE_S:.0f} seconds. The run goes on: GET /v1/runs/{run_id}.",
    )
