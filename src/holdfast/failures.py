"""Rendering of everything that can go wrong into answers: one place, no traceback on the wire."""

import logging
from typing import Any, cast

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from holdfast.errors import AppError, Invalid, ModelError
from holdfast.kit.ids import new_id
from holdfast.kit.reply import reply
from holdfast.kit.routes import Failure

log = logging.getLogger("holdfast")


SECRET = frozenset(("api_key", "access_key"))
"""Fields whose values no error repeats."""


async def on_app_error(request: Request, error: Exception) -> Response:
    failed = cast(AppError, error)
    if failed.http_status in (500, 503) and not isinstance(failed, ModelError):
        cause = failed.__cause__ if failed.http_status == 500 else None
        log.error("%s %s: %s", request.method, request.url.path, failed.detail, exc_info=cause)
    render = _failure(request)
    status, body = (failed.http_status, failed.body()) if render is None else render(failed)
    return reply(body, status, failed.headers())


async def on_validation_error(request: Request, error: Exception) -> Response:
    """422 with one readable sentence per fault, as a string: that is what V1's clients print."""
    faults: list[Any] = list(cast(RequestValidationError, error).errors())
    detail = "; ".join(_sentence(f) for f in faults[:20])
    if (render := _failure(request)) is not None:
        status, told = render(Invalid(detail))
        return reply(told, status)
    body: dict[str, Any] = {"trace_id": _trace_id(request), "detail": detail}
    examples = [e for f in faults for e in _examples(f)]
    if examples:
        body["examples"] = examples
    return reply(body, 422)


async def on_http_error(_request: Request, error: Exception) -> Response:
    failed = cast(HTTPException, error)
    return reply({"detail": str(failed.detail)}, failed.status_code, dict(failed.headers or {}))


async def on_bug(request: Request, error: Exception) -> Response:
    """A fault of ours: the log has the traceback, the answer has the id to find it by."""
    trace_id = _trace_id(request)
    log.error("%s %s failed [%s]", request.method, request.url.path, trace_id, exc_info=error)
    detail = f"Holdfast made a mistake ({type(error).__name__}); the server's log has the details under {trace_id}."
    return reply({"detail": detail, "trace_id": trace_id}, 500, {"x-should-retry": "false"})


def _failure(request: Request) -> Failure | None:
    """How the clients of this operation are told of failures, if not as V1's are."""
    return getattr(request.scope.get("route"), "failure", None)


def _trace_id(request: Request) -> str:
    return request.headers.get("x-api-request-log-id") or new_id("trace")


def _sentence(fault: dict[str, Any]) -> str:
    """`body.limit: Input should be a valid integer, got 'x'`"""
    if fault["type"] == "json_invalid":
        return f"body: this is not JSON that can be read: {fault['ctx']['error']}"
    where = ".".join(str(part) for part in fault["loc"])
    quiet = fault["type"] == "missing" or not SECRET.isdisjoint(fault["loc"])
    got = "" if quiet else f", got {_short(fault.get('input'))}"
    return f"{where}: {fault['msg']}{got}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _examples(fault: dict[str, Any]) -> list[str]:
    """A path id that does not look like one is answered with one that does."""
    context: dict[str, Any] = fault.get("ctx") or {}
    pattern = str(context.get("pattern", ""))
    if fault["loc"][0] != "path" or not pattern.startswith("^"):
        return []
    return [f"{pattern[1:].split('-[')[0]}-123e4567-e89b-42d3-8456-426614174000"]
