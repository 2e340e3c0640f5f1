"""`holdfast export`: everything that is known about an identity, or by an agent, as a file."""

import os
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli import agents
from holdfast.cli.client import Away, Client, Key, Url
from holdfast.errors import BadRequest

app = typer.Typer()

END = b'"complete":true}'


@app.command()
def export(
    whose: Annotated[str, typer.Argument(metavar="WHOSE", help="identity-…, agent-…, or an agent's name.")],
    file: Annotated[Path | None, typer.Argument(help="The file to make; WHOSE.json when left out.")] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Write everything that is known about an identity, or by an agent, into a JSON file."""
    client = Client(url, key)
    is_identity = whose.startswith("identity-")
    id = whose if is_identity or (whose.startswith("agent-") and len(whose) > 36) else agents.find(client, whose)["id"]
    target = file or Path(f"{id}.json")
    partial = target.with_name(f".{target.name}.partial")
    last = b""
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            for piece in client.download("/v1/export/", **{"identity_id" if is_identity else "agent_id": id}):
                out.write(piece)
                last = (last + piece)[-64:]
        if not last.rstrip().endswith(END):
            raise Away("The export broke off before its end; try again.")
        partial.replace(target)
    except OSError as failed:
        raise BadRequest(f"{target} cannot be written: {failed.strerror}.") from failed
    finally:
        partial.unlink(missing_ok=True)
    typer.echo(f"{target}: {target.stat().st_size / 2**20:.1f} MB, readable by you alone.")
