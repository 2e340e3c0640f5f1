"""`Idempotency-Key` on any POST: the first request is answered, its repeats get the same answer (DESIGN §5)."""

import asyncio
import time
from contextlib import suppress
from hashlib import sha256

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.auth.model import Who
from holdfast.errors import AppError, BadRequest, Busy
from holdfast.kit.reply import reply
from holdfast.repeats import store
from holdfast.repeats.model import KeptAnswer
from holdfast.store.database import Database

HEADER = b"idempotency-key"
LONGEST_KEY = 255
LARGEST_KEPT = 8 * 2**20
RENEW_S = 5.0
LOOK_AGAIN_S = 0.1
LONGEST_WAIT_S = 300.0


class Repeats:
    """ASGI middleware. Requests without the header pass through untouched."""

    def __init__(self, app: ASGIApp, db: Database) -> None:
        self.app = app
        self.db = db

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = _key(scope)
        if key is None:
            await self.app(scope, receive, send)
            return
        try:
            await self._once(key, scope, receive, send)
        except AppError as refused:
            await reply(refused.body(), refused.http_status, refused.headers())(scope, receive, send)

    async def _once(self, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        who: Who = scope["state"]["who"]
        if len(key) > LONGEST_KEY:
            raise BadRequest(f"An Idempotency-Key has at most {LONGEST_KEY} characters, not {len(key)}.")
        body = await _whole(receive)
        path = scope["path"].rstrip("/")
        digest = sha256(scope["query_string"] + b"\n" + body).hexdigest()
        asked = store.asked(who, key, path, digest)
        found = await self._first(who, asked)
        if found is not asked:
            await _replay(found, send)
            return
        listener = _Listener(send)
        renewing = asyncio.create_task(self._renew(who, asked.id))
        try:
            await self.app(scope, _Given(body), listener)
        finally:
            renewing.cancel()
            await self._settle(who, asked, listener)

    async def _first(self, who: Who, asked: KeptAnswer) -> KeptAnswer:
        """The answer that was given under this key, waited for while it is being made; `asked` if there is none."""
        until = time.monotonic() + LONGEST_WAIT_S
        while True:
            found = await self.db.write(store.claim, who, asked)
            if found is asked or found.status is not None:
                return found
            if time.monotonic() > until:
                raise Busy(f"The first request with the Idempotency-Key {asked.key!r} is still being answered.")
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _renew(self, who: Who, id: str) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            with suppress(AppError):  # the next one may succeed before the claim lapses
                await self.db.write(store.hold, who, id)

    async def _settle(self, who: Who, asked: KeptAnswer, heard: "_Listener") -> None:
        """What created something is kept; an error is not, so that a repeat may do better."""
        if not heard.is_whole or heard.status >= 400:
            await self.db.write(store.drop, who, asked.id)
            return
        asked.status, asked.media_type, asked.body = heard.status, heard.media_type, heard.body.decode()
        if len(heard.body) > LARGEST_KEPT:
            lost = Busy(f"This was answered before, with more than is kept for the Idempotency-Key {asked.key!r}.")
            given = reply(lost.body())
            asked.status, asked.media_type, asked.body = lost.status, "application/json", bytes(given.body).decode()
        await self.db.write(store.fill, who, asked)


class _Listener:
    """Passes an answer on and remembers it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.media_type = ""
        self.body = bytearray()
        self.is_whole = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers: dict[bytes, bytes] = dict(message.get("headers", ()))
            self.media_type = headers.get(b"content-type", b"").decode("latin-1")
        elif message["type"] == "http.response.body":
            if len(self.body) <= LARGEST_KEPT:
                self.body += message.get("body", b"")
            self.is_whole = not message.get("more_body", False)
        with suppress(OSError):  # whoever asked is gone; the answer is still wanted by their repeat
            await self._send(message)


class _Given:
    """A body that was read before; the client never seems to leave, so that its answer is made in any case."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body

    async def __call__(self) -> Message:
        if self._body is None:
            await asyncio.Event().wait()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body or b"", "more_body": False}


def _key(scope: Scope) -> str | None:
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    return next((value.decode("latin-1").strip() for name, value in scope["headers"] if name == HEADER), None) or None


async def _whole(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("The request ended before its body.")
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


async def _replay(found: KeptAnswer, send: Send) -> None:
    body = found.body.encode()
    headers = [
        (b"content-type", found.media_type.encode("latin-1")),
        (b"content-length", str(len(body)).encode()),
        (b"idempotent-replayed", b"true"),
    ]
    await send({"type": "http.response.start", "status": found.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
