"""A model server that says its next word when it is told to: whoever has heard the one before tells it.

with SteppingServer(("one ", "two ")) as models:   # models.url is its base URL
    models.step()                                  # one word may be said
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

MODEL = "gpt-4o-mini"
PATIENCE_S = 60


class SteppingServer:
    """The server; every chat request gets the same words, one per step."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words
        self._steps = threading.Semaphore(0)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def step(self) -> None:
        self._steps.release()

    def wait(self) -> None:
        """Until the next word may be said; whoever never hears the one before gets no further."""
        if not self._steps.acquire(timeout=PATIENCE_S):
            raise TimeoutError(f"no step within {PATIENCE_S} s")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)


def _handler(models: SteppingServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            for word in models.words:
                models.wait()
                self._say({"content": word}, None)
            self._say({"content": ""}, "stop")
            self.wfile.write(b"data: [DONE]\n\n")

        def _say(self, delta: dict[str, Any], finish: str | None) -> None:
            event = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
            self.wfile.write(b"data: %s\n\n" % json.dumps(event).encode())
            self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:
            """The test's output stays quiet."""

    return Handler
