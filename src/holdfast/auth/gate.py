"""The gate in front of every route: who is asking, may they, and is a browser being used against us."""

import hmac
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.auth.keyring import Keyring, digest
from holdfast.auth.model import EVERYONE, Who
from holdfast.errors import AppError, BadRequest, Forbidden, Unauthorized
from holdfast.kit.ids import is_id
from holdfast.kit.reply import reply

OPEN_PATHS = frozenset(
    (
        *("/", "/docs", "/redoc", "/health", "/v1/health", "/v1/ready", "/favicon.ico"),
        "/v1/tools/mcp/oauth/callback",  # a browser comes back to it, with a secret of its own
    )
)
OPEN_FOLDERS = ("/assets/", "/ui/")
READING = frozenset(("GET", "HEAD", "OPTIONS"))
OVER_A_SOCKET = "POST"
"""What opening a WebSocket counts as: whatever it is for, more can be done over it than reading."""
INSTALLED = ("app://", "capacitor://", "tauri://", "ionic://")
"""Schemes of pages that a program on this machine brings with it: no website has such an origin."""
DECIDES_ITSELF = "/mcp"
"""Where reading is a POST too: what is asked for there checks whether it may write."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the administrator decided about access."""

    required: bool
    password: str | None
    loopback_only: bool
    hosts: Collection[str]
    origins: Collection[str]
    default_actor: bool = True


class Gate:
    """ASGI middleware that puts `Who` into the request's state, or answers 401/403 itself."""

    def __init__(self, app: ASGIApp, keyring: Keyring, policy: Policy) -> None:
        self.app = app
        self.keyring = keyring
        self.policy = policy
        self._password = digest(policy.password) if policy.password else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            _tidy(scope)
            try:
                scope.setdefault("state", {})["who"] = await self._admit(scope)
            except AppError as refused:
                await _refuse(refused, scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _admit(self, scope: Scope) -> Who:
        headers, method = HTTPConnection(scope).headers, scope.get("method", OVER_A_SOCKET)
        if not self.policy.required and self.policy.loopback_only:
            self._refuse_rebinding(method, headers)
        if _is_open(scope["path"]):
            return EVERYONE
        who = await self._who(headers)
        reads = method in READING or scope["path"].rstrip("/") == DECIDES_ITSELF
        if "write" not in who.scopes and not reads:
            raise Forbidden("This API key may only read; use one with the scope `write`.")
        return await self._as_user(who, headers.get("user_id"))

    async def _who(self, headers: Headers) -> Who:
        for credential in _credentials(headers):
            who = EVERYONE if self._is_password(credential) else await self.keyring.holder(credential)
            if who is not None:
                return who
        if self.policy.required:
            raise Unauthorized(
                "Unauthorized",
                hint="Send `Authorization: Bearer <server password or API key>`. To run without authentication "
                "on purpose, start the server with LETTA_SERVER_SECURE=false.",
            )
        if not self.policy.default_actor and "user_id" not in headers:
            raise Unauthorized("Unauthorized", hint="This server has no default user; send the header user_id.")
        return EVERYONE

    def _is_password(self, credential: str) -> bool:
        return self._password is not None and hmac.compare_digest(digest(credential), self._password)

    async def _as_user(self, who: Who, user_id: str | None) -> Who:
        """`user_id` names another user; only an administrator, or anyone while authentication is off, may say so."""
        if user_id is None or not who.is_admin or user_id == who.user_id:
            return who
        if not is_id("user", user_id):
            raise BadRequest(f"The header user_id must look like user-<uuid4>, not {user_id[:60]!r}.")
        user = await self.keyring.user(user_id)
        return Who(user.organization_id, user.id, who.scopes, who.key_id)

    def _refuse_rebinding(self, method: str, headers: Headers) -> None:
        """An open server on loopback must not be reachable through a web page that the user visits."""
        host = _hostname(f"//{headers.get('host', '')}")
        if host and not self._is_ours(host):
            raise Forbidden(
                f"Requests for the host {host!r} are refused while authentication is off. Set LETTA_SERVER_PASSWORD, "
                "or add the name to HOLDFAST_ALLOWED_HOSTS."
            )
        origin = headers.get("origin")
        if origin and method not in READING and not self._may_write(origin):
            raise Forbidden(
                f"Writes from pages of {origin!r} are refused while authentication is off. Set LETTA_SERVER_PASSWORD, "
                "or add the origin to HOLDFAST_CORS_ORIGINS."
            )

    def _is_ours(self, host: str) -> bool:
        return host == "localhost" or host.endswith(".localhost") or _is_loopback(host) or host in self.policy.hosts

    def _may_write(self, origin: str) -> bool:
        if origin in self.policy.origins or "*" in self.policy.origins or origin.startswith(INSTALLED):
            return True
        host = _hostname(origin)
        return bool(host) and self._is_ours(host)


async def _refuse(refused: AppError, scope: Scope, receive: Receive, send: Send) -> None:
    """A WebSocket that is closed before it was accepted is answered with 403."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": refused.detail[:100]})
    else:
        await reply(refused.body(), refused.status, refused.headers())(scope, receive, send)


def _tidy(scope: Scope) -> None:
    """`/latest` is `/v1`; NUL bytes, which no database can look for, are left out of the query."""
    path: str = scope["path"]
    if path.startswith("/latest/"):
        scope["path"] = "/v1" + path[len("/latest") :]
        scope["raw_path"] = scope.get("raw_path", b"").replace(b"/latest", b"/v1", 1)
    if b"%00" in scope["query_string"]:
        scope["query_string"] = scope["query_string"].replace(b"%00", b"")


def _is_open(path: str) -> bool:
    tidy = "/" + "/".join(word for word in path.split("/") if word)
    return tidy in OPEN_PATHS or tidy.startswith(OPEN_FOLDERS)


def _credentials(headers: Headers) -> Iterator[str]:
    """What the caller shows: `Authorization: Bearer …`, `X-BARE-PASSWORD: password …`, or both."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bare = headers.get("x-bare-password", "").removeprefix("password ")
    for shown in (token if scheme.lower() == "bearer" else "", bare):
        if shown.strip():
            yield shown.strip()


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return url


@lru_cache(maxsize=64)
def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
