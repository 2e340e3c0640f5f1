"""`holdfast config explain`: every setting, its value and where it came from."""

import os
from typing import Annotated

import typer

from holdfast.cli import screen
from holdfast.config import SETTINGS, Setting, Settings, load

app = typer.Typer(name="config", help="Look at the settings.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Look at the settings."""


@app.command()
def explain(
    variables: Annotated[bool, typer.Option(help="Also list the variables that set each one.")] = False,
) -> None:
    """Print every setting, its value and where it came from."""
    settings = load(os.environ, {})
    heads = ["setting", "value", "from", "meaning"] + (["variables"] if variables else [])
    rows = [
        [row.name, _shown(row, settings), settings.origins[row.name], row.about]
        + ([", ".join(row.variables)] if variables else [])
        for row in SETTINGS
    ]
    screen.table(heads, rows)
    for warning in settings.warnings:
        screen.err.print(f"warning: {warning}")


def _shown(row: Setting, settings: Settings) -> str:
    value = getattr(settings, row.name)
    if value is None or value == ():
        return "-"
    if row.secret:
        return "(set, not shown)"
    if isinstance(value, tuple):
        return ", ".join(value)  # pyright: ignore[reportUnknownArgumentType] -- the only tuples are of text
    return str(value).lower() if isinstance(value, bool) else str(value)
