"""The server as client commands see it: JSON calls and event streams, with failures turned into sentences."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO

import httpx2
import typer

from holdfast.config import load
from holdfast.errors import AppError

SILENCE = 180.0
"""A request that nothing is heard of for this long has failed."""

SILENCE_OF_STREAM = 75.0
"""A stream that says nothing for this long is broken: the server pings every 20 seconds."""

CONNECT = 5.0

LATER = (502, 503, 504)
"""What servers that are starting or stopping answer, and proxies in front of them."""

Url = Annotated[
    str | None, typer.Option("--url", help="The server (HOLDFAST_URL); when not given, the one on this machine.")
]
Key = Annotated[str | None, typer.Option("--key", help="An API key or the password (HOLDFAST_API_KEY).")]


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; `kind` is empty but for errors and the like."""

    kind: str
    data: dict[str, Any]


class Away(AppError):
    """The server cannot be reached, or not now; the same request may succeed in a moment."""


class Refused(AppError):
    """The server's own no; `answered` is the status of its answer."""

    def __init__(self, detail: str, answered: int) -> None:
        super().__init__(detail)
        self.answered = answered


class Client:
    """A connection to one server; without an address it is the one that this environment would start."""

    def __init__(self, url: str | None = None, key: str | None = None) -> None:
        url = url or _first("HOLDFAST_URL", "LETTA_BASE_URL")
        key = key or _first("HOLDFAST_API_KEY", "LETTA_API_KEY")
        if url is None:
            here = load(os.environ, {})
            url, key = f"http://127.0.0.1:{here.port}", key or here.password
        self.url = url.rstrip("/")
        self._http = httpx2.Client(
            base_url=self.url,
            headers={"User-Agent": "holdfast-cli"} | ({"Authorization": f"Bearer {key}"} if key else {}),
            timeout=httpx2.Timeout(SILENCE, connect=CONNECT),
        )

    def call(self, method: str, path: str, body: object = None, **query: Any) -> Any:
        """The decoded answer to one request."""
        try:
            answer = self._http.request(method, path, json=body, params=query)
        except httpx2.HTTPError as failed:
            raise self._unreachable(failed) from failed
        if answer.is_error:
            raise self._refused(answer)
        return answer.json() if answer.content else None

    def exchange(self, path: str, message: object) -> Any:
        """The answer to a JSON-RPC message, which may be an error of that protocol; None when there is none."""
        try:
            answer = self._http.post(path, json=message)
        except httpx2.HTTPError as failed:
            raise self._unreachable(failed) from failed
        if not answer.content:
            return None
        if answer.is_error and b'"jsonrpc"' not in answer.content:
            raise self._refused(answer)
        return answer.json()

    def upload(
        self, path: str, name: str, body: BinaryIO | bytes, form: dict[str, str] | None = None, **query: Any
    ) -> Any:
        """The decoded answer to a file that is sent, with other fields of a form."""
        try:
            answer = self._http.post(path, files={"file": (name, body)}, data=form, params=query)
        except httpx2.HTTPError as failed:
            raise self._unreachable(failed) from failed
        if answer.is_error:
            raise self._refused(answer)
        return answer.json()

    def stream(self, path: str, body: object, *, is_repeated: bool = False) -> Iterator[Event]:
        """The events that answer one request, to the end of the stream; `Away` when it breaks off before."""
        headers = {"Accept": "text/event-stream", "X-Stainless-Retry-Count": str(int(is_repeated))}
        timeout = httpx2.Timeout(SILENCE_OF_STREAM, connect=CONNECT)
        try:
            with self._http.stream("POST", path, json=body, headers=headers, timeout=timeout) as answer:
                if answer.is_error:
                    answer.read()
                    raise self._refused(answer)
                yield from events(answer.iter_lines())
        except httpx2.HTTPError as failed:
            raise self._unreachable(failed) from failed

    def download(self, path: str, **query: Any) -> Iterator[bytes]:
        """The body of an answer, piece by piece."""
        try:
            with self._http.stream("GET", path, params=query) as answer:
                if answer.is_error:
                    answer.read()
                    raise self._refused(answer)
                yield from answer.iter_bytes()
        except httpx2.HTTPError as failed:
            raise self._unreachable(failed) from failed

    def _unreachable(self, failed: httpx2.HTTPError) -> Away:
        if isinstance(failed, httpx2.ConnectError | httpx2.ConnectTimeout):
            return Away(
                f"No server answers at {self.url}. Start one with `holdfast serve` (or `make up`), "
                "or name another with --url."
            )
        return Away(f"The connection to {self.url} broke: {failed or type(failed).__name__}.")

    def _refused(self, answer: httpx2.Response) -> AppError:
        try:
            said: Any = answer.json()
        except ValueError:
            said = answer.text[:300]
        status = answer.status_code
        if status == 401 and not (isinstance(said, dict) and "error" in said):
            return Refused(f"{self.url} wants a credential: give a key with --key or HOLDFAST_API_KEY.", status)
        sentence = _sentence(said) or f"{self.url} answered {status}."
        return Away(sentence) if status in LATER else Refused(sentence, status)


def events(lines: Iterable[str]) -> Iterator[Event]:
    """The events in the lines of an event stream, up to its `[DONE]`; comments are none."""
    kind, data = "", list[str]()
    for line in lines:
        if line.startswith("event:"):
            kind = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line:
            if data == ["[DONE]"]:
                return
            if data:
                yield _event(kind, "\n".join(data))
            kind, data = "", []
    raise Away("The connection broke in the middle of the answer.")


def _event(kind: str, data: str) -> Event:
    try:
        found: Any = json.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Away(f"The server sent what is no event: {data[:80]!r}.")
    return Event(kind, found)  # pyright: ignore[reportUnknownArgumentType] -- decoded JSON


def _sentence(said: Any) -> str:
    """The readable part of an error's body, whichever of V1's shapes it has."""
    if not isinstance(said, dict):
        return str(said)
    detail: Any = said.get("detail") or said.get("error") or said.get("message")  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType] -- decoded JSON
    if isinstance(detail, dict):
        detail = detail.get("message") or detail.get("detail")  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType] -- decoded JSON
    return detail if isinstance(detail, str) else json.dumps(detail) if detail else ""


def _first(*names: str) -> str | None:
    return next((value for name in names if (value := os.environ.get(name, "").strip())), None)
