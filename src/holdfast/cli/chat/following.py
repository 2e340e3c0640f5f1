"""The events of a turn, whatever happens to the connection: the run goes on, and is read on where it was left."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from holdfast.cli.client import Away, Client, Event, Refused
from holdfast.errors import AppError

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 3.0

WHOLE = "answer_anew"
"""An event of our own: what was shown of the answer is void, all of it follows."""

T = TypeVar("T")


@dataclass
class Patience:
    """How long a server may be away, and what the user is told meanwhile."""

    seconds: float
    note: Callable[[str], None]
    _since: float | None = field(default=None, init=False)
    _pause: float = field(default=FIRST_PAUSE_S, init=False)

    def wait(self, problem: AppError) -> bool:
        """Wait for the next try; False when it has been long enough."""
        moment = time.monotonic()
        if self._since is None:
            self._since = moment
            self.note(f"[reconnecting … {problem}]")
        left = self._since + self.seconds - moment
        if left <= 0:
            self.restore()
            return False
        time.sleep(min(self._pause, left))
        self._pause = min(self._pause * 1.5, LONGEST_PAUSE_S)
        return True

    def restore(self) -> None:
        """The server is there."""
        self._since, self._pause = None, FIRST_PAUSE_S

    def insist(self, call: Callable[[], T]) -> T:
        """What the call returns, as soon as the server is there."""
        while True:
            try:
                found = call()
            except Away as problem:
                if not self.wait(problem):
                    raise
            else:
                self.restore()
                return found


@dataclass
class Following:
    """One run: started by a request, or started before and read from its first event on."""

    client: Client
    patience: Patience
    path: str = ""
    body: dict[str, Any] = field(default_factory=dict[str, Any])
    run_id: str | None = None
    _at: int = field(default=0, init=False)
    """The number of the last event that was shown."""
    _is_repeated: bool = field(default=False, init=False)
    _torn_at: int = field(default=-1, init=False)
    """Where the server ended the stream although the run had not ended."""

    def events(self) -> Iterator[Event]:
        """Every event once, in order, to the end of the run."""
        while True:
            try:
                yield from self._attempt()
            except Away as problem:
                self._is_repeated = True
                if not self.patience.wait(problem):
                    raise AppError(self._farewell(problem)) from problem
            except Refused:
                if self.run_id is None:
                    raise
                yield from self._record()
                return
            else:
                self.patience.restore()
                return

    def _attempt(self) -> Iterator[Event]:
        for event in self._stream():
            self.run_id = event.data.get("run_id") or self.run_id
            number = event.data.get("seq_id")
            if self.run_id is not None and _is_torn(event):
                yield from self._torn(self.run_id, event)
                return
            if self._torn_at < self._at:
                self.patience.restore()
            if not isinstance(number, int):
                yield event
            elif number > self._at:
                self._at = number
                yield event

    def _stream(self) -> Iterator[Event]:
        if self.run_id is None:
            return self.client.stream(self.path, self.body, is_repeated=self._is_repeated)
        return self.client.stream(f"/v1/runs/{self.run_id}/stream", {"starting_after": self._at})

    def _torn(self, run_id: str, event: Event) -> Iterator[Event]:
        """The server cannot tell more of a run: for now, or any more."""
        again, self._torn_at = self._torn_at == self._at, self._at
        if again and self.client.call("GET", f"/v1/runs/{run_id}")["completed_at"]:
            yield from self._record()
            return
        raise Away(event.data.get("message") or "the stream ended before the answer did")

    def _record(self) -> Iterator[Event]:
        """The messages of a run whose events are not kept: those that are stored, whole."""
        path = f"/v1/runs/{self.run_id}"
        run: dict[str, Any] = self.patience.insist(lambda: self.client.call("GET", path))
        found = self.patience.insist(lambda: self.client.call("GET", f"{path}/messages", limit=1000))
        yield Event(WHOLE, {"run_id": self.run_id})
        for message in found:
            if message["message_type"] not in ("user_message", "system_message"):
                yield Event("", message)
        yield Event("", {"message_type": "stop_reason", "stop_reason": run.get("stop_reason") or ""})
        if not run.get("completed_at"):
            raise AppError(f"The rest of the answer cannot be followed; run {self.run_id} goes on, /history shows it.")
        metadata: dict[str, Any] = run.get("metadata") or {}
        if failed := metadata.get("error"):
            yield Event("error", failed)

    def _farewell(self, problem: AppError) -> str:
        if self.run_id is None:
            return f"{problem} Whether the message has arrived is not known; /history shows it when the server is back."
        return (
            f"{problem} Run {self.run_id} goes on as soon as the server is back: "
            "`holdfast chat` then continues in the same thread, with the rest of this answer."
        )


def _is_torn(event: Event) -> bool:
    """The end of a stream and not of its run: what ends a run has a number."""
    data = event.data
    return event.kind == "error" and data.get("error_type") == "stream_incomplete" and data.get("seq_id") is None
