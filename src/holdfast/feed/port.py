"""The feed of a run: numbered frames that outlive whoever writes or reads them (DESIGN §10)."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from holdfast.errors import AppError

KEPT_S = 3 * 3600
"""How long the frames of a run are kept (CONTRACT §3.3)."""

END = "end"
"""The mark of a feed's last frame."""


class Superseded(AppError):
    """Another writer has taken the feed over."""

    status = 409
    retry = False


@dataclass(frozen=True, slots=True)
class Topic:
    """A run's feed. `epoch` counts its writers: one that was replaced is refused."""

    organization_id: str
    run_id: str
    epoch: int = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One frame; numbers start at 1 and leave nothing out."""

    seq: int
    data: bytes
    mark: str = ""
    """What is complete with this frame: a step by its id, or the whole feed."""


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a reader waits for the first frame, and how often it looks where nobody would wake it."""

    seconds: float
    poll: float


class Feed(Protocol):
    """Where frames are kept. Whatever fails because the place is away raises `Unavailable`."""

    async def check(self) -> None:
        """Raise unless frames can be kept now."""
        ...

    async def append(self, topic: Topic, entries: Sequence[Entry]) -> None:
        """Keep frames, all or none; those kept before are skipped. An older writer gets `Superseded` from now on."""
        ...

    async def read(self, topic: Topic, after: int, limit: int, wait: Wait | None = None) -> list[Entry]:
        """The frames after a number; with `wait`, only empty when none has come for that long."""
        ...

    async def forget(self, organization_id: str, run_ids: Sequence[str]) -> None:
        """Keep no frame of these runs."""
        ...

    async def close(self) -> None: ...


class Calls(Protocol):
    """Tells all processes at once that something has become of a run, so that its own need not find out by itself."""

    async def call(self, run_id: str) -> None: ...

    def heard(self) -> AsyncIterator[str]:
        """The runs that any process calls about, for ever."""
        ...
