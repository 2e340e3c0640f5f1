"""The load of a file as one of V1's jobs."""

from datetime import datetime
from typing import Any, Literal

from typing_extensions import TypedDict

from holdfast.files.jobs import id_of
from holdfast.files.model import AT_WORK, File

JobStatus = Literal["created", "running", "completed", "failed", "pending", "cancelled", "expired"]


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


def job(file: File) -> JobJson:
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
        "total_duration_ns": int((ended - file.created_at).total_seconds() * 1e9) if ended else None,
    }


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
