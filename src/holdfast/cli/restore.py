"""`holdfast restore`: the database, as a backup has it."""

from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli import installation
from holdfast.store import restore as restoring
from holdfast.store.opening import open_database

app = typer.Typer()


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `holdfast backup` made, on either engine.")],
    replace: Annotated[bool, typer.Option("--replace", help="Delete what the database holds now.")] = False,
) -> None:
    """Fill the database from a backup, and prove it: every row is read again, counted and hashed."""
    settings = installation.settings()
    restoring.read_manifest(file)
    with installation.owned(settings):
        db = open_database(settings).db
        try:
            done = db.now(restoring.load, file, replace=replace)
        finally:
            db.close()
    manifest = done.manifest
    for name, content in manifest.tables.items():
        if content.rows:
            typer.echo(f"{content.rows:>10}  {name}  sha256 {content.digest[:16]}…  equal")
    typer.echo(f"Restored {manifest.rows} rows of {len(manifest.tables)} tables, made {manifest.made_at[:19]} UTC.")
    if not done.secrets_open:
        typer.echo(
            "warning: its secrets were encrypted under another key. Start the server with the HOLDFAST_ENCRYPTION_KEY "
            f"of that installation, or put its key file in the place of {settings.key_path}.",
            err=True,
        )
