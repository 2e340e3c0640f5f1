"""Failures as this service's callers read them: always a `detail` that says what to do."""

from typing import Any, cast

from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import Response

from holdfast import failures
from holdfast.errors import AppError, ModelError
from holdfast.kit.reply import reply
from holdfast.llm.failures import ProviderUnreachable


def sentence(failed: AppError, state: State) -> str:
    """What went wrong, and the way out."""
    if isinstance(failed, ProviderUnreachable) and state.qwen.model.type == "ollama":
        return f"Could not connect to Ollama at {failed.address}. Start it with `ollama serve`. {failed.detail}"
    return failed.detail


async def on_failure(request: Request, error: Exception) -> Response:
    failed = cast(AppError, error)
    if not isinstance(failed, ModelError):
        return await failures.on_app_error(request, failed)
    status = 503 if isinstance(failed, ProviderUnreachable) else failed.http_status
    body: dict[str, Any] = {"detail": sentence(failed, request.app.state), **failed.body()}
    return reply(body, status, failed.headers())
