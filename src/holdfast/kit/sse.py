"""Server-sent events, as bytes."""

from collections.abc import AsyncIterable

from fastapi.responses import StreamingResponse

DONE = b"data: [DONE]\n\n"

HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""Proxies must neither keep nor hold back what is streamed."""


def frame(data: bytes, event: bytes | None = None) -> bytes:
    """One event. Normal ones carry no name: the SDK drops events that do."""
    return b"data: %s\n\n" % data if event is None else b"event: %s\ndata: %s\n\n" % (event, data)


def stream(frames: AsyncIterable[bytes]) -> StreamingResponse:
    return StreamingResponse(frames, media_type="text/event-stream", headers=HEADERS)
