"""A stand-in for E2B: makes machines, runs Python there in a process of its own, and counts what is left."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Json = dict[str, Any]
KEY = "e2b_0123"


class E2BServer:
    """`machines` are those that live; `made` is what was asked for; `broken` is a status for everything."""

    def __init__(self) -> None:
        self.machines: dict[str, Json] = {}
        self.made: list[Json] = []
        self.broken = 0
        self.cut = False
        """Machines hang up in the middle."""
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def create(self, body: Json) -> Json:
        machine = {"sandboxID": f"i{len(self.made)}", "clientID": "c", "trafficAccessToken": f"t{len(self.made)}"}
        self.made.append(body)
        self.machines[machine["sandboxID"]] = machine
        return machine

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        world = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if world.broken:
                    self._reply(world.broken, {"message": "broken"})
                elif self.path == "/execute":
                    self._execute(body)
                elif self.headers.get("x-api-key") != KEY:
                    self._reply(401, {"message": "no"})
                else:
                    self._reply(201, world.create(body))

            def do_DELETE(self) -> None:
                gone = world.machines.pop(self.path.rpartition("/")[2], None)
                self._reply(204 if gone else 404, None)

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def _execute(self, body: Json) -> None:
                machine = world.machines[self.headers["e2b-sandbox-id"]]
                assert self.headers["e2b-traffic-access-token"] == machine["trafficAccessToken"]
                self.send_response(200)
                self.end_headers()
                done = subprocess.run(
                    [sys.executable, "-c", body["code"]],
                    env={**body["env_vars"], "PATH": "/usr/bin"},
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if world.cut:
                    return
                for kind, text in (("stdout", done.stdout), ("stderr", done.stderr)):
                    self._line({"type": kind, "text": text, "timestamp": "0"})
                if done.returncode:
                    self._line({"type": "error", "name": "Died", "value": str(done.returncode), "traceback": ""})
                self._line({"type": "number_of_executions", "execution_count": 1})

            def _line(self, event: Json) -> None:
                self.wfile.write(json.dumps(event).encode() + b"\n")

            def _reply(self, status: int, body: Json | None) -> None:
                self.send_response(status)
                content = b"" if body is None else json.dumps(body).encode()
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        return Handler
