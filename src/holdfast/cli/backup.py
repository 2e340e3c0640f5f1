"""`holdfast backup`: everything in one file, while the server works."""

from pathlib import Path
from typing import Annotated

import typer

from holdfast import __version__
from holdfast.cli import installation
from holdfast.config import Settings
from holdfast.errors import BadRequest
from holdfast.store import backup as backups
from holdfast.store.opening import engine_of

app = typer.Typer()


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="The file to make, such as holdfast-2026-11-21.zip.")]) -> None:
    """Copy everything into one file, while the server works; it restores into SQLite and PostgreSQL alike."""
    settings = installation.settings()
    if not settings.pg_uri and not settings.sqlite_path.exists():
        raise BadRequest(f"There is nothing to back up: there is no {settings.sqlite_path}.")
    engine = engine_of(settings)
    manifest = backups.write(engine, file.absolute(), __version__)
    engine.dispose()
    size = file.stat().st_size / 2**20
    typer.echo(f"{file}: {manifest.rows} rows of {len(manifest.tables)} tables, {size:.1f} MB.")
    typer.echo(f"Secrets in it stay encrypted. To read them again keep {_key_place(settings)} in another place.")


def _key_place(settings: Settings) -> str:
    if settings.encryption_key:
        return f"the value of {settings.origins['encryption_key']}"
    return str(settings.key_path)
