"""`holdfast service qwen`: the memory service, with a server of its own inside."""

import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from starlette.applications import Starlette

from holdfast import __version__
from holdfast.app import create_app
from holdfast.auth import store as auth_store
from holdfast.cli import installation, openfiles, ports
from holdfast.cli.serve import KEEP_ALIVE_S, LOG_FORMAT, DrainingServer, leave, start_log
from holdfast.config import ConfigError, Settings, load, with_password
from holdfast.facades.qwen import store
from holdfast.facades.qwen.app import create_service
from holdfast.facades.qwen.config import QwenConfig, read
from holdfast.store.opening import open_database

app = typer.Typer()
service = typer.Typer(help="Services for programs that know another interface than this server's.")
app.add_typer(service, name="service")

DATA = Path("data/letta")
OLLAMA = "http://127.0.0.1:11434"
CONFIGS = (Path("letta_config.json"), Path("config/letta_config.json"))
"""Where a configuration is looked for when none is named."""
ELSEWHERE = "`holdfast service qwen HOST {port}`"
NOT_OURS = ("HOLDFAST_PG_URI", "LETTA_PG_URI", "LETTA_PG_HOST", "LETTA_MODEL")
"""Variables that are a server's beside this one, or read here and not there."""

Sources = Mapping[str, str | Path | None]


@service.callback()
def _services() -> None:
    """Keeps `qwen` a word of its own while it is the only one."""


@service.command()
def qwen(
    host: Annotated[
        str, typer.Argument(help="The address to listen on; other than loopback needs a credential.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Argument(min=0, max=65535, help="The port; 0 takes any that is free.")] = 8888,
    ollama_url: Annotated[str | None, typer.Option(help="Where Ollama is (OLLAMA_URL).")] = None,
    model: Annotated[str | None, typer.Option(help="The model as `ollama list` names it (LETTA_MODEL).")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where the memory is kept (DATA_DIR).")] = None,
    config: Annotated[Path | None, typer.Option(help="The configuration, letta_config.json.")] = None,
) -> None:
    """Chat with memory on port 8888: for Open WebUI, and for scripts that were written for letta_server.py."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    chosen, notes = _config(config, ollama_url, model)
    settings = _settings(chosen, data_dir, host, port)
    _log(settings, chosen)
    openfiles.allow_all()
    with ports.listening(host, port, ELSEWHERE) as at, installation.owned(settings):
        store.drop_views(settings.sqlite_path)
        opened = open_database(settings)
        if problem := settings.bind_problem(opened.db.now(auth_store.has_keys)):
            raise ConfigError(problem)
        made = create_service(create_app(settings, opened), chosen, notes)
        _banner(settings, chosen, at, notes)
        _run(made, at)


def _config(path: Path | None, ollama_url: str | None, model: str | None) -> tuple[QwenConfig, list[str]]:
    """The file's, with what the command line and the environment say instead."""
    found = path or next((each for each in CONFIGS if each.exists()), None)
    config, notes = read(found) if found else (QwenConfig(), list[str]())
    told = {
        "name": model or os.environ.get("LETTA_MODEL") or config.model.name,
        "base_url": ollama_url or _ollama_url(os.environ) or config.model.base_url or OLLAMA,
    }
    return config.model_copy(update={"model": config.model.model_copy(update=told)}), notes


def _ollama_url(environment: Mapping[str, str]) -> str | None:
    return environment.get("OLLAMA_URL") or environment.get("OLLAMA_BASE_URL")


def _settings(config: QwenConfig, data_dir: Path | None, host: str, port: int) -> Settings:
    """The settings of the server inside: an SQLite file of the name that users know."""
    kept = Path(config.memory.archival.path or DATA / "archival.db")
    named = data_dir or os.environ.get("DATA_DIR")
    environment = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    if config.model.type == "ollama":
        environment |= {"OLLAMA_BASE_URL": config.model.base_url or OLLAMA}
        environment.pop("OLLAMA_URL", None)
    flags = {"host": host, "port": port, "data": Path(named).expanduser() if named else kept.expanduser().parent}
    settings = load(environment, {**flags, "default_model": config.model.handle})
    return with_password(replace(settings, database_name=kept.name))


def _log(settings: Settings, config: QwenConfig) -> None:
    level = (config.logging.level or settings.log_level).lower()
    if level not in ("debug", "info", "warning", "error", "critical"):
        raise ConfigError(f"logging.level {config.logging.level!r} is none of debug, info, warning and error.")
    start_log(replace(settings, log_level=level))
    if config.logging.file is None:
        return
    path = Path(config.logging.file).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as failed:
        raise ConfigError(f"logging.file {path} cannot be written: {failed.strerror}.") from failed
    handler.setFormatter(logging.Formatter(LOG_FORMAT))
    logging.getLogger().addHandler(handler)


def _banner(settings: Settings, config: QwenConfig, at: socket.socket, notes: list[str]) -> None:
    host, port = at.getsockname()[:2]
    lines = [
        f"Holdfast {__version__}, memory service: listens on http://{f'[{host}]' if ':' in host else host}:{port}",
        f"  data    {settings.sqlite_path}",
        f"  model   {config.model.name} of {config.model.base_url}",
        *(f"  config: {note}" for note in notes),
        *(f"  warning: {warning}" for warning in settings.warnings),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _run(made: Starlette, at: socket.socket) -> None:
    config = uvicorn.Config(
        made,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    DrainingServer(config, made).run(sockets=[at])
