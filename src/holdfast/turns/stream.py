"""A turn's events as server-sent events (CONTRACT §3.2)."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import uuid4

from holdfast.errors import AppError, ModelError
from holdfast.kit.clock import now
from holdfast.kit.reply import encode
from holdfast.kit.sse import DONE, frame
from holdfast.loop.events import Committed, Compacted, Ended, Event
from holdfast.messages.wire import View
from holdfast.turns.answer import shown, stop_reason, usage, view_of
from holdfast.turns.runner import Live
from holdfast.turns.shapes import ErrorMessage, Ping

LONGEST_SILENCE_S = 1800.0
"""A stream that has had nothing but pings for this long is ended."""


async def stream(live: Live, keepalive: float) -> AsyncGenerator[bytes]:
    body = live.asked.body
    view = view_of(body)
    heard = sent = time.monotonic()
    if body.include_pings:
        yield frame(encode(_ping(live.run_id)))
    async with aclosing(live.events.follow(silence=keepalive)) as events:
        async for event in events:
            moment = time.monotonic()
            data = b"" if event is None else _frames(live, event, view)
            heard = moment if event is not None else heard
            if not data and moment - heard > LONGEST_SILENCE_S:
                yield _end(live, Ended("error", error=_silent(live)))
                return
            if not data and moment - sent >= keepalive:
                data = frame(encode(_ping(live.run_id))) if body.include_pings else b": still here\n\n"
            if data:
                sent = moment
                yield data


def _frames(live: Live, event: Event, view: View) -> bytes:
    """What a client is shown of an event, which may be nothing."""
    match event:
        case Committed() | Compacted():
            return b"".join(frame(encode(message)) for message in shown(event, view))
        case Ended():
            return _end(live, event)
        case _:
            return b""


def _end(live: Live, event: Ended) -> bytes:
    frames = [frame(encode(stop_reason(event.stop_reason)))]
    if event.error is not None:
        frames.append(frame(encode(_error(live.run_id, event.error)), b"error"))
    else:
        frames.append(frame(encode(usage(event.spent, [live.run_id]))))
    return b"".join([*frames, DONE])


def _ping(run_id: str) -> Ping:
    return {
        "message_type": "ping",
        "id": f"ping-{uuid4()}",
        "date": now().isoformat(timespec="seconds"),
        "name": None,
        "otid": None,
        "sender_id": None,
        "step_id": None,
        "is_err": None,
        "seq_id": None,
        "run_id": run_id,
    }


def _silent(live: Live) -> ModelError:
    return ModelError(
        "stream_incomplete",
        f"Nothing was heard for {LONGEST_SILENCE_S:.0f} seconds. The run goes on: GET /v1/runs/{live.run_id}.",
    )


def _error(run_id: str, error: AppError) -> ErrorMessage:
    return {
        "message_type": "error_message",
        "run_id": run_id,
        "error_type": error.code,
        "message": error.detail,
        "detail": error.explanation or error.detail,
        "seq_id": None,
    }
