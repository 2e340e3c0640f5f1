"""The `holdfast` command: a file per command, and only the one that was asked for is loaded."""

import sys
from importlib import import_module

import typer

from holdfast.config import ConfigError
from holdfast.errors import AppError

COMMANDS = {
    "serve": "Start the server.",
    "service": "Start the memory service that chat programs for Ollama talk to.",
    "chat": "Talk to an agent.",
    "agents": "List, show, create and delete agents.",
    "memory": "See and undo what changed in an agent's memory.",
    "files": "Put files into folders, and give folders to agents.",
    "mcp": "Give programs that speak MCP the memory kept here, over standard input and output.",
    "forget": "Remove something for good, with all that was made from it.",
    "export": "Write everything that is known about someone into a file.",
    "audit": "List what was forgotten and exported, by whom and when.",
    "providers": "List, add, check and remove model providers.",
    "keys": "Create, list and revoke API keys.",
    "orgs": "Create, list and delete organizations.",
    "backup": "Copy everything into one file, while the server works.",
    "restore": "Fill the database from a backup.",
    "config": "Look at the settings.",
    "doctor": "Look for problems and say how to fix them.",
    "migrate": "Bring the database up to date.",
    "version": "Print the version.",
}
"""Each is a module of this package with an `app`; `serve` must not pay for what the others import."""

MODULES = {"service": "qwen"}
"""The modules that have another name than their command."""


def main() -> None:
    """Run the command line; a problem ends it with a sentence on stderr and a code other than 0."""
    asked = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    root = typer.Typer(
        name="holdfast",
        help="A self-hosted server for agents that keep their memory.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    root.callback()(_group)
    if asked in COMMANDS:
        root.add_typer(import_module(f"holdfast.cli.{MODULES.get(asked, asked)}").app)
    else:
        for name, text in COMMANDS.items():
            root.command(name, help=text)(_group)
    try:
        root(prog_name="holdfast")
    except (ConfigError, AppError) as problem:
        typer.echo(f"error: {problem}", err=True)
        sys.exit(1)
    except ModuleNotFoundError as missing:
        if missing.name != "psycopg":
            raise
        typer.echo("error: PostgreSQL needs its driver: pip install 'holdfast[postgres]'", err=True)
        sys.exit(1)
    except OSError as problem:  # a full disk, a missing right: the file's name says what to do
        place = f": {problem.filename}" if problem.filename else ""
        typer.echo(f"error: {problem.strerror or problem}{place}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _group() -> None:
    """A self-hosted server for agents that keep their memory."""
