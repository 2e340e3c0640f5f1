"""What can go wrong, by meaning; each class knows its HTTP status, and one place renders them all."""

from collections.abc import Mapping
from typing import Any, ClassVar


class AppError(Exception):
    """Something the caller can be told: `detail` names the thing, the value and the way out."""

    status: ClassVar[int] = 500
    retry: bool | None = None
    """What `x-should-retry` says to the SDK; None leaves its own rules in force."""
    code: str = "internal_error"
    """The kind of failure, in the words of a stream's error event (CONTRACT §3.2)."""
    explanation: str = ""

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra

    @property
    def http_status(self) -> int:
        return self.status

    def body(self) -> Mapping[str, Any]:
        return {"detail": self.detail, **self.extra}

    def account(self) -> dict[str, str]:
        """What a failed run or step keeps of it."""
        return {"type": self.code, "message": self.detail, "detail": self.explanation}

    def headers(self) -> dict[str, str]:
        return {} if self.retry is None else {"x-should-retry": str(self.retry).lower()}


class BadRequest(AppError):
    status = 400


class Unauthorized(AppError):
    status = 401

    def headers(self) -> dict[str, str]:
        return {**super().headers(), "WWW-Authenticate": "Bearer"}


class Forbidden(AppError):
    status = 403


class NotFound(AppError):
    status = 404


class NotAllowed(AppError):
    status = 405


class Conflict(AppError):
    status = 409


class Busy(Conflict):
    """Another turn holds the thread; a blind repeat would only queue behind it again."""

    retry = False


class PendingApproval(Conflict):
    """A thread waits for an answer about tool calls, and got something else."""

    retry = False

    def __init__(self, detail: str, request_id: str) -> None:
        super().__init__(detail)
        self.request_id = request_id

    def body(self) -> Mapping[str, Any]:
        told = {"code": "PENDING_APPROVAL", "message": self.detail, "pending_request_id": self.request_id}
        return {"detail": told}


class Gone(AppError):
    """It was there, and is not kept any longer."""

    status = 410


class TooLarge(AppError):
    status = 413


class Invalid(AppError):
    """The request is well-formed JSON of the wrong shape."""

    status = 422


class BadGateway(AppError):
    """Somebody whom we asked on the caller's behalf failed."""

    status = 502
    retry = False


class Unavailable(AppError):
    status = 503


class Stopping(Unavailable):
    """The server is about to stop; the one that takes its place, or another, is asked the same soon."""

    def headers(self) -> dict[str, str]:
        return {**super().headers(), "Retry-After": "2"}


class ModelError(AppError):
    """A model provider failed; rendered in the envelope that the SDK knows (CONTRACT §1.5)."""

    retry = False

    def __init__(self, code: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.explanation = detail

    @property
    def http_status(self) -> int:
        return {
            "llm_bad_request": 400,
            "context_window_overflow_in_system_prompt": 400,
            "llm_authentication": 401,
            "llm_insufficient_credits": 402,
            "bedrock_permission_denied": 403,
            "llm_rate_limit": 429,
            "llm_timeout": 504,
        }.get(self.code, 500)

    def body(self) -> Mapping[str, Any]:
        """The envelope; with 400 also `detail`, where clients look for what any bad request says."""
        told = {"error": {"type": self.code, "message": self.detail, "detail": self.explanation}}
        return {"detail": self.detail, **told} if self.http_status == BadRequest.status else told
