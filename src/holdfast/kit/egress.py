"""The guard for URLs that others give: the server connects where its user may send it, and nowhere else.

A name is resolved here, every address that it has is checked, and the connection goes to the checked address. So a
name that resolves differently a moment later, odd spellings of an address, and redirects get past nothing.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Literal
from urllib.parse import SplitResult, urljoin, urlsplit

from holdfast.errors import BadRequest

if TYPE_CHECKING:
    import httpx2

Purpose = Literal["image", "callback", "mcp", "model", "webpage"]
By = Literal["administrator", "organization"]
Address = IPv4Address | IPv6Address

PRIVATE: frozenset[tuple[Purpose, By]] = frozenset((("mcp", "administrator"), ("model", "administrator")))
"""Whose URLs may name private addresses, and for what; for all others the server's setting decides."""

METADATA = frozenset(map(ip_address, ("169.254.169.254", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")))
"""Where clouds tell their machines' credentials: never reached on anybody's word."""

NAT64 = IPv6Network("64:ff9b::/96")
MOST_REDIRECTS = 5
REDIRECTS = frozenset((301, 302, 303, 307, 308))
CONNECT_SECONDS = 5.0


class UnknownHost(BadRequest):
    """The name in a URL leads nowhere now; it may later."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What stood at a URL."""

    media_type: str
    body: bytes
    url: str = ""
    """Where it stood, redirects followed."""
    charset: str = ""
    """The encoding of its text, as far as its server says."""


@dataclass(frozen=True, slots=True)
class Egress:
    """Where the server may connect for others; `allow_private` is the administrator's setting."""

    allow_private: bool = False

    async def fetch(self, url: str, purpose: Purpose, *, by: By = "organization", most: int, seconds: float) -> Fetched:
        """Get what a URL stands for, at most so many bytes in at most so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(url, purpose, by, most)
        except TimeoutError as late:
            raise BadRequest(f"{_shown(url)} did not answer within {seconds:g} seconds.") from late

    async def post(
        self, url: str, body: bytes, purpose: Purpose, *, by: By = "organization", seconds: float = CONNECT_SECONDS
    ) -> int:
        """Send JSON to a URL and say with which status it answered; a redirect is such an answer."""
        try:
            async with asyncio.timeout(seconds):
                async with _open(url, await self.address(url, purpose, by), body) as response:
                    return response.status_code
        except TimeoutError as late:
            raise BadRequest(f"{_shown(url)} did not answer within {seconds:g} seconds.") from late

    async def address(self, url: str, purpose: Purpose, by: By) -> Address:
        """The checked address behind a URL; one that must not be reached is an error."""
        parts = _parts(url)
        may = self.allow_private or (purpose, by) in PRIVATE
        found = await _resolve(parts)
        for address in found:
            if reason := forbidden(address, allow_private=may):
                raise BadRequest(f"{_shown(url)} is not asked: {parts.hostname} is {reason}.{_way_out(may)}")
        return found[0]

    async def _follow(self, url: str, purpose: Purpose, by: By, most: int) -> Fetched:
        asked = url
        for _ in range(MOST_REDIRECTS + 1):
            at = await self.address(url, purpose, by)
            async with _open(url, at) as response:
                if response.status_code not in REDIRECTS:
                    return replace(await _read(response, asked, most), url=url)
                url = urljoin(url, response.headers.get("location", ""))
        raise BadRequest(f"{_shown(asked)} was redirected more than {MOST_REDIRECTS} times.")


@dataclass(frozen=True, slots=True)
class Guard:
    """Checks every connection to a server whose address somebody else than this server's settings gave."""

    egress: Egress
    by: By
    purpose: Purpose = "model"

    async def address(self, host: str, port: int) -> str:
        """Where a connection to a host may go."""
        shown = f"[{host}]" if ":" in host else host
        return str(await self.egress.address(f"http://{shown}:{port}", self.purpose, self.by))

    async def check(self, url: str) -> None:
        """Refuse a URL that no connection could be made to."""
        await self.egress.address(url, self.purpose, self.by)


def forbidden(address: Address, *, allow_private: bool) -> str | None:
    """Why an address must not be reached; None when it may be."""
    inner = _inner(address)
    if inner in METADATA:
        return "the address of a cloud's metadata service"
    if inner.is_link_local or inner.is_multicast or inner.is_unspecified or inner == IPv4Address("255.255.255.255"):
        return f"{address}, which is no address of a server"
    if not inner.is_global and not allow_private:
        return f"{address}, a private address"
    return None


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, by any of the ways to write one as the other."""
    if isinstance(address, IPv4Address):
        return address
    mapped = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
    if mapped is None and (address in NAT64 or (int(address) >> 32 == 0 and int(address) > 1)):
        mapped = IPv4Address(int(address) & 0xFFFFFFFF)
    return mapped or address


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as odd:
        raise BadRequest(f"{_shown(url)} is no URL: {odd}.") from odd
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadRequest(f"{_shown(url)} cannot be fetched; send a URL that starts with http:// or https://.")
    if "@" in parts.netloc or "\\" in url or any(c.isspace() or not c.isprintable() for c in url) or port == 0:
        raise BadRequest(f"{_shown(url)} holds a user name or characters that do not belong into a URL.")
    return parts


async def _resolve(parts: SplitResult) -> list[Address]:
    host = parts.hostname or ""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, _port(parts), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as unknown:
        raise UnknownHost(f"The host {host!r} cannot be found.") from unknown
    return [ip_address(str(each[4][0]).partition("%")[0]) for each in found]


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


@asynccontextmanager
async def _open(url: str, at: Address, body: bytes | None = None) -> "AsyncGenerator[httpx2.Response]":
    """A request for the URL, with a body to post or without, whose connection goes to that address."""
    import httpx2

    parts = urlsplit(url)
    host = f"[{at}]" if isinstance(at, IPv6Address) else str(at)
    target = parts._replace(netloc=f"{host}:{_port(parts)}", fragment="").geturl()
    extensions = {"sni_hostname": parts.hostname} if parts.scheme == "https" else {}
    async with httpx2.AsyncClient(trust_env=False, timeout=CONNECT_SECONDS * 2) as client:
        headers = {"Host": parts.netloc} | ({} if body is None else {"Content-Type": "application/json"})
        method = "GET" if body is None else "POST"
        request = client.build_request(method, target, headers=headers, content=body, extensions=extensions)
        try:
            response = await client.send(request, stream=True)
        except httpx2.HTTPError as failed:
            raise BadRequest(f"{_shown(url)} cannot be fetched: {failed or type(failed).__name__}.") from failed
        try:
            yield response
        finally:
            await response.aclose()


async def _read(response: "httpx2.Response", url: str, most: int) -> Fetched:
    import httpx2

    if response.status_code != 200:
        raise BadRequest(f"{_shown(url)} cannot be fetched: it answered {response.status_code}.")
    body = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > most:
                raise BadRequest(f"{_shown(url)} is larger than {most // 2**20} MB.")
    except httpx2.HTTPError as failed:
        raise BadRequest(f"{_shown(url)} broke off: {failed or type(failed).__name__}.") from failed
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Fetched(kind, bytes(body), charset=response.charset_encoding or "")


def _shown(url: str) -> str:
    """A URL as errors show it: short, and without what may be a secret in its query."""
    text = url.partition("?")[0]
    return repr(text if len(text) <= 120 else f"{text[:119]}…")


def _way_out(may: bool) -> str:
    return "" if may else " An administrator can allow private addresses with HOLDFAST_ALLOW_PRIVATE_URLS=true."
