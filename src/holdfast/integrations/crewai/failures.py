"""What went wrong, whether it may be tried again, and what to do about it."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from letta_client import APIError

GUIDANCE = {
    400: "The request is wrong; correct it before sending it again.",
    401: "Set LETTA_API_KEY to a key or the password of the server.",
    403: "The key may not do this; use one with more rights.",
    404: "What was asked for is not there, or belongs to someone else.",
    408: "The server gave up waiting; try again.",
    409: "The agent is busy with another message; try again when that has been answered.",
    413: "The text is too long for one request; store it in parts.",
    422: "The request is wrong; correct it before sending it again.",
    429: "Too much was asked at once; wait as long as the answer says and try again.",
}
UNREACHED = "Is the server running, and is LETTA_SERVER_URL its address? Nothing is lost by trying again."
LATE = "The server did not answer in time; it may still do what was asked. Try again, or allow it a longer timeout."
FAILED = "The server failed; its log says why. Try again later."
MAY_SUCCEED_LATER = frozenset((408, 409, 429))


class MemoryServiceError(Exception):
    """A call that failed. `status_code` is the server's, or None when no answer came."""

    def __init__(self, message: str, status_code: int | None = None, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.retryable = retryable
        """Whether the same call may succeed later; it has been repeated as often as `MemoryServer.retries` says."""


@contextmanager
def told(url: str) -> Generator[None]:
    """Failures of the client library as ours."""
    from letta_client import APIError

    try:
        yield
    except APIError as error:
        raise _explained(error, url) from error
    except UnicodeEncodeError as error:
        raise MemoryServiceError(
            "The text holds half of a surrogate pair, which no UTF-8 can carry; clean it with "
            "text.encode('utf-8', 'replace').decode().",
            422,
        ) from error


def _explained(error: "APIError", url: str) -> MemoryServiceError:
    from letta_client import APIConnectionError, APIStatusError, APITimeoutError

    if isinstance(error, APITimeoutError):
        return MemoryServiceError(f"No answer from {url}. {LATE}", retryable=True)
    if isinstance(error, APIConnectionError):
        return MemoryServiceError(f"No connection to {url}. {UNREACHED}", retryable=True)
    if isinstance(error, APIStatusError):
        status = error.status_code
        guidance = GUIDANCE.get(status, FAILED)
        later = status in MAY_SUCCEED_LATER or status >= 500
        return MemoryServiceError(f"{_detail(error)} (HTTP {status}) {guidance}", status, retryable=later)
    return MemoryServiceError(f"{url} answers with something else than JSON of the API: {error}")


def _detail(error: "APIError") -> str:
    body = error.body
    if isinstance(body, dict):
        detail = cast(dict[str, Any], body).get("detail")
        if isinstance(detail, str):
            return detail
    return str(error)
