"""`holdfast migrate`: the schema of the database, brought up to date without starting the server."""

from typing import Annotated

import typer

from holdfast.cli import installation
from holdfast.config import Settings
from holdfast.store import schema
from holdfast.store.opening import engine_of, open_database

app = typer.Typer()


@app.command()
def migrate(
    yes: Annotated[bool, typer.Option("--yes", help="Also changes that remove or rewrite stored data.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Bring the database up to date. The server does the same when it starts, except for what needs --yes."""
    settings = installation.settings()
    if dry_run:
        typer.echo("\n".join(_planned(settings)))
        return
    with installation.owned(settings):
        opened = open_database(settings, destructive_ok=yes)
        opened.db.close()
    report = opened.report
    if report.before == report.after:
        typer.echo(f"The schema is up to date ({report.after}).")
    else:
        typer.echo(f"The schema went from {report.before or 'nothing'} to {report.after}.")
    if report.snapshot:
        typer.echo(f"What was there before is in {report.snapshot}.")


def _planned(settings: Settings) -> list[str]:
    if not settings.pg_uri and not settings.sqlite_path.exists():
        return [f"{settings.sqlite_path} would be made, with schema {schema.HEAD}."]
    engine = engine_of(settings)
    try:
        return schema.pending(engine) or [f"Nothing to do for a database at {schema.HEAD}, or an empty one."]
    finally:
        engine.dispose()
