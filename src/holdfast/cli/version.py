"""`holdfast version`: which Holdfast, on which Python."""

import platform

import typer

from holdfast import __version__

app = typer.Typer()


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"holdfast {__version__} (Python {platform.python_version()}, {platform.system()} {platform.machine()})")
