"""Every request is counted, by its method and by what it was answered with."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.kit.meter import Meter

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class Metered:
    """ASGI middleware; a request has taken as long as it took until its answer began."""

    def __init__(self, app: ASGIApp, meter: Meter) -> None:
        self.app = app
        self.meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        method = scope["method"] if scope["method"] in METHODS else "other"

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = str(message["status"])
                self.meter.count("holdfast_requests_total", "Requests answered.", method=method, status=status)
                seconds = time.perf_counter() - began
                self.meter.took("holdfast_request_seconds", "Until answers began.", seconds)
            await send(message)

        await self.app(scope, receive, noted)
