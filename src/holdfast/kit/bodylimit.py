"""The largest request body: refused with a sentence as soon as it is known to be too large."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.errors import TooLarge
from holdfast.kit.reply import reply


class BodyLimit:
    """ASGI middleware. What follows a refusal on the connection is read and thrown away by the HTTP server."""

    def __init__(self, app: ASGIApp, megabytes: int) -> None:
        self.app = app
        self.most = megabytes * 2**20
        self.detail = (
            f"The body is larger than {megabytes} MB, which is the most that this server takes. "
            "Send less at once, or start the server with a larger HOLDFAST_MAX_BODY_MB."
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # FastAPI takes any other error while it reads a body for malformed JSON.
        refused = HTTPException(TooLarge.status, self.detail)
        announced = Headers(scope=scope).get("content-length", "")
        left = self.most

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise refused
            return message

        try:
            if announced.isdecimal() and int(announced) > self.most:
                raise refused
            await self.app(scope, counted, send)
        except HTTPException as error:
            if error is not refused:
                raise
            await reply({"detail": self.detail}, TooLarge.status)(scope, receive, send)
