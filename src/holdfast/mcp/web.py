"""HTTP to the servers that others named: checked addresses, no cookies, no proxies, no redirect to somebody else."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from holdfast.errors import BadRequest
from holdfast.kit import guarded
from holdfast.kit.egress import By, Egress, Guard
from holdfast.mcp.failures import McpFailure
from holdfast.mcp.rpc import LARGEST_MESSAGE

if TYPE_CHECKING:
    import aiohttp

CONNECT_SECONDS = 10.0
KEPT_SECONDS = 4.0
"""How long an idle connection is kept: less than common servers keep theirs, as a call is never sent twice."""
MOST_REDIRECTS = 3
REDIRECTS = frozenset((301, 302, 303, 307, 308))


class Web:
    """Connections to MCP servers and to whoever authorizes for them."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._http: dict[By, aiohttp.ClientSession] = {}

    async def check(self, url: str, by: By) -> None:
        """Refuse a URL that no connection could be made to."""
        await self._egress.address(url, "mcp", by)

    @asynccontextmanager
    async def request(
        self, method: str, url: str, by: By, headers: Mapping[str, str], body: bytes | None = None
    ) -> "AsyncGenerator[aiohttp.ClientResponse]":
        """The response to a request; redirects are followed within the same origin, whose secrets the headers hold."""
        import aiohttp

        try:
            response = await self._follow(method, url, by, headers, body)
            try:
                yield response
            finally:
                response.close() if not response.content.at_eof() else response.release()
        except BadRequest as refused:
            raise McpFailure(refused.detail) from refused
        except aiohttp.ClientConnectorError as away:
            raise McpFailure(f"{shown(url)} cannot be reached: {_reason(away)}.") from away
        except (aiohttp.ClientError, OSError) as failed:
            raise McpFailure(f"{shown(url)} broke off: {_reason(failed)}.") from failed

    async def _follow(
        self, method: str, url: str, by: By, headers: Mapping[str, str], body: bytes | None
    ) -> "aiohttp.ClientResponse":
        asked = url
        for _ in range(MOST_REDIRECTS + 1):
            response = await self._send(method, url, by, headers, body)
            if response.status not in REDIRECTS:
                return response
            response.release()
            url = urljoin(url, response.headers.get("location", ""))
            if not same_origin(url, asked):
                raise McpFailure(f"{shown(asked)} leads to {shown(url)}: register the server under that URL instead.")
        raise McpFailure(f"{shown(asked)} was redirected more than {MOST_REDIRECTS} times.")

    async def _send(
        self, method: str, url: str, by: By, headers: Mapping[str, str], body: bytes | None
    ) -> "aiohttp.ClientResponse":
        import aiohttp

        await self.check(url, by)
        if by not in self._http:
            self._http[by] = _session(Guard(self._egress, by, "mcp"))
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        return await self._http[by].request(
            method, url, data=body, headers=headers, allow_redirects=False, timeout=timeout
        )

    async def close(self) -> None:
        while self._http:
            _, session = self._http.popitem()
            await session.close()


async def body_of(response: "aiohttp.ClientResponse", who: str) -> bytes:
    """The whole body of a response that is not too large."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > LARGEST_MESSAGE:
            raise McpFailure(f"{who} answered with more than {LARGEST_MESSAGE // 2**20} MB.")
    return bytes(body)


def shown(url: str) -> str:
    """A URL as errors show it: without what may be a secret in it."""
    text = url.partition("?")[0]
    return text if len(text) <= 120 else f"{text[:119]}…"


def _session(guard: Guard) -> "aiohttp.ClientSession":
    import ssl

    import aiohttp
    import truststore

    connector = aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=KEPT_SECONDS,
        ssl=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        resolver=guarded.resolver(guard),
        use_dns_cache=False,
    )
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)


def same_origin(one: str, other: str) -> bool:
    first, second = urlsplit(one), urlsplit(other)
    return (first.scheme, first.netloc) == (second.scheme, second.netloc)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
