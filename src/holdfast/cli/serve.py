"""`holdfast serve`: the server."""

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
import uvicorn
from starlette.applications import Starlette

from holdfast import __version__
from holdfast.app import create_app
from holdfast.auth import store as auth_store
from holdfast.cli import installation, openfiles, ports
from holdfast.config import ConfigError, Settings, load, with_password
from holdfast.store.opening import open_database

app = typer.Typer()

log = logging.getLogger("holdfast")

DEMO = "holdfast/demo"
LAST_WORDS_S = 7
"""How long turns that were cancelled may take to say so to whoever waits for them."""
INSISTENCE_S = 0.1
"""How soon a second Ctrl-C is heard."""
TALKATIVE = ("uvicorn.error", "httpx2")
KEEP_ALIVE_S = 75
"""How long an idle connection is kept; longer than clients pause between two requests."""

LOG_BYTES, LOG_FILES = 10 * 2**20, 3
"""How large a log file becomes, and how many full ones are kept."""
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on (HOLDFAST_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on (HOLDFAST_PORT).")] = None,
    data: Annotated[Path | None, typer.Option(help="The data directory (HOLDFAST_DATA).")] = None,
    secure: Annotated[bool | None, typer.Option("--secure", help="Every caller needs a credential.")] = None,
    ade: Annotated[bool, typer.Option("--ade", hidden=True)] = False,
    debug: Annotated[bool | None, typer.Option("--debug", help="Log every request.")] = None,
) -> None:
    """Start the server. (`--ade` is accepted for the sake of old start scripts: the web UI is always served.)"""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    flags = {"host": host, "port": port, "data": data, "secure": secure, "debug": debug}
    settings = with_password(load(os.environ, flags))
    start_log(settings)
    openfiles.allow_all()
    with ports.listening(settings.host, settings.port) as at, installation.owned(settings):
        opened = open_database(settings)
        has_keys = opened.db.now(auth_store.has_keys)
        if problem := settings.bind_problem(has_keys):
            raise ConfigError(problem)
        made = create_app(settings, opened)
        _banner(settings, made, at, has_keys)
        if settings.log_file is not None:  # the banner says it on the screen
            log.info("version %s listens on port %s", __version__, at.getsockname()[1])
        _run(settings, made, at)


def start_log(settings: Settings) -> None:
    """Libraries that log each request of theirs are only heard when debugging."""
    logging.basicConfig(level="DEBUG" if settings.debug else settings.log_level.upper(), format=LOG_FORMAT)
    if settings.log_file is not None:
        logging.getLogger().addHandler(_log_file(settings.log_file))
    for talkative in TALKATIVE:
        logging.getLogger(talkative).setLevel("DEBUG" if settings.debug else "WARNING")


def _log_file(path: Path) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
    except OSError as failed:
        raise ConfigError(
            f"The log cannot be written to {path} ({failed.strerror}). Choose another HOLDFAST_LOG_FILE."
        ) from failed
    handler.setFormatter(logging.Formatter(LOG_FORMAT))
    return handler


class DrainingServer(uvicorn.Server):
    """Asked to stop, it lets the turns at work end; meanwhile it still answers, and starts no new ones."""

    def __init__(self, config: uvicorn.Config, made: Starlette) -> None:
        super().__init__(config)
        self._made = made

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        asked_at = time.monotonic()
        self._made.state.draining.set()
        draining = asyncio.create_task(self._made.state.runner.drain())
        while not draining.done() and not self.force_exit:
            await asyncio.wait((draining,), timeout=INSISTENCE_S)
        left = self._made.state.settings.drain_seconds - int(time.monotonic() - asked_at)
        self.config.timeout_graceful_shutdown = max(left, 0) + LAST_WORDS_S
        await super().shutdown(sockets)


def _run(settings: Settings, made: Starlette, at: socket.socket) -> None:
    config = uvicorn.Config(
        made,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=settings.debug,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    DrainingServer(config, made).run(sockets=[at])


def leave(_number: int, _frame: FrameType | None) -> NoReturn:
    """Asked to stop: nothing went wrong. While the server works, uvicorn drains it before this is reached."""
    sys.exit(0)


def _banner(settings: Settings, made: Starlette, at: socket.socket, has_keys: bool) -> None:
    """What whoever started the server needs to know; never a secret."""
    host, port = at.getsockname()[:2]
    lines = [
        f"Holdfast {__version__} listens on http://{f'[{host}]' if ':' in host else host}:{port}",
        f"  data    {_data(settings)}",
        f"  model   {_model(made)}",
        f"  access  {_access(settings, has_keys)}",
        *(f"  warning: {warning}" for warning in settings.warnings),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _data(settings: Settings) -> str:
    if settings.pg_uri:
        return f"PostgreSQL, schema {settings.pg_schema}; files in {settings.data}"
    return f"{settings.sqlite_path} (SQLite)"


def _model(made: Starlette) -> str:
    default: str = made.state.models.default
    if default != DEMO:
        return f"{default} (another: HOLDFAST_DEFAULT_MODEL=provider/name)"
    return f"{DEMO}, which only shows that things work. Set OLLAMA_BASE_URL or OPENAI_API_KEY and start again."


def _access(settings: Settings, has_keys: bool) -> str:
    if settings.auth_on(has_keys):
        place = settings.origins.get("password", "")
        if place.startswith("generated"):
            return f"every caller needs the password ({place}) or an API key"
        return "every caller needs the password or an API key" if settings.password else "every caller needs an API key"
    if not settings.is_loopback:
        return "OPEN to everyone who reaches the port, as LETTA_SERVER_SECURE=false says"
    if settings.password:
        return "open to this machine; the password is not asked for, as LETTA_SERVER_SECURE=false says"
    return "open to this machine only (LETTA_SERVER_PASSWORD=… asks for a password)"
