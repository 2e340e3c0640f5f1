"""A turn's events as the frames of a stream, in the view of one request (CONTRACT §3.2).

Frames hold `"seq_id":null`; a run whose frames are numbered puts its number there.
"""

from uuid import uuid4

from holdfast.errors import AppError
from holdfast.kit.clock import now
from holdfast.kit.reply import encode
from holdfast.kit.sse import DONE, frame
from holdfast.loop.events import Began, Committed, Compacted, Ended, Event, Said
from holdfast.turns.answer import shown, stop_reason, usage, view_of
from holdfast.turns.frames import Frames
from holdfast.turns.requests import SendMessage
from holdfast.turns.shapes import ErrorMessage, Ping
from holdfast.turns.tokens import Tokens


class Chunks:
    """The frames of one run for one client; events come in order."""

    def __init__(self, run_id: str, body: SendMessage) -> None:
        self._run_id = run_id
        self._view = view_of(body)
        self._tokens = Tokens(self._view) if body.stream_tokens else None
        self._frames = Frames(run_id)

    def of(self, event: Event) -> list[bytes]:
        """What a client is shown of an event, which may be nothing."""
        match event:
            case Said():
                return list(map(self._frames.of, self._tokens.said(event))) if self._tokens else []
            case Committed() if self._tokens:
                return [frame(encode(message)) for message in self._tokens.committed(list(event.messages))]
            case Committed() | Compacted():
                return [frame(encode(message)) for message in shown(event, self._view)]
            case Ended():
                return end(self._run_id, event)
            case Began():
                if self._tokens:
                    self._tokens.thinking, self._tokens.asks = event.thinking, event.asks
                return []


def end(run_id: str, event: Ended) -> list[bytes]:
    frames = [frame(encode(stop_reason(event.stop_reason)))]
    if event.error is not None:
        frames.append(error_frame(run_id, event.error))
    else:
        frames.append(frame(encode(usage(event.spent, [run_id]))))
    return [*frames, DONE]


def ping(run_id: str, seq_id: int | None = None) -> bytes:
    shown: Ping = {
        "message_type": "ping",
        "id": f"ping-{uuid4()}",
        "date": now().isoformat(timespec="seconds"),
        "name": None,
        "otid": None,
        "sender_id": None,
        "step_id": None,
        "is_err": None,
        "seq_id": seq_id,
        "run_id": run_id,
    }
    return frame(encode(shown))


def error_frame(run_id: str, error: AppError) -> bytes:
    shown: ErrorMessage = {
        "message_type": "error_message",
        "run_id": run_id,
        "error_type": error.code,
        "message": error.detail,
        "detail": error.explanation or error.detail,
        "seq_id": None,
    }
    return frame(encode(shown), b"error")
