"""A plain HTTP server on loopback that serves what a test puts there, and remembers what was sent to it."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Served:
    """What stands at a path."""

    body: bytes = b""
    media_type: str = "image/png"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])


class FilesServer:
    """`files["/a.png"] = Served(…)`; `hosts`: the Host header of every request; `posted`: path and JSON of POSTs."""

    def __init__(self) -> None:
        self.files: dict[str, Served] = {}
        self.hosts: list[str] = []
        self.posted: list[tuple[str, dict[str, Any]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.hosts.append(self.headers.get("Host", ""))
                found = outer.files.get(self.path, Served(status=404))
                self.send_response(found.status)
                self.send_header("Content-Type", found.media_type)
                for name, value in found.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(found.body)

            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.posted.append((self.path, json.loads(sent)))
                self.do_GET()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
