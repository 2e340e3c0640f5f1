"""`holdfast forget`: remove something for good, with all that was made from it."""

import json
import time
from typing import Annotated, Any

import typer

from holdfast.cli import agents, screen
from holdfast.cli.client import Client, Key, Url
from holdfast.errors import BadRequest

app = typer.Typer()

FIELDS = {
    "agent": "agent_id",
    "conv": "conversation_id",
    "message": "message_id",
    "passage": "passage_id",
    "block": "block_id",
    "archive": "archive_id",
    "source": "folder_id",
    "file": "file_id",
    "identity": "identity_id",
}
"""What an id begins with, and the field of the request that takes it."""

LOOK_AGAIN_S = 0.5


@app.command()
def forget(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="An id (identity-…, agent-…, conv-…, message-…, passage-…, block-…, archive-…, source-…, file-…), "
            "or an agent's name.",
        ),
    ],
    thread: Annotated[bool, typer.Option("--thread", help="Of an agent only what was said in its own thread.")] = False,
    shared: Annotated[bool, typer.Option("--shared", help="Forget also what others use.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is in no file any more.")] = True,
    url: Url = None,
    key: Key = None,
) -> None:
    """Remove something for good: rows, versions, search, events, and what is left of them in the database's files."""
    client = Client(url, key)
    body = _named(client, what, thread=thread) | {"shared": shared}
    _show(client.call("POST", "/v1/forget/preview", body))
    if not yes:
        typer.confirm("Forget this for good? It cannot be undone.", abort=True)
    job: dict[str, Any] = client.call("POST", "/v1/forget/", body)
    typer.echo(f"{job['id']} has begun; nobody can reach it any more.")
    if wait:
        _follow(client, job)


def _named(client: Client, what: str, *, thread: bool) -> dict[str, str]:
    """The request's field for what is meant."""
    kind = what.partition("-")[0]
    is_id = kind in FIELDS and len(what) > 36
    if thread and is_id and kind != "agent":
        raise BadRequest("--thread is for agents: what was said in an agent's own thread goes, and the agent stays.")
    id = what if is_id else str(agents.find(client, what)["id"])
    field = FIELDS[kind] if is_id else "agent_id"
    return {"conversation_id" if thread else field: id}


def _show(plan: dict[str, Any]) -> None:
    typer.echo(f"This forgets {plan['kind']} {plan['target']}:")
    for kind, ids in plan["forgets"].items():
        typer.echo(f"  {len(ids)} {kind if len(ids) != 1 else kind.rstrip('s')}")
    for kept in plan["kept"]:
        typer.echo(f"  {kept['id']} stays: {screen.safe(kept['why'])} (--shared forgets it too)")


def _follow(client: Client, job: dict[str, Any]) -> None:
    """Say how far it is, until it is over."""
    told = ""
    while job["status"] != "done":
        where = (
            job["problem"]
            or {"erasing": "Rows are being removed.", "rewriting": "Files are to be written anew."}[job["status"]]
        )
        if where != told:
            typer.echo(screen.safe(where))
            told = where
        time.sleep(LOOK_AGAIN_S)
        job = client.call("GET", f"/v1/forget/{job['id']}")
    typer.echo("It is in no file of the database any more. Removed: " + json.dumps(job["erased"]))
    typer.echo("Backups, and snapshots made before upgrades, may still hold it: docs/forget.md says where they are.")
