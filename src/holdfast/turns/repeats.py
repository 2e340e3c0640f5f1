"""Background requests that arrive more than once find the run that they have started before (CONTRACT §3.3)."""

from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256

from holdfast.auth.model import Who
from holdfast.feed.port import KEPT_S
from holdfast.kit.clock import now
from holdfast.kit.reply import encode
from holdfast.messages.threads import Thread
from holdfast.runs import leases
from holdfast.runs import store as runs
from holdfast.runs.model import Run
from holdfast.store.table import Tx
from holdfast.turns.requests import SendMessage

REPEATED_WITHIN_S = 60.0
"""How long after its end a run answers a request that the SDK sends again, as the lost answer of the first."""


def key_of(body: SendMessage) -> str:
    """What tells a request from others: the `otid`s that it brings, or else all of it."""
    otids = [item.otid for item in body.items if item.otid]
    return key_of_otids(otids) if otids else f"body:{sha256(encode(body.model_dump())).hexdigest()}"


def key_of_otids(otids: Iterable[str]) -> str:
    return f"otids:{sha256(encode(list(otids))).hexdigest()}"


def started(tx: Tx, who: Who, thread: Thread, key: str, *, is_repeated: bool) -> Run | None:
    """The run of the same request, unless it failed. Without `otid`s only a repeat of the SDK is the same request."""
    by_otids = key.startswith("otids:")
    if not by_otids and not is_repeated:
        return None
    leases.lock(tx, thread)
    found = runs.with_key(tx, who, thread.id, key)
    if found is None or found.status == "failed":
        return None
    kept = timedelta(seconds=KEPT_S if by_otids else REPEATED_WITHIN_S)
    return found if found.completed_at is None or found.completed_at + kept > now() else None
