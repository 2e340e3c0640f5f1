"""JSON over HTTP, with errors that a person at a screen can act on."""

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

SECONDS = 20
MOST_BYTES = 32 * 1024 * 1024


class HoldfastError(Exception):
    """The server cannot be reached, or refuses; its text is for the user."""


class NotThereError(HoldfastError):
    """What was asked for does not exist, or not any more."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The key is for the server that was configured, not for whoever it points to."""

    def redirect_request(self, *_: Any) -> None:
        return None


def address(base: Any) -> str:
    """The server's root, from what somebody typed as its address: `False` where nothing was, as Odoo has it."""
    text = str(base or "").strip().rstrip("/").removesuffix("/v1")
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_url = False
    if not is_url or parts.query or parts.fragment or not text.isascii() or not text.isprintable() or " " in text:
        raise HoldfastError(
            f"{text[:200]!r} is no address of a Holdfast server. Enter one such as"
            " http://localhost:8283 at the provider."
        )
    return text


@dataclass(frozen=True, repr=False)
class Connection:
    """One server, and the key to show it, if any."""

    base: Any
    key: Any = None
    seconds: float = SECONDS

    @property
    def root(self) -> str:
        return address(self.base)

    def get(self, path: str, **query: Any) -> Any:
        return self._ask("GET", f"{path}?{urlencode(query, doseq=True)}" if query else path)

    def post(self, path: str, body: Any) -> Any:
        return self._ask("POST", path, body)

    def patch(self, path: str, body: Any = None) -> Any:
        return self._ask("PATCH", path, body)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        root = self.root
        data = None if body is None else json.dumps(body).encode()
        try:
            request = urllib.request.Request(  # noqa: S310 -- `address` lets http and https pass only
                root + path, data, self._headers(), method=method
            )
            with urllib.request.build_opener(_NoRedirects).open(request, timeout=self.seconds) as answer:
                return _json(answer.read(MOST_BYTES + 1), root)
        except urllib.error.HTTPError as refused:
            raise _refusal(refused, root) from None
        except (OSError, http.client.HTTPException, ValueError) as failed:
            raise HoldfastError(f"The Holdfast server at {root} cannot be asked: {_reason(failed)}.") from None

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self.key:
            key = str(self.key).strip()
            if not key.isascii() or not key.isprintable():
                raise HoldfastError("The provider's API key holds characters that no key has. Enter it anew.")
            headers["Authorization"] = f"Bearer {key}"
        return headers


def _reason(failed: Exception) -> str:
    return str(getattr(failed, "reason", None) or failed or type(failed).__name__)


def _json(body: bytes, root: str) -> Any:
    if len(body) > MOST_BYTES:
        raise HoldfastError(f"The server at {root} answers with more than {MOST_BYTES // 2**20} MB.")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise HoldfastError(f"What answers at {root} is no Holdfast server: its answer is not JSON.") from None


def _refusal(refused: urllib.error.HTTPError, root: str) -> HoldfastError:
    if 300 <= refused.code < 400:
        where = refused.headers.get("Location", "elsewhere")
        return HoldfastError(f"{root} sends on to {where}. Enter the address that it leads to at the provider.")
    try:
        detail = _detail(json.loads(refused.read(MOST_BYTES)))
    except (OSError, ValueError, http.client.HTTPException, RecursionError):
        detail = ""
    if refused.code == 401:
        return HoldfastError(f"The server at {root} does not accept the provider's API key. {detail}".rstrip())
    kind = NotThereError if refused.code == 404 else HoldfastError
    return kind(detail or f"The server at {root} answers with status {refused.code}.")


def _detail(body: Any) -> str:
    """The sentence of an error, or those of all fields that it is about."""
    detail = body.get("detail", "") if isinstance(body, dict) else ""
    if isinstance(detail, list):
        return " ".join(str(each.get("msg", "")) for each in detail if isinstance(each, dict))
    return str(detail)
