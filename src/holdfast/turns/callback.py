"""Telling a URL that a run or a batch is over (CONTRACT §3.1): once, without repeats; what became of it is kept."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from holdfast.errors import BadRequest
from holdfast.kit.clock import now
from holdfast.kit.egress import Egress
from holdfast.kit.reply import encode
from holdfast.runs.model import Run

SECONDS = 5.0


class CalledBack(Protocol):
    """What has a callback, and keeps what became of it."""

    callback_url: str | None
    callback_sent_at: datetime | None
    callback_status_code: int | None
    callback_error: str | None


async def call_back(egress: Egress, run: Run) -> bool:
    """Whether somebody had to be told; what became of it is noted in the run."""
    body = {"run_id": run.id, "status": run.status, "completed_at": run.completed_at, "metadata": run.metadata}
    return await tell(egress, run, body)


async def tell(egress: Egress, told: CalledBack, body: Mapping[str, Any]) -> bool:
    """Post what is over to the URL that it has, if it has one and that was not done before."""
    if told.callback_url is None or told.callback_sent_at is not None:
        return False
    try:
        told.callback_status_code = await egress.post(told.callback_url, encode(body), "callback", seconds=SECONDS)
    except BadRequest as failed:
        told.callback_error = failed.detail
    told.callback_sent_at = now()
    return True
