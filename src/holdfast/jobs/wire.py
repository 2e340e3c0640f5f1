"""What is worked on in the background as V1's jobs: the load of a file, and a batch."""

from datetime import datetime
from typing import Any, Literal

from typing_extensions import TypedDict

from holdfast.batches.model import Batch, ItemStatus
from holdfast.batches.store import Standing
from holdfast.files.jobs import id_of
from holdfast.files.model import AT_WORK, File

JobStatus = Literal["created", "running", "completed", "failed", "pending", "cancelled", "expired"]

COUNTS: dict[str, ItemStatus] = {
    "waiting": "waiting",
    "running": "running",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
}
"""What metadata call the requests of a batch that have a status."""


class JobJson(TypedDict):
    id: str
    created_by_id: str | None
    last_updated_by_id: str | None
    created_at: datetime
    updated_at: datetime | None
    status: JobStatus
    completed_at: datetime | None
    stop_reason: str | None
    metadata: dict[str, Any] | None
    job_type: Literal["job", "run", "batch"]
    background: bool | None
    agent_id: str | None
    callback_url: str | None
    callback_sent_at: datetime | None
    callback_status_code: int | None
    callback_error: str | None
    ttft_ns: int | None
    total_duration_ns: int | None


def load(file: File) -> JobJson:
    """The load of a file."""
    ended = None if file.status in AT_WORK else file.updated_at
    return {
        "id": id_of(file),
        "created_by_id": file.created_by_id,
        "last_updated_by_id": file.last_updated_by_id,
        "created_at": file.created_at,
        "updated_at": file.updated_at,
        "status": _status(file),
        "completed_at": ended,
        "stop_reason": None,
        "metadata": {
            "type": "file_load",
            "source_id": file.folder_id,
            "file_id": file.id,
            "file_name": file.name,
            "total_chunks": file.total_chunks,
            "chunks_embedded": file.chunks_embedded,
            "error_message": file.error_message,
        },
        "job_type": "job",
        "background": True,
        "agent_id": None,
        "callback_url": None,
        "callback_sent_at": None,
        "callback_status_code": None,
        "callback_error": None,
        "ttft_ns": None,
        "total_duration_ns": _between(file.created_at, ended),
    }


def batch(found: Batch, standing: Standing) -> JobJson:
    """A batch, with how many of its requests are how far."""
    return {
        "id": found.id,
        "created_by_id": found.created_by_id,
        "last_updated_by_id": found.last_updated_by_id,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "status": found.status,
        "completed_at": found.completed_at,
        "stop_reason": None,
        "metadata": about(standing),
        "job_type": "batch",
        "background": True,
        "agent_id": None,
        "callback_url": found.callback_url,
        "callback_sent_at": found.callback_sent_at,
        "callback_status_code": found.callback_status_code,
        "callback_error": found.callback_error,
        "ttft_ns": None,
        "total_duration_ns": _between(found.created_at, found.completed_at),
    }


def about(standing: Standing) -> dict[str, Any]:
    """How a batch is getting on, as its metadata say it."""
    failures = [
        {"batch_item_id": item.id, "agent_id": item.agent_id, "run_id": item.run_id, "message": item.problem}
        for item in standing.failures
    ]
    counts = {named: standing.counts.get(status, 0) for named, status in COUNTS.items()}
    return {"type": "batch", "total": sum(counts.values()), **counts, "failures": failures}


def _between(begun: datetime, ended: datetime | None) -> int | None:
    return int((ended - begun).total_seconds() * 1e9) if ended else None


def _status(file: File) -> JobStatus:
    if file.was_cancelled:
        return "cancelled"
    match file.status:
        case "pending" | "parsing":
            return "pending" if file.owner is None else "running"
        case "embedding":
            return "running"
        case "completed":
            return "completed"
        case "error":
            return "failed"
