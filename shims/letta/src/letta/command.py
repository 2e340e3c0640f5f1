"""The `letta` command, for start scripts that call it."""

import argparse
import sys
from importlib import import_module

from letta import __version__

IGNORED = ("--reload", "--localhttps", "--type", "--use-ssl")
"""What old start scripts say and Holdfast has no use for."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="letta", description="Starts Holdfast under the name that scripts know.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("version", help="print the version")
    server = commands.add_parser("server", help="start the server")
    for option in ("--host", "--port"):
        server.add_argument(option)
    for flag in ("--ade", "--secure", "--debug"):
        server.add_argument(flag, action="store_true")
    asked, unknown = parser.parse_known_args()
    if asked.command == "version":
        sys.stdout.write(f"{__version__}\n")
    else:
        _refuse_foreign(parser, unknown)
        _serve(asked)


def _refuse_foreign(parser: argparse.ArgumentParser, unknown: list[str]) -> None:
    options = [word for word in unknown if word.startswith("-")]
    if foreign := [word for word in options if word.split("=")[0] not in IGNORED]:
        parser.error(f"unknown options: {' '.join(foreign)}")
    if options:
        sys.stderr.write(f"letta: without effect here: {' '.join(options)}\n")


def _serve(asked: argparse.Namespace) -> None:
    words = ["holdfast", "serve"]
    words += [word for name in ("host", "port") if (value := getattr(asked, name)) for word in (f"--{name}", value)]
    words += [f"--{name}" for name in ("ade", "secure", "debug") if getattr(asked, name)]
    try:
        cli = import_module("holdfast.cli")
    except ModuleNotFoundError as missing:
        sys.exit(f"letta: {missing.name} is not installed; `letta server` needs pip install 'letta[server]'")
    sys.argv = words
    cli.main()
