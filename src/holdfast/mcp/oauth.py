"""OAuth 2.1 for MCP servers: who authorizes for one, a question with PKCE, and tokens that are renewed."""

import asyncio
import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

import orjson

from holdfast.auth.model import Who
from holdfast.errors import BadRequest
from holdfast.kit.clock import now
from holdfast.kit.egress import By
from holdfast.kit.ids import new_id
from holdfast.mcp import grants
from holdfast.mcp.failures import McpFailure
from holdfast.mcp.grants import Grant
from holdfast.mcp.model import McpServer
from holdfast.mcp.rpc import Json
from holdfast.mcp.web import Web, body_of, shown
from holdfast.store.database import Database

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Authority:
    """Who authorizes for a server, and where."""

    authorize: str
    token: str
    register: str | None
    resource: str
    scope: str | None


@dataclass(frozen=True, slots=True)
class Question:
    """A question that a person answers in a browser."""

    url: str
    id: str


class Authorizations:
    """What was granted to the organizations' servers; tokens are renewed before they end."""

    def __init__(self, db: Database, web: Web) -> None:
        self._db = db
        self._web = web
        self._locks: dict[str, asyncio.Lock] = {}
        self._answers: dict[str, asyncio.Event] = {}

    async def ask(self, who: Who, server: McpServer, challenge: str, callback: str) -> Question:
        """Begin: find out who authorizes for the server, register there, and make the URL for the browser."""
        url = server.server_url or ""
        authority = await self._authority(url, server.by, challenge)
        if urlsplit(authority.authorize).scheme not in ("http", "https"):
            raise McpFailure(f"{shown(url)} names no place to authorize at that a browser could open.")
        client = await self._register(authority, server.by, callback)
        verifier, state = secrets.token_urlsafe(48), f"{who.organization_id}.{secrets.token_urlsafe(24)}"
        grant = Grant(
            id=new_id("mcp-oauth"),
            organization_id=who.organization_id,
            created_by_id=who.user_id,
            last_updated_by_id=who.user_id,
            server_url=url,
            mcp_server_id=server.id or None,
            state=_digest(state),
            verifier=verifier,
            redirect_uri=callback,
            token_endpoint=authority.token,
            resource=authority.resource,
            client_id=client["client_id"],
            client_secret=client.get("client_secret"),
            by_administrator=server.by_administrator,
        )
        await self._db.write(grants.ask, who, grant)
        return Question(_question(authority, grant, state), grant.id)

    async def answered(self, code: str | None, state: str, refusal: str | None) -> Grant:
        """End: the browser is back with a code, or with the reason why there is none."""
        who = Who(state.partition(".")[0], None)
        grant = await self._db.read(grants.asked, who, _digest(state))
        if grant is None:
            raise BadRequest(
                "Nobody waits for this authorization (any more); begin again where you connected the server."
            )
        if not code:
            reason = refusal or "the authorization server sent no code"
            await self._failed(who, grant, reason)
            raise BadRequest(f"Not authorized: {reason[:300]}")
        sent = {"grant_type": "authorization_code", "code": code, "code_verifier": grant.verifier}
        try:
            return await self._exchange(who, grant, {**sent, "redirect_uri": grant.redirect_uri})
        except McpFailure as failed:
            await self._failed(who, grant, failed.detail)
            raise
        finally:
            self._tell(grant)

    async def answer(self, who: Who, id: str, seconds: float) -> Grant:
        """The question as it stands: at once when the browser comes back here, or after so many seconds."""
        event = self._answers.setdefault(id, asyncio.Event())
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
        return await self._db.read(grants.get, who, id)

    def settled(self, id: str) -> None:
        """Nobody waits for the answer to a question any more."""
        self._answers.pop(id, None)

    async def _failed(self, who: Who, grant: Grant, reason: str) -> None:
        await self._db.write(grants.fail, who, grant.id, reason)
        self._tell(grant)

    def _tell(self, grant: Grant) -> None:
        if (event := self._answers.get(grant.id)) is not None:
            event.set()

    async def token(self, who: Who, server_id: str) -> str | None:
        """The access token for a server, renewed when it is about to end."""
        grant = await self._db.read(grants.granted, who, server_id) if server_id else None
        if grant is not None and grant.is_over() and grant.refresh_token:
            return await self.renewed(who, server_id, grant.access_token)
        return grant.access_token if grant else None

    async def renewed(self, who: Who, server_id: str, old: str | None = None) -> str | None:
        """Another access token in the place of one that is over; None when there is no way to get one."""
        async with self._locks.setdefault(server_id, asyncio.Lock()):
            grant = await self._db.read(grants.granted, who, server_id)
            if grant is None or (old is not None and grant.access_token != old):
                return grant.access_token if grant else None  # somebody else was faster
            if grant.refresh_token is None:
                return None
            sent = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token}
            return (await self._exchange(who, grant, sent)).access_token

    async def _exchange(self, who: Who, grant: Grant, sent: Mapping[str, str]) -> Grant:
        form = {**sent, "client_id": grant.client_id, "resource": grant.resource}
        if grant.client_secret:
            form["client_secret"] = grant.client_secret
        by: By = "administrator" if grant.by_administrator else "organization"
        answer = await self._json("POST", grant.token_endpoint, by, urlencode(form).encode(), FORM)
        access = answer.get("access_token")
        if not isinstance(access, str) or not access.isascii() or not access.isprintable():
            reason = answer.get("error_description") or answer.get("error") or "it sent no access token"
            raise McpFailure(f"{shown(grant.token_endpoint)} gives no token: {str(reason)[:300]}. Authorize again.")
        refresh = answer.get("refresh_token")
        renewal = refresh if isinstance(refresh, str) else grant.refresh_token
        return await self._db.write(
            grants.keep, who, grant.id, access=access, refresh=renewal, expires_at=_end(answer.get("expires_in"))
        )

    async def _authority(self, url: str, by: By, challenge: str) -> Authority:
        """RFC 9728, then RFC 8414; a server that tells of neither is its own authority, as in 2025-03-26."""
        said = dict(_PARAMETER.findall(challenge))
        resource = await self._first(by, [*filter(None, [said.get("resource_metadata")]), *_resource_places(url)])
        listed: Any = resource.get("authorization_servers")
        issuers = [str(each) for each in cast(list[Any], listed)] if isinstance(listed, list) else []
        issuer = issuers[0] if issuers else _origin(url)
        known = await self._first(by, _issuer_places(issuer))
        scopes: Any = resource.get("scopes_supported")
        listed_scopes = " ".join(map(str, cast(list[Any], scopes))) if isinstance(scopes, list) else None
        return Authority(
            authorize=str(known.get("authorization_endpoint") or f"{_origin(issuer)}/authorize"),
            token=str(known.get("token_endpoint") or f"{_origin(issuer)}/token"),
            register=str(known["registration_endpoint"]) if known.get("registration_endpoint") else None,
            resource=str(resource.get("resource") or url),
            scope=said.get("scope") or listed_scopes,
        )

    async def _register(self, authority: Authority, by: By, callback: str) -> dict[str, Any]:
        """RFC 7591: become a client of the authorization server."""
        place = authority.register or f"{_origin(authority.token)}/register"
        asked = {
            "client_name": "Holdfast",
            "redirect_uris": [callback],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }
        client = await self._json("POST", place, by, orjson.dumps(asked), JSON)
        if not isinstance(client.get("client_id"), str):
            raise McpFailure(f"{shown(place)} does not register clients; set auth_token or custom_headers instead.")
        return client

    async def _first(self, by: By, places: list[str]) -> Json:
        """The first of some documents that there is."""
        for place in places:
            async with self._web.request("GET", place, by, {"Accept": JSON}) as response:
                if response.status == 200 and (found := _object(await body_of(response, shown(place)))):
                    return found
        return {}

    async def _json(self, method: str, url: str, by: By, body: bytes, kind: str) -> Json:
        headers = {"Accept": JSON, "Content-Type": kind}
        async with self._web.request(method, url, by, headers, body) as response:
            return _object(await body_of(response, shown(url)))


def _question(authority: Authority, grant: Grant, state: str) -> str:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(grant.verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": grant.client_id,
        "redirect_uri": grant.redirect_uri,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "resource": authority.resource,
    }
    if authority.scope:
        asked["scope"] = authority.scope
    return f"{authority.authorize}{'&' if '?' in authority.authorize else '?'}{urlencode(asked)}"


def _resource_places(url: str) -> list[str]:
    path = urlsplit(url).path.rstrip("/")
    root = f"{_origin(url)}/.well-known/oauth-protected-resource"
    return [f"{root}{path}", root] if path else [root]


def _issuer_places(issuer: str) -> list[str]:
    origin, path = _origin(issuer), urlsplit(issuer).path.rstrip("/")
    kinds = ("oauth-authorization-server", "openid-configuration")
    places = [f"{origin}/.well-known/{kind}{path}" for kind in kinds]
    return [*places, f"{origin}{path}/.well-known/openid-configuration"] if path else places


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _object(raw: bytes) -> Json:
    try:
        found: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return cast(Json, found) if isinstance(found, dict) else {}


def _end(seconds: Any) -> datetime | None:
    known = isinstance(seconds, int | float) and 0 < seconds < 10**9
    return now() + timedelta(seconds=seconds) if known else None


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
