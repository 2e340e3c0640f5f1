"""The HTTP client of the model layer: post and stream, with one timeout, retries and errors that say what to do."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

from holdfast.errors import BadRequest, ModelError
from holdfast.kit import guarded
from holdfast.kit.clock import now
from holdfast.kit.egress import Guard
from holdfast.llm import failures
from holdfast.llm.failures import Retryable, Target
from holdfast.llm.framing import BrokenFrame, Events, Framing
from holdfast.llm.model import Delta
from holdfast.llm.proxies import Proxies

if TYPE_CHECKING:
    import aiohttp

CONNECT_SECONDS = 10.0
ATTEMPTS = 3
BACKOFF = 0.25
LONGEST_WAIT = 30.0
"""A provider that asks for a longer pause gets no second attempt: the user should hear of it instead."""
DRAIN_SECONDS = 0.25
KEPT_SECONDS = 55.0
"""How long an idle connection is kept: less than common servers keep theirs."""
MOST_KEPT = 1024

T = TypeVar("T")


@dataclass(slots=True)
class _Progress:
    """How far a streamed request has come, over all its attempts."""

    framing: Callable[[], Framing]
    attempt: int = 0
    passed_on: bool = False
    ended: bool = False


class ModelClient:
    """Connections to model servers, pooled; made on first use, so that an unused HTTP stack is never loaded."""

    def __init__(self) -> None:
        self._http: dict[Guard | None, aiohttp.ClientSession] = {}
        self._kept: dict[Hashable, Any] = {}
        self._proxies = Proxies()

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """What a protocol remembers from one request to the next; its providers live shorter than that."""
        found: T = self._kept.get(key) or self._kept.setdefault(key, make())
        if len(self._kept) > MOST_KEPT:
            self._kept.pop(next(iter(self._kept)), None)
        return found

    async def post(self, target: Target, path: str, body: bytes, *, attempts: int = ATTEMPTS) -> bytes:
        """Send a request (GET when the body is empty) and give back the whole answer."""
        for attempt in range(1, attempts + 1):
            try:
                async with self._exchange(target, path, body) as response:
                    return await response.read()
            except Retryable as failure:
                await _pause(failure, attempt, attempts)
        raise AssertionError("a pause after the last attempt raises")

    async def stream(
        self, target: Target, path: str, body: bytes, framing: Callable[[], Framing] = Events
    ) -> AsyncGenerator[bytes, None]:
        """Send a request and yield the pieces of its answer, for server-sent events the data of each.

        Closing the generator closes the connection, which makes the server stop generating.
        """
        progress = _Progress(framing)
        while not progress.ended:
            progress.attempt += 1
            async with aclosing(self._attempt(target, path, body, progress)) as pieces:
                async for data in pieces:
                    yield data

    async def _attempt(
        self, target: Target, path: str, body: bytes, progress: _Progress
    ) -> AsyncGenerator[bytes, None]:
        """One attempt; ends without an answer when a failure was waited out and another attempt may cure it."""
        try:
            async with (
                self._exchange(target, path, body) as response,
                aclosing(_pieces(response, progress.framing())) as pieces,
            ):
                async for data in pieces:
                    progress.passed_on = True
                    yield data
            progress.ended = True
        except Retryable as failure:
            if progress.passed_on:
                raise failures.broken(target, failure.error.explanation) from failure
            await _pause(failure, progress.attempt, ATTEMPTS)
        except ModelError as error:
            if progress.passed_on:
                raise failures.broken(target, error.explanation) from error
            raise

    async def close(self) -> None:
        while self._http:
            _, session = self._http.popitem()
            await session.close()

    @asynccontextmanager
    async def _exchange(self, target: Target, path: str, body: bytes) -> AsyncGenerator["aiohttp.ClientResponse"]:
        """One attempt: the response of a successful status, closed at the end; every failure as an error of ours."""
        response: aiohttp.ClientResponse | None = None
        try:
            response = await self._send(target, path, body)
            if response.status >= 300:
                raise _refusal(target, response, await response.read())
            yield response
        except (ModelError, Retryable):
            raise
        except BadRequest as refused:
            raise failures.forbidden(target, refused.detail) from refused
        except BrokenFrame as error:
            raise failures.unusable(target, "sent an answer that cannot be unpacked") from error
        except Exception as error:
            if (meaning := _meaning(target, error)) is None:
                raise
            raise meaning from error
        finally:
            if response is not None:
                response.release()

    async def _send(self, target: Target, path: str, body: bytes) -> "aiohttp.ClientResponse":
        import aiohttp

        if any(not value.isascii() or not value.isprintable() for value in target.headers.values()):
            raise failures.unsendable(target, "a header holds characters that HTTP does not allow")
        if target.guard is not None:
            await target.guard.check(target.base_url)
        if target.guard not in self._http:
            self._http[target.guard] = _session(target.guard)
        return await self._http[target.guard].request(
            "POST" if body else "GET",
            target.base_url + path,
            data=body or None,
            headers={"accept-encoding": "identity", "content-type": "application/json", **target.headers},
            allow_redirects=False,
            proxy=self._proxies.of(target.base_url) if target.guard is None else None,
            timeout=aiohttp.ClientTimeout(
                total=None, connect=min(CONNECT_SECONDS, target.timeout), sock_read=target.timeout
            ),
        )


def _session(guard: Guard | None) -> "aiohttp.ClientSession":
    """Certificates as the system trusts them, no cookies, and nothing of the environment.

    Where addresses are checked there are no proxies: one of them would decide where a name leads. Elsewhere each
    request names its own; aiohttp would look at the environment and at a .netrc file before each of them.
    """
    import ssl

    import aiohttp
    import truststore

    connector = aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=KEPT_SECONDS,
        ssl=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        resolver=guarded.resolver(guard) if guard else None,
        use_dns_cache=guard is None,
    )
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)


def _meaning(target: Target, error: Exception) -> Retryable | ModelError | None:
    """What a failure of the transport means; None when it is not one."""
    import aiohttp
    from aiohttp.http_exceptions import ContentEncodingError

    reason = str(error) or type(error).__name__
    match error:
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError() | aiohttp.ClientProxyConnectionError():
            return Retryable(failures.unreachable(target, reason))
        case TimeoutError():
            return failures.silent(target, type(error).__name__)
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return failures.unusable(target, f"has an address that is no URL: {reason}")
        case aiohttp.ClientPayloadError(__cause__=ContentEncodingError()):
            return failures.unusable(target, "sent an answer that cannot be unpacked")
        case aiohttp.ClientError() | OSError():
            return Retryable(failures.lost(target, reason))
        case _:
            return None


async def until_begun(ask: Callable[[], AsyncGenerator[Delta, None]]) -> AsyncGenerator[Delta, None]:
    """What `ask` yields; it is asked again while it fails in passing, which it may only do before it has yielded."""
    for attempt in range(1, ATTEMPTS + 1):
        failed: list[Retryable] = []
        async with aclosing(_noting(ask(), failed)) as answer:
            async for delta in answer:
                yield delta
        if not failed:
            return
        await _pause(failed[0], attempt, ATTEMPTS)


async def _noting(answer: AsyncGenerator[Delta, None], failed: list[Retryable]) -> AsyncGenerator[Delta, None]:
    try:
        async with aclosing(answer):
            async for delta in answer:
                yield delta
    except Retryable as failure:
        failed.append(failure)


async def _pause(failure: Retryable, attempt: int, attempts: int) -> None:
    """Wait before the next attempt, or raise when there is none."""
    wait = failure.wait
    if attempt == attempts or (wait is not None and wait > LONGEST_WAIT):
        raise failure.error from failure
    jitter = 1 + random.random()  # noqa: S311 -- spreads retries, protects nothing
    await asyncio.sleep(BACKOFF * 2 ** (attempt - 1) * jitter if wait is None else wait)


def _refusal(target: Target, response: "aiohttp.ClientResponse", body: bytes) -> ModelError | Retryable:
    status = response.status
    error = failures.refused(target, status, body)
    hopeless = error.code in ("llm_insufficient_credits", "llm_bad_request")
    if hopeless or not (status in (408, 429) or status >= 500):
        return error
    wait = _wait(response.headers)
    return Retryable(error, failures.delay_in(body) if wait is None else wait)


def _wait(headers: Mapping[str, str]) -> float | None:
    """How long a provider asks to wait, in any of the ways to say it; None when it does not."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    asked = headers.get("retry-after")
    seconds = _number(asked)
    return _until(asked) if seconds is None and asked else seconds


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return max(0.0, value) if isfinite(value) else None


def _until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now()).total_seconds())


async def _pieces(response: "aiohttp.ClientResponse", found: Framing) -> AsyncGenerator[bytes, None]:
    """The body, cut into what its framing calls one piece."""
    while chunk := await response.content.readany():
        for data in found.feed(chunk):
            yield data
        if found.done:
            await _drain(response.content)
            return
    for data in found.rest():
        yield data


async def _drain(body: "aiohttp.StreamReader") -> None:
    """Read what follows the last event, so that the connection can be used again; some servers never end it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while await body.readany():
                pass
