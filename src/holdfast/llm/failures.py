"""What a model provider's failure means: one error per cause, naming provider, host, status and the way out."""

import re
from dataclasses import dataclass, field
from typing import Any

import orjson

from holdfast.errors import ModelError
from holdfast.kit.egress import Guard


@dataclass(frozen=True, slots=True)
class Target:
    """Where a provider is reached and how."""

    provider: str
    base_url: str
    headers: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    timeout: float = 300.0
    """Seconds of silence after which an answer counts as lost."""
    key_env: str | None = None
    """The environment variable that holds the key."""
    url_env: str | None = None
    """The environment variable that holds the address."""
    forbidden: str | None = None
    """What a refusal for want of rights is called (403), where that does not mean that the key is wrong."""
    local: bool = False
    """Whether this is a program that the user starts, rather than a service."""
    stored_as: str | None = None
    """The id of the provider that an organization has added; None: the server's settings say where it is."""
    guard: Guard | None = None
    """Checks where its connections go; None: the administrator's word is enough."""

    @property
    def host(self) -> str:
        return self.base_url.partition("://")[2].partition("/")[0].rpartition("@")[2] or self.base_url


class StreamBroken(ModelError):
    """The answer ended before its end, after some of it was already passed on: asking again would repeat that part."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__("stream_incomplete", message, detail)


class ContextOverflow(ModelError):
    """The request is longer than the model's context window."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__("llm_bad_request", message, detail)


class ProviderUnreachable(ModelError):
    """Nobody answers at the provider's address."""

    def __init__(self, message: str, detail: str, address: str) -> None:
        super().__init__("llm_error", message, detail)
        self.address = address


class Unusable(ModelError):
    """The answer is not what the protocol promises."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__("llm_error", message, detail)


class Retryable(Exception):
    """A failure that another attempt may cure; `error` is what the caller is told when none does."""

    def __init__(self, error: ModelError, wait: float | None = None) -> None:
        super().__init__(error.detail)
        self.error = error
        self.wait = wait


_OVERFLOW = (
    "context_length_exceeded",
    "maximum context length",
    "context length exceeded",
    "context window",
    "exceeds the available context size",
    "exceeds the context length",
    "exceeds the maximum number of tokens",
    "prompt is too long",
    "input is too long",
    "too many tokens",
    "exceed context limit",
)
_NO_CREDIT = (
    "insufficient_quota",
    "insufficient credit",
    "insufficient balance",
    "credit balance",
    "billing_hard_limit",
)


_BAD_KEY = ("security token", "signature", "authentication", "api key")


def refused(target: Target, status: int, body: bytes) -> ModelError:
    """The meaning of an HTTP status that is not a success."""
    said = message_of(body)
    is_bad_key = status == 400 and "api key not valid" in said.lower()
    where = f"{target.provider} ({target.host}) answered {status}"
    error = _by_words(where, status, said) or _by_status(target, where, 401 if is_bad_key else status, said)
    error.explanation = said
    return error


def _by_words(where: str, status: int, said: str) -> ModelError | None:
    words = said.lower()
    if status == 413 or (status != 429 and any(word in words for word in _OVERFLOW)):
        return ContextOverflow(f"{where}: the request is longer than the model's context window. {said}")
    if any(word in words for word in _NO_CREDIT):
        return ModelError("llm_insufficient_credits", f"{where}: the account has no credit left. {said}")
    return None


def _by_status(target: Target, where: str, status: int, said: str) -> ModelError:
    match status:
        case 403 if target.forbidden and not any(word in said.lower() for word in _BAD_KEY):
            return ModelError(target.forbidden, f"{where}: the account has no right to this model. {said}".strip())
        case 401 | 403:
            return ModelError(
                "llm_authentication", f"{where}: the key was not accepted. {_set_key(target)} {said}".strip()
            )
        case 402:
            return ModelError("llm_insufficient_credits", f"{where}: the account has no credit left. {said}".strip())
        case 408 | 504:
            return ModelError(
                "llm_timeout", f"{where}: the model took too long. Send the message again. {said}".strip()
            )
        case 429:
            return ModelError("llm_rate_limit", f"{where}: too many requests. Wait a little. {said}".strip())
        case 404:
            return ModelError(
                "llm_bad_request", f"{where}: no such model or address. {_check_url(target)} {said}".strip()
            )
        case _ if 300 <= status < 400:
            return ModelError("llm_bad_request", f"{where}, a redirect. {_check_url(target)}")
        case _ if status < 500:
            return ModelError("llm_bad_request", f"{where}: {said or 'the request was not accepted.'}")
        case _:
            return ModelError("llm_error", f"{where}: {said or 'the provider failed.'} Send the message again.")


def unreachable(target: Target, reason: str) -> ModelError:
    """Nothing listens at the provider's address, or its name does not resolve."""
    hint = f"Is {target.provider} running? " if target.local else ""
    text = f"{target.provider} cannot be reached at {target.host}. {hint}{_check_url(target)}"
    return ProviderUnreachable(text, reason, target.base_url)


def silent(target: Target, reason: str) -> ModelError:
    """The provider accepted the request and then sent nothing for too long."""
    return ModelError(
        "llm_timeout",
        f"{target.provider} ({target.host}) sent nothing for {target.timeout:g} seconds. "
        "Raise LETTA_LLM_REQUEST_TIMEOUT_SECONDS if the model needs longer.",
        reason,
    )


def lost(target: Target, reason: str) -> ModelError:
    """The connection ended before an answer came."""
    return ModelError(
        "llm_error", f"{target.provider} ({target.host}) closed the connection before it answered.", reason
    )


def broken(target: Target, reason: str) -> StreamBroken:
    """The answer was cut off after its beginning had been passed on."""
    return StreamBroken(
        f"{target.provider} ({target.host}) stopped in the middle of its answer. Send the message again.", reason
    )


def unsendable(target: Target, reason: str) -> ModelError:
    """The request cannot be written as HTTP, which only a key with odd characters causes."""
    return ModelError(
        "llm_authentication",
        f"The key of {target.provider} holds characters that no key has. {_set_key(target)}",
        reason,
    )


def unusable(target: Target, what: str, body: bytes = b"") -> Unusable:
    """An answer that cannot be read."""
    return Unusable(
        f"{target.provider} ({target.host}) {what}. {_check_url(target)}",
        body[:500].decode(errors="replace"),
    )


def empty(target: Target, model: str) -> ModelError:
    """The model ended its answer without saying or doing anything."""
    return ModelError(
        "llm_empty_response",
        f"{model} of {target.provider} ({target.host}) gave an empty answer. "
        "Send the message again or choose another model.",
    )


def reported(target: Target, body: dict[str, Any]) -> ModelError:
    """An error object inside an answer that began as a success."""
    error = body.get("error")
    code: Any = error.get("code") if isinstance(error, dict) else body.get("code")  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType] -- decoded JSON
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return refused(target, status, orjson.dumps(body))


def delay_in(body: bytes) -> float | None:
    """How many seconds a refusal asks to wait, where Google says it: inside."""
    found = re.search(rb'"retryDelay"\s*:\s*"(\d{1,9}(?:\.\d{1,9})?)s"', body)
    return float(found[1]) if found else None


def message_of(body: bytes) -> str:
    """The sentence inside a provider's error body, whatever its shape."""
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body[:300].decode(errors="replace").strip()
        return "" if text.startswith("<") else text
    if isinstance(found, list) and len(found) == 1:  # pyright: ignore[reportUnknownArgumentType] -- decoded JSON
        found = found[0]  # pyright: ignore[reportUnknownVariableType] -- decoded JSON
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(name):  # pyright: ignore[reportUnknownMemberType] -- decoded JSON
            found = found[name]  # pyright: ignore[reportUnknownVariableType] -- decoded JSON
    code: Any = _field(orjson.loads(body), "code")
    text = found if isinstance(found, str) else orjson.dumps(found).decode()
    return f"{text[:1000]} ({code})" if isinstance(code, str) and code not in text else text[:1000]


def _field(body: Any, name: str) -> Any:
    inner: Any = body.get("error", body) if isinstance(body, dict) else None  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType] -- decoded JSON
    return inner.get(name) if isinstance(inner, dict) else None  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType] -- decoded JSON


def forbidden(target: Target, reason: str) -> ModelError:
    """The provider's address is one that this server does not connect to for an organization."""
    return ModelError("llm_bad_request", f"{target.provider} cannot be used. {reason}")


def _set_key(target: Target) -> str:
    if target.stored_as:
        return f"Give it a valid key with PATCH /v1/providers/{target.stored_as}."
    return f"Set {target.key_env} to a valid key." if target.key_env else "Check its key."


def _check_url(target: Target) -> str:
    place = f"PATCH /v1/providers/{target.stored_as}" if target.stored_as else target.url_env
    named = f" ({place})" if place else ""
    return f"Check the address {target.base_url}{named}."
