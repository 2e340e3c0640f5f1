"""Telling a URL that a run is over (CONTRACT §3.1): once, without repeats; what became of it is kept in the run."""

from holdfast.errors import BadRequest
from holdfast.kit.clock import now
from holdfast.kit.egress import Egress
from holdfast.kit.reply import encode
from holdfast.runs.model import Run

SECONDS = 5.0


async def call_back(egress: Egress, run: Run) -> bool:
    """Whether somebody had to be told; what became of it is noted in the run."""
    if run.callback_url is None or run.callback_sent_at is not None:
        return False
    body = {"run_id": run.id, "status": run.status, "completed_at": run.completed_at, "metadata": run.metadata}
    try:
        run.callback_status_code = await egress.post(run.callback_url, encode(body), "callback", seconds=SECONDS)
    except BadRequest as failed:
        run.callback_error = failed.detail
    run.callback_sent_at = now()
    return True
