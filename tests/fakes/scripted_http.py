"""A scripted HTTP server on loopback, for protocols that are told to it byte by byte.

with ScriptedHttp() as server:                          # server.url is http://127.0.0.1:…
    server.on("/messages", Answer(pieces=(b"data: …",)))  # answers to the next requests whose path ends so
    ...                                                 # server.requests holds what was asked
"""

import json
import threading
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request gets: its pieces as chunks of the body."""

    pieces: tuple[bytes, ...] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    is_cut: bool = False
    """Whether the connection breaks after the last piece, before the body ends."""
    waits: threading.Event | None = None
    """What the server waits for before it answers, at most `PATIENCE` seconds."""
    endless: bytes = b""
    """What is sent again and again until the client leaves."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    """As it came over the line, with what follows the question mark."""
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Json:
        return json.loads(self.content)


def of_json(body: Any, status: int = 200) -> Answer:
    return Answer((json.dumps(body).encode(),), status, {"content-type": "application/json"})


def cut(pieces: Sequence[bytes], after: int | None, kind: str) -> Answer:
    """A stream, perhaps one that breaks off."""
    is_cut = after is not None and after < len(pieces)
    return Answer(tuple(pieces[:after]), headers={"content-type": kind}, is_cut=is_cut)


def raw(body: bytes, status: int) -> Answer:
    return Answer((body,) if body else (), status)


PATIENCE = 10.0


class ScriptedHttp:
    """The server. A path for which nothing is scripted is answered with 404."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.dropped = threading.Event()
        """Set when a client left in the middle of an answer."""
        self._answers: dict[str, deque[Answer]] = defaultdict(deque)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def on(self, path: str, *answers: Answer) -> None:
        self._answers[path].extend(answers)

    def to(self, path: str) -> list[Request]:
        """The requests whose path ends so."""
        return [request for request in self.requests if request.path.partition("?")[0].endswith(path)]

    def next(self, request: Request) -> Answer:
        self.requests.append(request)
        path = request.path.partition("?")[0]
        found = next((queue for end, queue in self._answers.items() if path.endswith(end) and queue), None)
        return found.popleft() if found else Answer((b'{"error": {"message": "nothing is scripted"}}',), 404)

    def reset(self) -> None:
        self.requests.clear()
        self._answers.clear()
        self.dropped.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()


def _handler(server: ScriptedHttp) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def do_CONNECT(self) -> None:
            self._reply()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: what was asked is in `requests`."""

        def _reply(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = server.next(Request(self.command, self.path, headers, content))
            if answer.waits:
                answer.waits.wait(PATIENCE)
            try:
                self._send(answer)
            except OSError:
                server.dropped.set()
                self.close_connection = True

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in {"transfer-encoding": "chunked", **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            for piece in answer.pieces:
                self._chunk(piece)
            while answer.endless:
                self._chunk(answer.endless)
            if answer.is_cut:
                self.close_connection = True
            else:
                self.wfile.write(b"0\r\n\r\n")

        def _chunk(self, piece: bytes) -> None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()

    return Handler
