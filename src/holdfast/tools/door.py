"""The API for a tool while it runs: a socket that nobody else reaches, and that is gone when the call ends."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.auth.keyring import Keyring
from holdfast.auth.model import Who

CREDENTIALS = frozenset((b"authorization", b"x-bare-password", b"user_id", b"host"))


class Doors:
    """Opens such sockets."""

    def __init__(self, app: ASGIApp, keyring: Keyring) -> None:
        self._app = app
        self._keyring = keyring

    @asynccontextmanager
    async def open(self, who: Who) -> AsyncGenerator[Path]:
        """A socket on which everything is asked on somebody's behalf, whatever credentials are shown there."""
        import uvicorn
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
        from uvicorn.server import ServerState

        state = ServerState()
        with self._keyring.lent(who) as token, tempfile.TemporaryDirectory(prefix="holdfast-") as place:
            config = uvicorn.Config(_acting_for(self._app, token), log_config=None, lifespan="off", ws="none")
            config.load()
            path = Path(place) / "api"
            listening = await asyncio.get_running_loop().create_unix_server(
                lambda: HttpToolsProtocol(config, state, {}), path
            )
            try:
                yield path
            finally:
                listening.close()
                for task in state.tasks:
                    task.cancel()
                for connection in list(state.connections):
                    connection.shutdown()


def _acting_for(app: ASGIApp, token: str) -> ASGIApp:
    """The same application for callers whose credentials are not their own choice."""
    own = [(b"authorization", f"Bearer {token}".encode()), (b"host", b"localhost")]

    async def act(scope: Scope, receive: Receive, send: Send) -> None:
        sent = [(name, value) for name, value in scope["headers"] if name not in CREDENTIALS]
        await app({**scope, "headers": [*sent, *own]}, receive, send)

    return act
