"""MCP servers of every temper on one port: well-behaved ones, old ones, and such as do what a client fears.

with Zoo() as zoo:
    zoo.url("odoo")          # where one of them is
    zoo.asked("odoo")        # the requests that it got
    zoo.release()            # those that hang give up
"""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import uuid4

from tests.fakes.mcp_animals import KINDS, OldSse
from tests.fakes.mcp_plain import PATIENCE, Got, Plain, Said, of_json


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256


class Zoo:
    """All of them on one port; each is made anew by `reset`."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.tokens = set[str]()
        self._got: list[Got] = []
        self._mark = ""
        self.animals: dict[str, Plain] = {}
        self._http = _Http(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self.authority = Authority(self)
        self.old = OldSse(self)
        self.reset()

    @property
    def port(self) -> int:
        return self._http.server_port

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def url(self, kind: str) -> str:
        return f"{self.root}/{kind}"

    def name(self, stem: str) -> str:
        """A tool's name that no other test has."""
        return f"{stem}{self._mark}"

    def reset(self) -> None:
        """Every animal is new, and nothing was asked yet."""
        self.release()
        self.gate = threading.Event()
        self._mark = f"_{uuid4().hex[:6]}"
        self._got.clear()
        self.tokens.clear()
        self.authority.elsewhere.clear()
        self.old.endpoint = "/old/messages"
        self.animals = {name: kind(self) for name, kind in KINDS.items()}

    def release(self) -> None:
        self.gate.set()

    def asked(self, kind: str, method: str | None = None) -> list[Got]:
        """What a server was asked, perhaps only by one method of MCP."""
        mine = [got for got in list(self._got) if got.path.partition("?")[0].split("/")[1] == kind]
        return [got for got in mine if method is None or got.message.get("method") == method]

    def respond(self, got: Got) -> Said:
        self._got.append(got)
        kind = got.path.partition("?")[0].split("/")[1]
        if kind == "old":
            return self.old.post(got)
        if (animal := self.animals.get(kind)) is None:
            return self.authority.respond(got)
        match got.method:
            case "POST":
                return animal.post(got)
            case "DELETE":
                return animal.delete(got)
            case _:
                return animal.get(got)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()
        self._http.shutdown()
        self._http.server_close()


class Authority:
    """An authorization server: metadata, registration, codes with PKCE, tokens and their renewal."""

    def __init__(self, zoo: Zoo) -> None:
        self.zoo = zoo
        self.challenges: dict[str, str] = {}
        self.forms: list[dict[str, str]] = []
        self.renewals = 0
        self.elsewhere: dict[str, str] = {}
        """Places that it names instead of its own."""

    def place(self, name: str, path: str) -> str:
        return self.elsewhere.get(name, f"{self.zoo.root}/{path}")

    def respond(self, got: Got) -> Said:
        root = self.zoo.root
        match got.path.partition("?")[0]:
            case "/guarded-metadata":
                issuer = self.place("authorization_servers", "issuer")
                return of_json({"resource": f"{root}/guarded", "authorization_servers": [issuer]})
            case "/.well-known/oauth-authorization-server/issuer":
                named = {
                    "authorization_endpoint": "authorization",
                    "token_endpoint": "token",
                    "registration_endpoint": "register",
                }
                places = {name: self.place(name, path) for name, path in named.items()}
                return of_json({"issuer": f"{root}/issuer", **places})
            case "/register":
                return of_json({"client_id": "client-1"}, 201)
            case "/token":
                return self._token(got)
            case _:
                return Said(404)

    def agree(self, url: str) -> str:
        """What a person does in a browser: the code for the question behind a URL."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = uuid4().hex
        self.challenges[code] = asked["code_challenge"]
        return code

    def _token(self, got: Got) -> Said:
        form: dict[str, str] = got.message
        self.forms.append(form)
        if form["grant_type"] == "authorization_code":
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            if self.challenges.get(form["code"]) != base64.urlsafe_b64encode(digest).rstrip(b"=").decode():
                return of_json({"error": "invalid_grant"}, 400)
        else:
            self.renewals += 1
        token = f"access-{uuid4().hex}"
        self.zoo.tokens.add(token)
        return of_json(
            {"access_token": token, "refresh_token": "refresh-1", "expires_in": 3600, "token_type": "Bearer"}
        )


def _handler(zoo: Zoo) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = PATIENCE
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if self.path == "/old":
                self._stream()
            else:
                self._reply()

        def do_POST(self) -> None:
            self._reply()

        def do_DELETE(self) -> None:
            self._reply()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: what was asked is in `asked`."""

        def _got(self) -> Got:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            form = "urlencoded" in (self.headers.get("content-type") or "")
            message = dict(parse_qsl(raw.decode())) if form else json.loads(raw or b"{}")
            headers = {name.lower(): value for name, value in self.headers.items()}
            return Got(self.command, self.path, headers, message)

        def _reply(self) -> None:
            said = zoo.respond(self._got())
            try:
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(said.body) + 100 * said.is_cut))
                self.end_headers()
                self.wfile.write(said.body)
            except OSError:
                self.close_connection = True  # whoever asked is gone
            if said.is_cut:
                self.close_connection = True

        def _stream(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            self.close_connection = True
            try:
                for piece in zoo.old.events():
                    self.wfile.write(piece)
                    self.wfile.flush()
            except (OSError, Empty):
                return  # it left, or was never spoken to

    return Handler
